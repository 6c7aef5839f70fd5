"""One pass of the object-updater over one device: walk, send, follow redirects, count.

Layer 3. The walk takes prefixes in random order and files newest first; files that a newer one
overtook (in what they say, not just in their names) are removed, unreadable ones quarantined.
Limits: ``objects_per_second`` in all, ``concurrency`` at once, and per container: an update whose
container's bucket is not free waits in a bounded queue that is worked off for the rest of the
interval.

A file goes only after its update is acknowledged by every replica of the container; who has it
already is written down, so that a sweep killed at any moment loses nothing but time.
Source: sheet 02 §20.
"""
import os
import random
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from swift.common import fs, leftovers
from swift.common.codecs.async_update import PendingUpdate, decode_update, encode_update
from swift.common.codecs.unpickle import BadPickle
from swift.common.disk_threads import run_in_thread
from swift.common.errors import DiskError, TransportError
from swift.common.green import Pile, Pool
from swift.core.constraints import config_true_value
from swift.core.container_update import redirected_path
from swift.core.headers import bounded_referer
from swift.core.names import quote, split_policy_name
from swift.core.pending_update import (
    Answer,
    Fate,
    Files,
    OldestFailures,
    Outcome,
    Rate,
    judge,
    overtakes,
    sort_files,
)
from swift.core.policy import StoragePolicy
from swift.core.timestamp import Timestamp
from swift.obj.quarantine import quarantine_async_pending

ASYNC_DIR = 'async_pending'
# Files read in one trip to the disk.
_BATCH = 64
_COUNTERS = ('errors', 'quarantines', 'successes', 'failures', 'unlinks', 'outdated_unlinks',
             'redirects', 'skips', 'deferrals', 'drains')


@dataclass(slots=True)
class Pending:
    """One pending file and its content."""
    path: str
    policy: StoragePolicy
    update: PendingUpdate
    time: Timestamp

    @property
    def container(self) -> str:
        """``account/container`` that is told."""
        update = self.update
        return update.container_path or '%s/%s' % (update.account, update.container)


