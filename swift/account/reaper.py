"""account-reaper: deletes what deleted accounts still contain.

Layer 3. Sheet 03 §23, §26.4. Every primary of an account works on its share of the containers,
as its own database lists them (core.reaper_plan); what it deletes it deletes on all primaries:

    account DB marked deleted, not empty, old enough
      -> containers of this node's share, several at a time
        -> pages of objects from a container server -> DELETE each on its object servers,
           each request naming container servers to be told
        -> DELETE the container on its servers, each naming account servers to be told

The database itself goes when the replicator finds it deleted, empty and old. Requests use the
replication network. Safe to kill at any moment: the next pass goes on with what is left.
"""
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from swift.account.backend import AccountBroker
from swift.common import fs
from swift.common.cluster import Cluster
from swift.common.config.common import StorageDaemonOptions
from swift.common.config.options import Integer, Seconds
from swift.common.daemon import Daemon
from swift.common.db.broker import Environment
from swift.common.db.files import DATADIRS, Place
from swift.common.devices import usable_devices
from swift.common.direct_client import DirectClient, DirectError
from swift.common.disk_threads import run_in_thread
from swift.common.errors import DatabaseMissing, DiskError, LockTimeout, TransportError
from swift.common.green import Pile, Pool
from swift.common.http.pool import ConnectionPool
from swift.common.listening import local_addresses
from swift.common.metrics import Statsd
from swift.common.ring.utils import bracketed
from swift.core import reaper_plan
from swift.core.listing import ListingQuery
from swift.core.reaper_plan import Round, Verdict
from swift.core.timestamp import Timestamp

CONTAINERS_PER_PAGE = 1000
REPLICATION = {'X-Backend-Use-Replication-Network': 'true'}


class AccountReaperOptions(StorageDaemonOptions, section='account-reaper'):
    """Removes what deleted accounts hold, once their delay is over."""

    interval = Seconds(3600, 'Shortest time between the starts of two passes.')
    concurrency = Integer(25, 'The square root of this many containers are worked on at a time, '
                              'and as many objects in each.', at_least=1)
    node_timeout = Seconds(10, 'Longest wait for a server to answer.')
    conn_timeout = Seconds(0.5, 'Longest wait for a connection.')
    delay_reaping = Seconds(0, 'The content of a deleted account is kept for so long.')
    reap_warn_after = Seconds(2592000, 'Warn about accounts that are not empty so long after the '
                                       'delay.')


