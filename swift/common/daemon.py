"""The life of a background daemon: start, passes, pacing, stop.

Layer 1. A daemon is one class with one method, `run_pass`; this module owns the rest:

    section -> logger -> Starting -> construct -> swift.conf -> privileges -> READY=1
    forever:  [jitter] pass, rest, pass, rest ...      once:  one pass
    -> STOPPING=1 -> Exited

TERM ends the whole process group at once, in the middle of whatever it does: every pass must be
safe to repeat. HUP is not handled. Work that has to use several processors, or that must not be
stopped by one hanging disk, is forked per item with `in_processes`.

Source: sheet 07 sections 6.1, 6.2.
"""
import os
import random
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from swift.common import commandline, green, recon_cache
from swift.common.clock import SYSTEM, Clock
from swift.common.cluster import Cluster
from swift.common.config.common import DaemonOptions
from swift.common.config.options import Options
from swift.common.config.parser import readconf
from swift.common.errors import ConfigError, SwiftError
from swift.common.lean import tidy_memory
from swift.common.log import Logger, capture_stdio, get_logger
from swift.common.notify import READY, STOPPING, notify
from swift.common.privileges import drop_privileges, give_to, known_user, set_priorities, settle


class Daemon:
    """Base of all daemons. `conf` is the section as texts; `options` is it parsed.

    A subclass names its table in `options_class` and implements `run_pass`. Class attributes
    choose the pacing: `jitter` sleeps a random part of the interval before the first pass, so
    that a cluster started at once does not work in step; `rest_full_interval` sleeps the whole
    interval after each pass instead of what is left of it.
    """

    options_class: type[Options] = DaemonOptions
    jitter = True
    rest_full_interval = False

    def __init__(self, conf: Mapping[str, str], logger: Logger | None = None, *,
                 clock: Clock = SYSTEM, sleep: Callable[[float], None] = green.sleep,
                 rng: Callable[[], float] = random.random):
        self.conf = dict(conf)
        self.options = self.options_class.parse(conf)
        self.logger = logger or get_logger(conf, self.options_class.section)
        self.clock = clock
        self._sleep = sleep
        self._rng = rng

    def run_pass(self, **words: Any) -> None:
        """Do everything once. `words` are the daemon's own command-line options."""
        raise NotImplementedError

    def run_once(self, **words: Any) -> None:
        """Do one pass; an error ends it."""
        self.run_pass(**words)

    def run_forever(self, **words: Any) -> None:
        """Do passes until the process ends; an error ends the pass and is logged."""
        interval = self.options.interval
        if self.jitter:
            self._sleep(self._rng() * interval)
        while True:
            began = self.clock.monotonic()
            try:
                self.run_pass(**words)
            except SwiftError as err:
                self.logger.error('ERROR in %s pass: %s', self.logger.server, err)
            except Exception:  # the item boundary of a daemon: the next pass may succeed
                self.logger.exception('Exception in %s pass', self.logger.server)
            self.logger.flush()
            took = self.clock.monotonic() - began
            self._sleep(self.rest_after(took))

    def dump_recon(self, file: str, values: Mapping[str, Any]) -> None:
        """Merge values into one of the recon files; a failure is only logged. Blocks."""
        recon_cache.dump(values, os.path.join(self.options.recon_cache_path, file), self.logger)

    def rest_after(self, took_s: float) -> float:
        """Return how long to rest after a pass of that length."""
        interval = self.options.interval
        return interval if self.rest_full_interval else max(0.0, interval - took_s)


def run_daemon(daemon_class: type[Daemon], section: str, argv: Sequence[str],
               add_arguments: Callable[[Any], None] | None = None,
               show: Callable[[str], Any] = print) -> int:
    """Run a daemon as its command line says; return the exit code.

    `add_arguments(parser)` adds the daemon's own options, which reach its passes as keywords.
    `green.patch()` must have been called before anything else was imported.
    """
    parser = commandline.parser_for('swift-' + section, once=True, test_config=True)
    if add_arguments is not None:
        add_arguments(parser)
    path, words = commandline.parse(parser, argv, show)
    os.environ['TZ'] = 'UTC+0'
    try:
        conf = readconf(path, section)
        common = DaemonOptions.parse(conf, path)
        logger = get_logger(conf, conf['log_name'], log_to_console=words['verbose'])
    except ConfigError as err:
        print(err, file=sys.stderr)
        return 1
    try:
        return _run(daemon_class, conf, common, logger, words)
    except SwiftError as err:
        print(err, file=sys.stderr)
        logger.critical('%s', err)
        return 1
    finally:
        logger.flush()