class DeviceSweep:
    """One pass over one device. Owns nothing but its counters."""

    def __init__(self, updater: Any, device: str):
        self.counts = dict.fromkeys(_COUNTERS, 0)
        self.failures = OldestFailures(updater.options.async_tracker_max_entries)
        self._updater = updater
        self._options = updater.options
        self._clock = updater.clock
        self._device = device
        self._path = os.path.join(updater.options.devices, device)
        self._rate = Rate(self._options.objects_per_second)
        self._buckets: dict[int, Rate] = {}
        self._deferred: deque[Pending] = deque()
        self._began = self._clock.monotonic()
        self._reported = self._began

    def run(self) -> None:
        """Send what can be sent; then drain the updates that waited for their container."""
        pool = Pool(self._options.concurrency)
        for pending in self._walk():
            if self._must_wait(pending):
                self._defer(pending)
                continue
            self._pace()
            pool.spawn_n(self._process, pending)
            self._report(final=False)
        self._drain(pool)
        pool.waitall()
        self._count('skips', len(self._deferred))
        self._report(final=True)

    # -- the walk ------------------------------------------------------------------------------

    def _walk(self) -> Iterator[Pending]:
        try:
            names = run_in_thread(self._async_dirs)
        except (OSError, DiskError) as error:
            self._error('cannot list %s: %s', self._path, error)
            return
        for directory, policy in names:
            prefixes = run_in_thread(fs.list_dir, directory)
            random.shuffle(prefixes)
            for prefix in prefixes:
                yield from self._walk_prefix(os.path.join(directory, prefix), policy)

    def _async_dirs(self) -> list[tuple[str, StoragePolicy]]:
        # Not the replicator alone: a node may have nothing but policies of erasure codes.
        leftovers.remove_old(self._path, self._clock.time() - leftovers.AGE_S)
        found = []
        for name in sorted(fs.list_dir(self._path)):
            if not name.startswith(ASYNC_DIR):
                continue
            try:
                base, index = split_policy_name(name)
            except ValueError as error:
                self._updater.logger.warning('Directory %r does not map to a valid policy (%s)',
                                             name, error)
                continue
            policy = self._updater.cluster.policies.get_by_index(index)
            if base == ASYNC_DIR and policy is None:
                self._updater.logger.warning('Directory %r does not map to a valid policy', name)
            elif base == ASYNC_DIR:
                found.append((os.path.join(self._path, name), policy))
        return found

    def _walk_prefix(self, directory: str, policy: StoragePolicy) -> Iterator[Pending]:
        if not os.path.isdir(directory):
            return
        files = self._sort_prefix(directory)
        for start in range(0, len(files), _BATCH):
            yield from self._read_batch(directory, policy, files[start:start + _BATCH])
        run_in_thread(fs.remove_dir_if_empty, directory)

    def _sort_prefix(self, directory: str) -> tuple[str, ...]:
        files, removed = run_in_thread(_remove_outdated, directory)
        self._count('outdated_unlinks', removed)
        for name in files.strange:
            self._error('ERROR async pending file with unexpected name %s',
                        os.path.join(directory, name))
        return files.current

    def _read_batch(self, directory: str, policy: StoragePolicy,
                    names: tuple[str, ...]) -> list[Pending]:
        paths = [os.path.join(directory, name) for name in names]
        batch = []
        for path, content in zip(paths, run_in_thread(_read_files, paths), strict=True):
            if isinstance(content, OSError):
                self._error('cannot read %s: %s', path, content)
            elif content is not None:
                pending = self._parse(path, policy, content)
                if pending is not None:
                    batch.append(pending)
        return batch

    def _parse(self, path: str, policy: StoragePolicy, content: bytes) -> Pending | None:
        try:
            time = Timestamp(path.rpartition('-')[2])
            return Pending(path, policy, decode_update(content), time)
        except (BadPickle, ValueError) as error:
            self._updater.logger.error('ERROR Pickle problem, quarantining %s: %s', path, error)
            self._count('quarantines')
            run_in_thread(quarantine_async_pending, path, self._path)
            return None

    # -- pacing --------------------------------------------------------------------------------

    def _pace(self) -> None:
        wait = self._rate.take(self._clock.monotonic())
        if wait > 0:
            self._updater.sleep(wait)

    def _bucket(self, pending: Pending) -> Rate:
        number = zlib.crc32(pending.container.encode('utf-8', 'surrogateescape'))
        number %= self._options.per_container_ratelimit_buckets
        bucket = self._buckets.get(number)
        if bucket is None:
            bucket = self._buckets[number] = Rate(
                self._options.max_objects_per_container_per_second)
        return bucket

    def _must_wait(self, pending: Pending) -> bool:
        """Book the container's next turn; True iff that is not now."""
        if self._options.max_objects_per_container_per_second <= 0:
            return False
        bucket, now = self._bucket(pending), self._clock.monotonic()
        if not bucket.is_free(now):
            return True
        bucket.take(now)
        return False

    def _defer(self, pending: Pending) -> None:
        self._count('deferrals')
        self._deferred.append(pending)
        if len(self._deferred) > self._options.max_deferred_updates:
            self._deferred.popleft()
            self._count('skips')

    def _drain(self, pool: Pool) -> None:
        """Send waiting updates, newest first, until the interval is over."""
        end = self._began + self._options.interval
        while self._deferred:
            now = self._clock.monotonic()
            if now >= end:
                return
            pending = self._deferred.pop()
            wait = self._bucket(pending).take(now)
            if now + wait >= end:
                self._deferred.append(pending)
                return
            if wait > 0:
                self._updater.sleep(wait)
            self._pace()
            self._count('drains')
            pool.spawn_n(self._process, pending)

    # -- one update ----------------------------------------------------------------------------

    def _process(self, pending: Pending) -> None:
        started = self._clock.time()
        try:
            outcome = self._send(pending)
            if outcome.fate is Fate.REDIRECTED:
                self._count('redirects')
                outcome = self._send_redirected(pending, outcome)
            self._finish(pending, outcome)
        except Exception:
            # The item boundary: one bad update must not end the sweep.
            self._count('errors')
            self._updater.logger.exception('ERROR with pending update %s', pending.path)
        self._updater.statsd.timing_since('timing', started)

    def _send_redirected(self, pending: Pending, outcome: Outcome) -> Outcome:
        """Follow a redirect once; another one waits for the next sweep."""
        self._store(pending, outcome)
        again = self._send(pending)
        return again if again.fate is Fate.DONE or again.changed else outcome

    def _send(self, pending: Pending) -> Outcome:
        update = pending.update
        account, container = pending.container.split('/', 1)
        part, nodes = self._updater.cluster.container_ring.get_nodes(account, container)
        nodes = [node for node in nodes if node.id not in update.successes]
        path = '%s/%s' % (quote(pending.container), quote(update.obj))
        headers = {**update.headers, 'User-Agent': 'object-updater %d' % os.getpid(),
                   'X-Backend-Accept-Redirect': 'true', 'X-Backend-Accept-Quoted-Location': 'true'}
        headers.setdefault('X-Backend-Storage-Policy-Index', str(pending.policy.index))
        if 'Referer' in headers:  # of any length when another release wrote the file
            headers['Referer'] = bounded_referer(headers['Referer'])
        answers: list[Answer] = []
        if nodes:
            with Pile(len(nodes)) as pile:
                for node in nodes:
                    pile.spawn(self._ask, node, update.op, part, path, headers)
                answers = list(pile)
        return judge(update.container_path, update.successes, update.redirect_history, answers)

    def _ask(self, node: Any, op: str, part: int, path: str, headers: dict[str, str]) -> Answer:
        started = self._clock.time()
        status = 0
        try:
            response = self._updater.pool.request(
                (node.replication_ip, node.replication_port), op,
                '/%s/%s/%s' % (quote(node.device), part, path), headers,
                conn_timeout=self._options.conn_timeout, timeout=self._options.node_timeout)
            try:
                response.read()
                status = response.status
                if status == 301:
                    return _redirect_answer(node.id, response.headers)
            finally:
                response.close()
            if status // 100 != 2:
                # Of containers that are gone some updates stay for ever; that is no trouble.
                log = self._updater.logger
                (log.error if status // 100 == 5 else log.debug)(
                    'Error code %d is returned from remote server %s: %s / %s', status,
                    node.replication_ip, node.replication_port, node.device)
        except TransportError as error:
            self._updater.logger.error('ERROR with remote server %s:%s/%s: %s',
                                       node.replication_ip, node.replication_port, node.device,
                                       error)
        finally:
            self._updater.statsd.timing_since('updater.timing.status.%s' % (status or 500),
                                              started)
        return Answer(node.id, status)

    def _finish(self, pending: Pending, outcome: Outcome) -> None:
        if outcome.fate is Fate.DONE:
            self._count('successes')
            self._count('unlinks')
            run_in_thread(self._remove, pending.path)
            return
        self._count('failures')
        account, container = pending.container.split('/', 1)
        self.failures.add(account, container, pending.time)
        if outcome.changed:
            self._store(pending, outcome)

    @staticmethod
    def _remove(path: str) -> None:
        fs.unlink_if_there(path)
        fs.remove_dir_if_empty(os.path.dirname(path))

    def _store(self, pending: Pending, outcome: Outcome) -> None:
        """Write down what is known now, so that the next sweep goes on from there."""
        update = pending.update
        update.container_path = outcome.container_path
        update.successes = list(outcome.successes)
        update.redirect_history = list(outcome.history)
        tmp = os.path.join(self._path, pending.policy.tmp_dir)
        run_in_thread(fs.replace_file, pending.path, encode_update(update), tmp, self._path)

    # -- numbers -------------------------------------------------------------------------------

    def _count(self, name: str, by: int = 1) -> None:
        self.counts[name] += by
        if by:
            self._updater.statsd.update_stats(name, by)

    def _error(self, text: str, *args: Any) -> None:
        self._count('errors')
        self._updater.logger.error(text, *args)

    def _report(self, final: bool) -> None:
        now = self._clock.monotonic()
        if not final and now - self._reported < self._options.report_interval:
            return
        self._reported = now
        self._updater.logger.info(
            'Object update sweep %s on %s: %.02fs, %s', 'completed' if final else 'progress',
            self._path, now - self._began,
            ', '.join('%d %s' % (self.counts[name], name) for name in _COUNTERS))


