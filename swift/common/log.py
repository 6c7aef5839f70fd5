"""Loggers: one line per event, with the transaction of the request it belongs to.

Layer 1. `get_logger(options)` returns an object with the methods of `logging.Logger` plus
`notice`; it formats and hands the line to a sink (swift.common.log_sinks) that never waits.
It is not built on the stdlib's record machinery, because an access line has to cost
microseconds; a record is made only when a custom handler (option log_custom_handlers) listens.

    <server>: <message>[ (txn: <id>)][ (client_ip: <ip>)]

Newlines become `#012`. An exception that is weather (refused, reset, timed out, ...) adds
`: <reason>`, any other its traceback. The client address is left out at INFO level.

The transaction is kept in a context variable, hence per green thread; `set_transaction` is
called by whoever starts a request, `clear_transaction` by whoever ends it.

Source: sheet 07 section 17.
"""
import contextlib
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from swift.common.config.common import LogOptions
from swift.common.errors import weather_reason
from swift.common.log_sinks import ConsoleSink, FileSink, Sink, syslog_sink

DEBUG, INFO, NOTICE, WARNING, ERROR, CRITICAL = 10, 20, 25, 30, 40, 50
LEVELS = {'DEBUG': DEBUG, 'INFO': INFO, 'NOTICE': NOTICE, 'WARNING': WARNING, 'WARN': WARNING,
          'ERROR': ERROR, 'CRITICAL': CRITICAL, 'FATAL': CRITICAL}
SEVERITIES = {DEBUG: 7, INFO: 6, NOTICE: 5, WARNING: 4, ERROR: 3, CRITICAL: 2}
FACILITIES = {name: code for code, name in enumerate(
    'LOG_KERN LOG_USER LOG_MAIL LOG_DAEMON LOG_AUTH LOG_SYSLOG LOG_LPR LOG_NEWS LOG_UUCP '
    'LOG_CRON LOG_AUTHPRIV'.split())}
FACILITIES.update({'LOG_LOCAL%d' % number: 16 + number for number in range(8)})
LINE_FORMAT = '%(server)s: %(message)s'
SHORTEST_ELLIPSIS = 7

logging.addLevelName(NOTICE, 'NOTICE')


class Transaction(NamedTuple):
    """What a request adds to its log lines."""

    trans_id: str = ''
    client_ip: str = ''


_transaction: ContextVar[Transaction | None] = ContextVar('transaction', default=None)


def set_transaction(trans_id: str | None, client_ip: str | None = None) -> None:
    """Mark all further lines of this green thread."""
    _transaction.set(Transaction(trans_id or '', client_ip or ''))


def get_transaction() -> Transaction:
    """Return what this green thread's lines are marked with."""
    return _transaction.get() or Transaction()


def clear_transaction() -> None:
    """End the marking of this green thread's lines."""
    _transaction.set(None)