def _run(daemon_class: type[Daemon], conf: dict, common: DaemonOptions, logger: Logger,
         words: dict[str, Any]) -> int:
    once = words.pop('once') or not common.daemonize
    verbose, test_config = words.pop('verbose'), words.pop('test_config')
    words.pop('extra_args')
    set_priorities(common)
    if not test_config:
        logger.notice('Starting %d', os.getpid())
    # The cluster first: a daemon's constructor may load rings, and should not meet their absence
    # before the operator was told about a missing swift.conf.
    cluster = Cluster.load(common.swift_dir)
    daemon = daemon_class(conf, logger)
    for warning in (*daemon.options.warnings, *cluster.policies.warnings):
        logger.warning('%s', warning)
    known_user(common.user)
    if test_config:
        return 0
    give_to(common.user, common.log_file)
    drop_privileges(common.user)
    settle()
    end_with_term(logger)
    capture_stdio(logger, keep_stderr=verbose)
    tidy_memory()
    notify(READY)
    code = 0
    try:
        if once:
            daemon.run_once(**words)
        else:
            daemon.run_forever(**words)
    except KeyboardInterrupt:
        logger.notice('User quit')
    except SwiftError as err:
        logger.critical('%s', err)
        code = 1
    except Exception:  # the process boundary
        logger.exception('Exception in %s', logger.server)
        code = 1
    notify(STOPPING)
    logger.notice('Exited %d', os.getpid())
    return code


def end_with_term(logger: Logger) -> None:
    """Let SIGTERM end this process and its children at once."""
    def end(_number: int, _frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        logger.notice('SIGTERM received (%d)', os.getpid())
        logger.flush()
        notify(STOPPING)
        os.killpg(0, signal.SIGTERM)
        os._exit(0)
    signal.signal(signal.SIGTERM, end)


def in_processes(work: Callable[[Any], None], items: Iterable[Any], limit: int,
                 logger: Logger) -> int:
    """Run `work(item)` in a forked process per item, at most `limit` at a time.

    Returns how many failed, after all have ended. With a limit of 0 the items are worked off in
    this process. Blocks the process: its own green threads stand still meanwhile.
    """
    if limit <= 0:
        for item in items:
            work(item)
        return 0
    running: set[int] = set()
    failed = 0
    for item in items:
        if len(running) >= limit:
            failed += _wait_for_one(running)
        running.add(start_process(work, item, logger))
    while running:
        failed += _wait_for_one(running)
    return failed


def start_process(work: Callable[[Any], None], item: Any, logger: Logger) -> int:
    """Run `work(item)` in a forked process and return its number."""
    pid = os.fork()
    if pid == 0:
        be_child(work, item, logger)
    return pid


def wait_for_process(pid: int) -> None:
    """Wait for the end of a process of ours, if it was not noticed before."""
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def be_child(work: Callable[[Any], None], item: Any, logger: Logger) -> None:
    """Run `work(item)` in a child that was just forked, and end it. Never returns."""
    code = 1
    try:
        green.after_fork_in_child()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.environ.pop('NOTIFY_SOCKET', None)
        work(item)
        code = 0
    except BaseException:  # the process boundary: nothing may run past it
        logger.exception('Exception in process %d', os.getpid())
    finally:
        logger.flush()
        os._exit(code)


def _wait_for_one(running: set[int]) -> int:
    """Reap one of our children; return 1 if it failed, else 0."""
    while True:
        pid, status = os.wait()
        if pid in running:
            running.discard(pid)
            return int(status != 0)