def _remove_outdated(directory: str) -> tuple[Files, int]:
    """Sort the files of a prefix and remove the overtaken ones; older ones with news stay."""
    files = sort_files(fs.list_dir(directory))
    if not files.outdated:
        return files, 0
    newest = {name.partition('-')[0]: name for name in files.current}
    kept, removed = [], 0
    for name in files.outdated:
        paths = [os.path.join(directory, one) for one in (newest[name.partition('-')[0]], name)]
        if _is_overtaken(*_read_files(paths)):
            removed += fs.unlink_if_there(paths[1])
        else:
            kept.append(name)
    return replace(files, current=(*files.current, *kept)), removed


def _is_overtaken(newer: bytes | OSError | None, older: bytes | OSError | None) -> bool:
    if not isinstance(newer, bytes) or not isinstance(older, bytes):
        return False
    try:
        row = decode_update(older)
        return overtakes(decode_update(newer).headers, row.op, row.headers)
    except (BadPickle, KeyError, ValueError):
        return False                        # whatever is wrong shows when they are sent


def _read_files(paths: list[str]) -> list[bytes | OSError | None]:
    """Return the content of each file, None for one that is gone."""
    contents: list[bytes | OSError | None] = []
    for path in paths:
        try:
            with open(path, 'rb') as file:
                contents.append(file.read())
        except FileNotFoundError:
            contents.append(None)
        except OSError as error:
            contents.append(error)
    return contents


def _redirect_answer(device_id: int, headers: Any) -> Answer:
    path = redirected_path(headers.get('Location') or '',
                           config_true_value(headers.get('X-Backend-Location-Is-Quoted')))
    try:
        time = Timestamp(headers.get('X-Backend-Redirect-Timestamp') or '')
    except ValueError:
        return Answer(device_id, 301)
    return Answer(device_id, 301, path, time)