class Logger:
    """Formats lines and gives them to its sinks. Safe in green threads and native threads.

    `server` starts each line; `name` is the route (the stdlib logger name custom handlers see).
    """

    def __init__(self, server: str, sinks: tuple[Sink, ...], level: int = INFO,
                 facility: int = 16, max_line_length: int = 0, name: str = ''):
        self.server = server
        self.name = name or server
        self.level = level
        self.max_line_length = max_line_length
        self.record_logger: logging.Logger | None = None
        self._sinks = sinks
        self._priorities = {step: facility * 8 + severity
                            for step, severity in SEVERITIES.items()}
        self._facility = facility

    # -- the stdlib's interface ---------------------------------------------------------------

    def debug(self, msg: Any, *args: Any, **more: Any) -> None:
        """Log for developers."""
        if self.level <= DEBUG:
            self._log(DEBUG, msg, args, **more)

    def info(self, msg: Any, *args: Any, **more: Any) -> None:
        """Log an ordinary event. Cost: about 5 µs including the datagram."""
        if self.level <= INFO:
            self._log(INFO, msg, args, **more)

    def notice(self, msg: Any, *args: Any, **more: Any) -> None:
        """Log a step in the life of the process."""
        if self.level <= NOTICE:
            self._log(NOTICE, msg, args, **more)

    def warning(self, msg: Any, *args: Any, **more: Any) -> None:
        """Log something an operator should look at some day."""
        if self.level <= WARNING:
            self._log(WARNING, msg, args, **more)

    warn = warning

    def error(self, msg: Any, *args: Any, **more: Any) -> None:
        """Log a failure."""
        if self.level <= ERROR:
            self._log(ERROR, msg, args, **more)

    def critical(self, msg: Any, *args: Any, **more: Any) -> None:
        """Log a failure that stops the service."""
        self._log(CRITICAL, msg, args, **more)

    fatal = critical

    def exception(self, msg: Any, *args: Any, exc_info: Any = True, **more: Any) -> None:
        """Log a failure with the exception being handled."""
        if self.level <= ERROR:
            self._log(ERROR, msg, args, exc_info=exc_info, **more)

    def log(self, level: int, msg: Any, *args: Any, **more: Any) -> None:
        """Log at a level given as number."""
        if self.level <= level:
            self._log(level, msg, args, **more)

    def isEnabledFor(self, level: int) -> bool:
        """Tell whether a line of that level would be written."""
        return self.level <= level

    def getEffectiveLevel(self) -> int:
        """Return the lowest level written."""
        return self.level

    def setLevel(self, level: int | str) -> None:
        """Change the lowest level written."""
        self.level = parse_level(level) if isinstance(level, str) else level

    # -- Compat: third-party filters set the transaction on the logger they were given ---------

    @property
    def thread_locals(self) -> tuple[str, str]:
        """The transaction id and client address of this green thread."""
        return tuple(get_transaction())

    @thread_locals.setter
    def thread_locals(self, values: tuple[str | None, str | None]) -> None:
        set_transaction(*values)

    @property
    def txn_id(self) -> str:
        """The transaction id of this green thread."""
        return get_transaction().trans_id

    @txn_id.setter
    def txn_id(self, value: str | None) -> None:
        set_transaction(value, self.client_ip)

    @property
    def client_ip(self) -> str:
        """The client address of this green thread."""
        return get_transaction().client_ip

    @client_ip.setter
    def client_ip(self, value: str | None) -> None:
        set_transaction(self.txn_id, value)

    # -- ours ---------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send lines that had to wait; for the idle loop of a process."""
        for sink in self._sinks:
            sink.flush()

    def close(self) -> None:
        """Flush and close all sinks."""
        for sink in self._sinks:
            sink.close()

    def _log(self, level: int, msg: Any, args: tuple, exc_info: Any = None,
             extra: Any = None, stack_info: bool = False, stacklevel: int = 1) -> None:
        line = text = msg if not args and type(msg) is str else render(msg, args)
        if exc_info is not None:
            exc_info = _exception_of(exc_info)
            if exc_info is not None:
                line = text + _describe(exc_info)
        if '\n' in line:
            line = line.replace('\n', '#012')
        transaction = _transaction.get()
        if transaction is not None:
            trans_id, client_ip = transaction
            if trans_id and trans_id not in line:
                line = '%s (txn: %s)' % (line, trans_id)
            if client_ip and level != INFO and client_ip not in line:
                line = '%s (client_ip: %s)' % (line, client_ip)
        line = '%s: %s' % (self.server, line)
        if self.max_line_length and len(line) > self.max_line_length:
            line = shorten(line, self.max_line_length)
        priority = self._priorities.get(level)
        if priority is None:
            priority = self._facility * 8 + _severity(level)
        for sink in self._sinks:
            sink.send(priority, line)
        if self.record_logger is not None and self.record_logger.handlers:
            self._make_record(level, text, exc_info)

    def _make_record(self, level: int, text: str, exc_info: Any) -> None:
        frame = sys._getframe(3)
        record = self.record_logger.makeRecord(
            self.name, level, frame.f_code.co_filename, frame.f_lineno, text, (),
            (type(exc_info), exc_info, exc_info.__traceback__) if exc_info else None,
            frame.f_code.co_name)
        record.server = self.server
        record.txn_id, record.client_ip = get_transaction()
        self.record_logger.handle(record)


def render(msg: Any, args: tuple) -> str:
    """Return the message with its arguments; a mismatch shows both instead of raising."""
    if not args:
        return msg if type(msg) is str else str(msg)
    if len(args) == 1 and isinstance(args[0], Mapping) and args[0]:
        args = args[0]
    try:
        return str(msg) % args
    except (TypeError, ValueError, KeyError):
        return '%s %r' % (msg, args)


def shorten(line: str, limit: int) -> str:
    """Return `line` without its middle, at most `limit` characters long."""
    if len(line) <= limit:
        return line
    if limit < SHORTEST_ELLIPSIS:
        return line[:limit]
    half = (limit - 5) // 2
    return line[:half] + ' ... ' + line[-half:]


def parse_level(name: str) -> int:
    """Return the number of a level name; an unknown name means INFO."""
    return LEVELS.get(name.strip().upper(), INFO)


def _severity(level: int) -> int:
    below = [step for step in SEVERITIES if step <= level]
    return SEVERITIES[max(below)] if below else SEVERITIES[DEBUG]


def _exception_of(exc_info: Any) -> BaseException | None:
    if not exc_info:
        return None
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1]
    return sys.exc_info()[1]


