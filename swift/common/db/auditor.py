"""What the account and the container auditor have in common: the walk, the pace, the numbers.

Layer 1. Every pass opens every database of this machine's devices and reads its facts, which finds
(and quarantines) what SQLite cannot read, what lacks its row of facts, and what contradicts itself
by the subclass's rules. Nothing is repaired: that is replication's work.

Facts are in the first pages of a file. Once in ``full_check_passes`` passes a database is therefore
read whole: the structure of all pages, and the checksum of the rows. Large ones are read in pieces,
so that writers never wait long.

A pass may be killed at any moment; the next one starts anew, in another random order.
Source: sheet 03 §22, §26.4, §26.7.
"""
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from swift.common.clock import SYSTEM, Clock
from swift.common.config.common import StorageDaemonOptions
from swift.common.config.options import Integer, Seconds
from swift.common.daemon import Daemon
from swift.common.db import whole_check
from swift.common.db.broker import Broker, Environment
from swift.common.db.files import DATADIRS, Place
from swift.common.device_tree import DeviceTree
from swift.common.disk_threads import run_in_thread
from swift.common.errors import DamagedDatabase, DatabaseMissing, SwiftError
from swift.common.metrics import Statsd
from swift.core import audit_plan
from swift.core.audit_plan import Pace

REPORT_INTERVAL_S = 3600


class DatabaseAuditorOptions(StorageDaemonOptions):
    """What account and container auditors understand."""

    interval = Seconds(1800, 'Shortest time between the starts of two passes.')
    full_check_passes = Integer(48, (
        'Every database is read whole once in so many passes; others only as far as their facts. '
        '1 = always, 0 = never. With --once all are read whole unless this is 0.'), at_least=0)


class DatabaseAuditor(Daemon):
    """The daemon. Subclasses say what is audited, and when it contradicts itself."""

    kind: ClassVar[str]
    broker_class: ClassVar[type[Broker]]
    rate_option: ClassVar[str]

    def __init__(self, conf: Mapping[str, str], logger: Any = None, *, clock: Clock = SYSTEM,
                 **parts: Any) -> None:
        super().__init__(conf, logger, clock=clock, **parts)
        self.environment = Environment(self.logger, clock)
        self.statsd = Statsd.from_options(
            conf, self.options.log_name or self.kind + '-auditor', logger=self.logger)
        self._tree = DeviceTree(self.options, self.logger,
                                lambda: self.statsd.increment('errors'))
        self._pass_number = 0
        self._since = clock.time()
        self._reported = clock.monotonic()
        self.passed = self.failed = 0

    # -- for subclasses -----------------------------------------------------------------------

    def problem_of(self, broker: Broker, info: Any) -> str | None:
        """Return how the facts of a database contradict each other. In a disk thread."""
        return None

    # -- passes -------------------------------------------------------------------------------

    def run_once(self, **words: Any) -> None:
        """Do one thorough pass, and report it at its end."""
        self.run_pass(thorough=True, **words)
        self._report()

    def run_pass(self, thorough: bool = False, **words: Any) -> None:
        """Look at every database once."""
        began = self.clock.monotonic()
        self.logger.info('Begin %s audit pass', self.kind)
        every = self.options.full_check_passes
        if every and thorough:
            every = 1
        pace = Pace(getattr(self.options, self.rate_option))
        for place in self._places():
            wait = pace.take(self.clock.monotonic())
            if wait > 0:
                self._sleep(wait)
            self._audit(place, audit_plan.is_full_check_due(place.hash, self._pass_number, every))
            if self.clock.monotonic() - self._reported >= REPORT_INTERVAL_S:
                self._report()
        self._pass_number += 1
        took = self.clock.monotonic() - began
        self.logger.info('%s audit pass completed: %.02fs', self.kind.capitalize(), took)
        self.dump_recon(f'{self.kind}.recon', {'%s_auditor_pass_completed' % self.kind: took})

    def _places(self) -> Iterator[Place]:
        """Yield every database directory, partitions in random order."""
        datadir, tree = DATADIRS[self.kind], self._tree
        for device, part in tree.partitions(datadir, self._rng()):
            for suffix in filter(audit_plan.is_suffix_name, tree.names(device, datadir, part)):
                for name in tree.names(device, datadir, part, suffix):
                    if audit_plan.is_hash_name(name):
                        yield Place(device, datadir,
                                    os.path.join(device, datadir, part, suffix, name), name)

    # -- one database -------------------------------------------------------------------------

    def _audit(self, place: Place, whole: bool) -> None:
        started = self.clock.time()
        broker = self.broker_class(place, self.environment)
        path = place.default_path
        try:
            path = run_in_thread(lambda: broker.path)
            if self._check(broker, whole):
                self.passed += 1
                self.statsd.increment('passes')
        except DatabaseMissing:
            pass                                     # removed meanwhile, or never finished
        except DamagedDatabase as err:
            self._count_failure(path, err.reason or err)
        except SwiftError as err:
            self._count_failure(path, err)
        except Exception:  # the item boundary of a daemon
            self.failed += 1
            self.statsd.increment('failures')
            self.statsd.increment('errors')
            self.logger.exception('ERROR Could not get %s info %s', self.kind, path)
        finally:
            run_in_thread(broker.close)
        self.statsd.timing_since('timing', started)

    def _check(self, broker: Broker, whole: bool) -> bool:
        """Return whether a database passes; False for deleted ones, which count nothing."""
        info = run_in_thread(broker.info)
        if info.is_deleted:
            return False
        problem = run_in_thread(self.problem_of, broker, info)
        if problem:
            raise SwiftError(problem)
        if whole:
            self._check_whole(broker)
        return True

    def _check_whole(self, broker: Broker) -> None:
        next_step: Callable | None = whole_check.begin
        while next_step is not None:
            next_step = run_in_thread(next_step, broker)

    def _count_failure(self, path: str, reason: Any) -> None:
        self.failed += 1
        self.statsd.increment('failures')
        self.logger.error('Audit Failed for %s: %s', path, reason)

    # -- numbers ------------------------------------------------------------------------------

    def _report(self) -> None:
        now = self.clock.time()
        self.logger.info('Since %s: %s audits: %d passed audit, %d failed audit',
                         self._since, self.kind.capitalize(), self.passed, self.failed)
        self.dump_recon(f'{self.kind}.recon', {
            f'{self.kind}_audits_since': self._since, f'{self.kind}_audits_passed': self.passed,
            f'{self.kind}_audits_failed': self.failed})
        self._since, self._reported = now, self.clock.monotonic()
        self.passed = self.failed = 0