@dataclass(slots=True)
class Tally:
    """What was done with one account: (`containers` or `objects`, what happened) -> how often."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    return_codes: dict[int, int] = field(default_factory=dict)

    def of(self, kind: str, what: str) -> int:
        return self.counts.get((kind, what), 0)

    def summary(self) -> str:
        """Return the counts in words, the empty ones left out."""
        said = [f'{count} {kind} {what.replace("_", " ")}'
                for (kind, what), count in sorted(self.counts.items())]
        said += [f'{count} return codes {hundred}xx'
                 for hundred, count in sorted(self.return_codes.items())]
        return ', '.join(said) or 'nothing done'


class AccountReaper(Daemon):
    """The daemon."""

    options_class = AccountReaperOptions

    def __init__(self, conf: Mapping[str, str], logger: Any = None, *,
                 cluster: Cluster | None = None, pool: Any = None, **parts: Any):
        super().__init__(conf, logger, **parts)
        options = self.options
        self.cluster = cluster or Cluster.load(options.swift_dir, logger=self.logger)
        self.statsd = Statsd.from_options(conf, tail=options.log_name or 'account-reaper',
                                          logger=self.logger)
        self.environment = Environment(self.logger, self.clock)
        self.direct = DirectClient(pool or ConnectionPool(), self.clock, options.conn_timeout,
                                   options.node_timeout)
        self._own_ips = frozenset(local_addresses(options.ring_ip or options.bind_ip))
        self._workers = reaper_plan.workers(options.concurrency)

    # -- which accounts ------------------------------------------------------------------------

    def run_pass(self, **words: Any) -> None:
        """Look at every account of this machine's devices of which it is a primary."""
        # Without rings everything would look like somebody else's.
        assert self.cluster.account_ring and self.cluster.container_ring
        self.logger.debug('Begin account reaper pass')
        began = self.clock.monotonic()
        for device, path in run_in_thread(usable_devices, self.options.devices,
                                          self.options.mount_check, self.logger.debug):
            self._reap_device(device, path)
        self.logger.info('Devices pass completed: %.02fs', self.clock.monotonic() - began)

    def _reap_device(self, device: str, path: str) -> None:
        for part in self._names(path, DATADIRS['account']):
            if not part.isdigit() or int(part) >= self.cluster.account_ring.partition_count:
                continue
            nodes = self.cluster.account_ring.get_part_nodes(int(part))
            index = next((index for index, node in enumerate(nodes)
                          if self._is_here(node, device)), None)
            if index is None:
                continue
            for suffix in self._names(path, DATADIRS['account'], part):
                for name in self._names(path, DATADIRS['account'], part, suffix):
                    self._look_at(Place.of('account', path, part, name), index, nodes)

    def _is_here(self, node: Any, device: str) -> bool:
        port = self.options.bind_port
        return (node.device == device and node.ip in self._own_ips
                and (not port or node.port == port))

    def _names(self, *path: str) -> list[str]:
        try:
            return sorted(run_in_thread(fs.list_dir, os.path.join(*path)))
        except NotADirectoryError:
            return []
        except OSError as err:
            self.logger.error('ERROR cannot list %s: %s', os.path.join(*path), err)
            return []

    def _look_at(self, place: Place, index: int, nodes: list[Any]) -> None:
        broker = AccountBroker(place, self.environment)
        try:
            info = run_in_thread(broker.info)
            if reaper_plan.is_due(info.is_status_deleted, info.container_count,
                                  float(Timestamp(info.delete_timestamp)),
                                  self.clock.time(), self.options.delay_reaping):
                self.reap_account(broker, info, index, nodes)
        except DatabaseMissing:
            pass                                     # removed meanwhile, or another directory
        except (DiskError, LockTimeout) as err:
            self.statsd.increment('errors')
            self.logger.error('ERROR with account %s: %s', place.directory, err)
        except Exception:  # the item boundary of a daemon
            self.statsd.increment('errors')
            self.logger.exception('ERROR with account %s', place.directory)
        finally:
            run_in_thread(broker.close)

    # -- one account ---------------------------------------------------------------------------

    def reap_account(self, broker: AccountBroker, info: Any, index: int,
                     nodes: list[Any]) -> Tally:
        """Delete this node's share of an account's content: share `index` of len(nodes)."""
        began = self.clock.time()
        self.logger.info('Beginning pass on account %s', info.account)
        tally = Tally()
        pool = Pool(self._workers)
        for name in self._containers(broker, len(nodes)):
            if reaper_plan.share_of(name, len(nodes)) == index:
                work = ContainerReaping(self, tally, info.account, name, nodes)
                pool.spawn(self._guarded, work.run, f'{info.account}/{name}')
        pool.waitall()
        self.logger.info('Completed pass on account %s in %.02fs: %s', info.account,
                         self.clock.time() - began, tally.summary())
        self.statsd.timing_since('timing', began)
        self._warn_if_overdue(broker)
        return tally

    def _warn_if_overdue(self, broker: AccountBroker) -> None:
        info = run_in_thread(broker.info)
        deleted_at = Timestamp(info.delete_timestamp)
        if info.container_count and reaper_plan.is_overdue(
                float(deleted_at), self.clock.time(), self.options.delay_reaping,
                self.options.reap_warn_after):
            self.logger.warning('Account %s has not been reaped since %s', info.account,
                                deleted_at.isoformat)

    @staticmethod
    def _containers(broker: AccountBroker, shares: int) -> Iterator[str]:
        """Yield the names of all containers of an account, a page in memory at a time."""
        marker = ''
        while True:
            query = ListingQuery(CONTAINERS_PER_PAGE * shares, marker, allow_reserved=True)
            rows = run_in_thread(broker.list_containers, query)
            if not rows:
                return
            yield from (row[0] for row in rows)
            marker = rows[-1][0]

    def _guarded(self, work: Callable[[], None], path: str) -> None:
        try:
            work()
        except Exception:  # the item boundary of a daemon
            self.statsd.increment('errors')
            self.logger.exception('Exception with %s', path)

    def note(self, tally: Tally, kind: str, what: str, count: int = 1) -> None:
        """Count something in the summary and in the metrics."""
        if count:
            tally.counts[kind, what] = tally.of(kind, what) + count
            self.statsd.update_stats(f'{kind}_{what}', count)

    def ask(self, tally: Tally, call: Callable[..., Any], *args: Any) -> int | None:
        """Make one request; return the status, None for no answer. Counts the status."""
        try:
            call(*args)
            status = 204
        except DirectError as err:
            status = err.status
            if not reaper_plan.is_gone(status):
                self.logger.debug('%s', err)
        except TransportError as err:
            self.statsd.increment('errors')
            self.logger.error('ERROR %s', err)
            return None
        tally.return_codes[status // 100] = tally.return_codes.get(status // 100, 0) + 1
        self.statsd.increment(f'return_codes.{status // 100}')
        return status


class ContainerReaping:
    """The deletion of one container with its objects."""

    def __init__(self, reaper: AccountReaper, tally: Tally, account: str, container: str,
                 account_nodes: list[Any]):
        self._reaper = reaper
        self._tally = tally
        self._account = account
        self._container = container
        self._account_nodes = account_nodes
        self._part, self._nodes = reaper.cluster.container_ring.get_nodes(account, container)

    def run(self) -> None:
        """Delete the objects that are listed, then the container."""
        pool = Pool(self._reaper._workers)
        for policy_index, page in self._pages():
            for entry in page:
                pool.spawn(self._reaper._guarded, lambda name=entry['name'],
                           index=policy_index: self._delete_object(name, index),
                           f'{self._account}/{self._container}/{entry["name"]}')
            pool.waitall()
        self._delete_container()

    def _pages(self) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Yield (policy index, page of the listing) until it ends or nobody answers."""
        marker = ''
        while True:
            found = self._page(marker)
            if found is None or not found[1]:
                return
            yield found
            # On, also past objects that could not be deleted: they are left to the next pass.
            marker = found[1][-1]['name']

    def _page(self, marker: str) -> tuple[int, list[dict[str, Any]]] | None:
        """Return a page from the last primary that has the container; None if none has."""
        for node in reversed(self._nodes):
            try:
                headers, page = self._reaper.direct.get_container(
                    node, self._part, self._account, self._container, REPLICATION,
                    marker=marker, limit=self._reaper.cluster.constraints.container_listing_limit)
                return int(headers.get('X-Backend-Storage-Policy-Index') or 0), page
            except (DirectError, TransportError) as err:
                if getattr(err, 'status', 500) != 404:
                    self._reaper.note(self._tally, 'containers', 'failures')
                    self._reaper.logger.error('ERROR cannot list %s/%s: %s', self._account,
                                              self._container, err)
        return None

    def _delete_object(self, name: str, policy_index: int) -> None:
        reaper = self._reaper
        try:
            ring = reaper.cluster.object_ring(policy_index)
        except KeyError:
            reaper.statsd.increment('errors')
            reaper.logger.error('ERROR: invalid storage policy index: %r', policy_index)
            return
        names = (self._account, self._container, name)
        part, nodes = ring.get_nodes(*names)
        common = {**REPLICATION, 'X-Timestamp': self._now(),
                  'X-Backend-Storage-Policy-Index': str(policy_index)}
        updates = reaper_plan.told_by(len(nodes), self._nodes)
        self._judge('objects', [
            (reaper.direct.delete_object, node, part, names,
             {**common, **_update_headers('Container', self._part, told)})
            for node, told in zip(nodes, updates, strict=True)])

    def _delete_container(self) -> None:
        reaper = self._reaper
        account_part = reaper.cluster.account_ring.get_part(self._account)
        common = {**REPLICATION, 'X-Timestamp': self._now(), 'X-Account-Override-Deleted': 'yes'}
        updates = reaper_plan.told_by(len(self._nodes), self._account_nodes)
        self._judge('containers', [
            (reaper.direct.delete_container, node, self._part, self._account, self._container,
             {**common, **_update_headers('Account', account_part, told)})
            for node, told in zip(self._nodes, updates, strict=True)])

    def _judge(self, kind: str, calls: list[tuple]) -> Verdict:
        """Make the requests at once and count what they say together."""
        with Pile(len(calls)) as pile:
            for call in calls:
                pile.spawn(self._reaper.ask, self._tally, *call)
            answers = Round(tuple(pile))
        self._reaper.note(self._tally, kind, 'failures', answers.failures)
        self._reaper.note(self._tally, kind, answers.verdict.value)
        return answers.verdict

    def _now(self) -> str:
        return Timestamp(self._reaper.clock.time()).internal


def _update_headers(kind: str, part: int, nodes: list[Any]) -> dict[str, str]:
    """Return the headers that name the servers to be told of a deletion."""
    return {f'X-{kind}-Host': ','.join(f'{bracketed(node.ip)}:{node.port}' for node in nodes),
            f'X-{kind}-Partition': str(part),
            f'X-{kind}-Device': ','.join(node.device for node in nodes)}