def _describe(exc: BaseException) -> str:
    """Return what an exception adds to its line."""
    reason = weather_reason(exc)
    if reason is None:
        seconds = getattr(exc, 'seconds', None)
        if seconds is None:
            return '\n' + ''.join(traceback.format_exception(exc)).rstrip('\n')
        # A timeout of the green layer: its class and how long it was allowed to take.
        reason = '%s (%ss)' % (type(exc).__name__, seconds)
    return ': ' + reason


# -- building ----------------------------------------------------------------------------------

def overlay(conf: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return `conf` in which each option `<prefix>x` also sets `x`.

    `overlay(conf, 'access_')` makes access_log_name the log_name of a second logger.
    """
    merged = dict(conf)
    merged.update((name[len(prefix):], value) for name, value in conf.items()
                  if name.startswith(prefix))
    return merged


def get_logger(conf: Mapping[str, str] | LogOptions | None = None, name: str | None = None,
               route: str | None = None, log_to_console: bool = False) -> Logger:
    """Return a logger for the log_* options of `conf` (a section or parsed options).

    `name` is the start of lines when log_name is not set, `route` the name that custom handlers
    see. `log_to_console` also writes to standard error.
    """
    options = conf
    if not isinstance(conf, LogOptions):
        options = LogOptions.parse({key: value for key, value in (conf or {}).items()
                                    if key.startswith('log_')})
    server = options.log_name or name or 'swift'
    if options.log_file:
        sinks: tuple[Sink, ...] = (FileSink(options.log_file),)
    else:
        sinks = (syslog_sink(options.log_address, options.log_udp_host, options.log_udp_port),)
    if log_to_console:
        sinks += (ConsoleSink(),)
    facility = FACILITIES.get(options.log_facility, FACILITIES['LOG_LOCAL0'])
    logger = Logger(server, sinks, parse_level(options.log_level), facility,
                    options.log_max_line_length, route or server)
    if options.log_custom_handlers:
        _attach_custom_handlers(logger, options, conf, log_to_console)
    return logger


def _attach_custom_handlers(logger: Logger, options: LogOptions, conf: Any,
                            log_to_console: bool) -> None:
    logger.record_logger = logging.Logger(logger.name, logger.level)
    raw = dict(conf) if isinstance(conf, Mapping) else {}
    for hook in options.log_custom_handlers:
        module_name, _dot, function_name = hook.rpartition('.')
        try:
            function = getattr(importlib.import_module(module_name), function_name)
        except (ImportError, AttributeError, ValueError):
            print('Error calling custom handler [%s]' % hook, file=sys.stderr)
            continue
        if not callable(function):
            print('Invalid custom handler format [%s]' % hook, file=sys.stderr)
            continue
        try:
            function(raw, logger.server, log_to_console, logger.name,
                     logging.Formatter(LINE_FORMAT), logger.record_logger, logger)
        except Exception:  # somebody else's code; a start without it beats no start
            print('Error calling custom handler [%s]' % hook, file=sys.stderr)


# -- standard streams ----------------------------------------------------------------------------

class LineWriter:
    """A text stream whose lines become ERROR lines `<label>: <text>`."""

    encoding = 'utf-8'
    closed = False

    def __init__(self, logger: Logger, label: str):
        self._logger = logger
        self._label = label
        self._writing = False

    def write(self, text: str) -> int:
        """Log the text, unless it comes from logging itself."""
        stripped = text.strip()
        if stripped and not self._writing:
            self._writing = True
            try:
                self._logger.error('%s: %s', self._label, stripped)
            finally:
                self._writing = False
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Log several lines."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing is kept back."""

    def isatty(self) -> bool:
        """No terminal here."""
        return False


def capture_uncaught(logger: Logger) -> None:
    """Log exceptions that nobody handled."""
    def hook(kind: type, exc: BaseException, trace: Any) -> None:
        logger.critical('UNCAUGHT EXCEPTION', exc_info=(kind, exc, trace))
    sys.excepthook = hook


def capture_stdio(logger: Logger, keep_stderr: bool = False) -> None:
    """Point the standard descriptors at /dev/null and later prints at the log.

    Closing standard output is also how a service manager learns that the start succeeded.
    """
    capture_uncaught(logger)
    with open(os.devnull, 'r+b') as null:
        for stream, fd in ((sys.stdin, 0), (sys.stdout, 1), (sys.stderr, 2)):
            if fd == 2 and keep_stderr:
                continue
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
            with contextlib.suppress(OSError):
                os.dup2(null.fileno(), fd)
    sys.stdout = LineWriter(logger, 'STDOUT')
    if not keep_stderr:
        sys.stderr = LineWriter(logger, 'STDERR')


@contextlib.contextmanager
def transaction(trans_id: str, client_ip: str = '') -> Iterator[None]:
    """Mark the lines of a block, then restore what was there before."""
    token = _transaction.set(Transaction(trans_id, client_ip))
    try:
        yield
    finally:
        _transaction.reset(token)
