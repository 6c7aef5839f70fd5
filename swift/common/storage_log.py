"""The request line that account, container and object servers log.

Layer 1. The line follows the option ``log_format``; its default is the format that operators'
tools parse (sheet 07 §17.3), and that one is put together without the general machinery, since it
is written for every request.
"""
import os
import string
from typing import Any

from swift.common.clock import SYSTEM, Clock
from swift.common.errors import ConfigError
from swift.core.constraints import config_true_value
from swift.core.log_template import Anonymizer, plain_time, time_format
from swift.core.wsgi_text import wsgi_quote

_FAST = ('%s - - [%s +0000] "%s %s" %s %s "%s" "%s" "%s" %.4f "%s" %d %s')
_QUIET_METHODS = frozenset(('REPLICATE', 'SSYNC'))
_EXAMPLE_TEXTS = ('remote_addr', 'method', 'path', 'status', 'content_length', 'referer', 'txn_id',
                  'user_agent', 'additional_info', 'policy_index', 'disk', 'partition', 'account',
                  'container', 'object')


class RequestLog:
    """Writes one line per request. ``options`` are those of a storage server."""

    def __init__(self, options: Any, logger: Any, clock: Clock = SYSTEM):
        self._logger = logger
        self._clock = clock
        self._enabled = options.log_requests
        self._anonymizer = Anonymizer(options.log_anonymization_method,
                                      options.log_anonymization_salt)
        self._template = None
        if options.log_format != type(options).table['log_format'].default:
            self._template = options.log_format
            _check_template(self._template, self._anonymizer)
        self._datetime = time_format('datetime')
        self._second = -1
        self._second_text = ''

    def write(self, environ: dict, status: int, content_length: str | None, trans_time: float,
              policy_index: int | str | None = None, additional_info: str = '') -> None:
        """Log a finished request. Cost: a few µs beside the sink's."""
        method = environ['REQUEST_METHOD']
        replication = environ.get('HTTP_X_BACKEND_REPLICATION')
        quiet = (method in _QUIET_METHODS
                 or replication is not None and config_true_value(replication))
        if not self._enabled or (quiet and not self._logger.isEnabledFor(10)):
            return
        log = self._logger.debug if quiet else self._logger.info
        path = wsgi_quote(environ.get('SCRIPT_NAME', '') + environ['PATH_INFO'])
        policy = '-' if policy_index is None else str(policy_index)
        if self._template is not None:
            log(self._render(environ, path, status, content_length, trans_time, policy,
                             additional_info))
            return
        log(_FAST % (
            environ.get('REMOTE_ADDR') or '-', self._now(), method, path,
            status, _shown_length(content_length), environ.get('HTTP_REFERER') or '-',
            environ.get('HTTP_X_TRANS_ID') or '-', environ.get('HTTP_USER_AGENT') or '-',
            trans_time, additional_info or '-', os.getpid(), policy))

    def _now(self) -> str:
        seconds = int(self._clock.time())
        if seconds != self._second:
            date, hour, minute, second = self._datetime(seconds).rsplit('/', 3)
            self._second_text = '%s:%s:%s:%s' % (date, hour, minute, second)
            self._second = seconds
        return self._second_text

    def _render(self, environ: dict, path: str, status: int, content_length: str | None,
                trans_time: float, policy: str, additional_info: str) -> str:
        def text(value: str | None) -> _Text:
            return _Text(value or '-', self._anonymizer)
        names = (environ['PATH_INFO'].split('/', 5) + [''] * 6)[1:6]
        values = {
            'remote_addr': text(environ.get('REMOTE_ADDR')), 'time': _Time(self._clock.time()),
            'method': text(environ['REQUEST_METHOD']), 'path': text(path),
            'status': text(str(status)), 'content_length': text(_shown_length(content_length)),
            'referer': text(environ.get('HTTP_REFERER')),
            'txn_id': text(environ.get('HTTP_X_TRANS_ID')),
            'user_agent': text(environ.get('HTTP_USER_AGENT')), 'trans_time': trans_time,
            'additional_info': text(additional_info), 'pid': os.getpid(), 'policy_index': policy}
        for field, name in zip(('disk', 'partition', 'account', 'container', 'object'), names,
                               strict=True):
            values[field] = text(name)
        return self._template.format_map(values)


class _Text(str):
    """A field of the line; unlike those of the access log it is not quoted."""

    _anonymizer: Anonymizer

    def __new__(cls, value: str, anonymizer: Anonymizer):
        self = super().__new__(cls, value)
        self._anonymizer = anonymizer
        return self

    @property
    def anonymized(self) -> str:
        return self if self == '-' else self._anonymizer(str(self))


class _Time:
    """The time field: its attributes are those of access log templates."""

    def __init__(self, seconds: float):
        self._seconds = seconds

    def __getattr__(self, name: str) -> str:
        form = time_format(name)
        if form is None:
            raise AttributeError('time has no attribute %r' % name)
        return form(self._seconds)

    def __str__(self) -> str:
        return plain_time(self._seconds)


def _check_template(template: str, anonymizer: Anonymizer) -> None:
    """Raise ConfigError for a template that a request would trip over."""
    values = dict.fromkeys(_EXAMPLE_TEXTS, _Text('x', anonymizer))
    try:
        string.Formatter().vformat(template, (), {
            **values, 'time': _Time(0), 'trans_time': 0.0, 'pid': 0})
    except (LookupError, AttributeError, ValueError) as error:
        raise ConfigError('log_format: %s' % error) from None


def _shown_length(content_length: str | None) -> str:
    """Compat: no length and a length of zero both show as a dash."""
    return content_length if content_length and content_length != '0' else '-'
