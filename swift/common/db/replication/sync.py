"""One database, one peer: make the peer have everything that is here.

Layer 1, event loop; the broker is used in threads. The steps and their order are the protocol's
(rpc.py), the choice is core.db_sync's. What is sent is the state in a Replica: rows, end of the
log and the points of other peers were read as one state of the file, because a point that is newer
than the rows would tell the peer of rows that it does not get. (The original reads the points
last, and so can lose a third one's rows to the peer for good.)

    sync -> 404 ............ whole file, complete_rsync
         -> 200 ............ learn what the peer knows better; then nothing, rows, or a file
         -> 507 ............ the next handoff is tried, too
"""
from dataclasses import dataclass
from enum import Enum
from typing import Any

from swift.common import rsync
from swift.common.db.replicated import ReplicatedBroker, State
from swift.common.db.replication import sendable
from swift.common.db.replication.options import ReplicatorOptions
from swift.common.db.replication.peer import UNMOUNTED, Peers, Reply
from swift.common.db.replication.stats import Stats
from swift.common.disk_threads import run_in_thread
from swift.core import db_metadata
from swift.core.db_sync import NOWHERE, Log, Method, Times, choose
from swift.core.rsync_module import BadModule, file_command, module_of
from swift.core.timestamp import Timestamp

# Rows that a peer is trusted to merge per second when it merges a whole file.
ROWS_MERGED_PER_S = 2000


class Outcome(Enum):
    """How it went with one peer."""

    SUCCESS = 'success'
    FAILURE = 'failure'
    UNMOUNTED = 'unmounted'


@dataclass(frozen=True, slots=True)
class Replica:
    """A database as it was read for this pass. `part` is where it belongs."""

    broker: ReplicatedBroker
    part: int
    state: State
    region: int = 0

    @property
    def info(self) -> dict[str, Any]:
        return self.state.info

    @property
    def hash(self) -> str:
        return self.broker.place.hash

    @property
    def log(self) -> Log:
        return Log(self.info['max_row'], self.info['hash'])

    @property
    def sync_words(self) -> tuple:
        """The arguments of `sync`, but for those of containers."""
        info = self.info
        return (info['max_row'], info['hash'], info['id'], info['created_at'],
                info['put_timestamp'], info['delete_timestamp'], info['metadata'])


class Kind:
    """What replication of one kind of database adds; the account's adds nothing."""

    def sync_words(self, replica: Replica) -> tuple:
        """Return the arguments of `sync`."""
        return replica.sync_words

    def learn(self, replica: Replica, remote: dict[str, Any]) -> None:
        """Take over from a peer's facts what only this kind has. Called in a thread."""

    def exchange(self, push: 'Push', node: Any, remote: dict[str, Any]) -> bool | None:
        """Exchange what is no row, before rows are; a result ends it there."""
        return None


@dataclass(frozen=True, slots=True)
class Push:
    """One database on its way to one peer."""

    peers: Peers
    options: ReplicatorOptions
    stats: Stats
    logger: Any
    kind: Kind
    rsync_module: str
    replica: Replica

    def to(self, node: Any, reply: Reply | None = None) -> Outcome:
        """Bring the peer up to date; `reply`: its answer to `sync` if it was asked already.

        Raises SwiftErrors of our own disks.
        """
        if reply is None:
            reply = self.ask(node, 'sync', *self.kind.sync_words(self.replica))
        if reply.status == UNMOUNTED:
            return Outcome.UNMOUNTED
        if reply.status == 404:
            if self._send_file(node, Method.WHOLE):
                return Outcome.SUCCESS
            # Another replica may have been faster.
            reply = self.ask(node, 'sync', *self.kind.sync_words(self.replica))
        remote = _facts(reply.value) if reply.is_success else None
        if remote is None:
            if reply.status:
                self.logger.error('ERROR %s:%s/%s answered sync of %s with %s',
                                  node.replication_ip, node.replication_port, node.device,
                                  self.replica.hash, reply.status)
            return Outcome.FAILURE
        return _outcome(self._with_facts(node, remote))

    def ask(self, node: Any, *words: Any, timeout_s: float = 0) -> Reply:
        """Send an operation about this database to the peer."""
        return self.peers.ask(node, self.replica.part, self.replica.hash, words, timeout_s)

    def _with_facts(self, node: Any, remote: dict[str, Any]) -> bool:
        remembered = run_in_thread(self._learn, remote)
        result = self.kind.exchange(self, node, remote)
        if result is not None:
            return result
        point = max(remote['point'], remembered)
        log = self.replica.log
        method = choose(log, Log(remote['max_row'], remote['hash']), point, self.options.per_diff)
        if method is Method.REMOTE_MERGE:
            return self._send_file(node, method)
        self.stats.count_method(method)
        if method is Method.DIFF:
            return self._send_rows(node, remote['id'], point)
        if method is Method.HASHMATCH:
            self._remember(remote['id'], remote['point'])
        return True

    def _learn(self, remote: dict[str, Any]) -> int:
        """Take over what the peer knows better; return what we remember of it. In a thread."""
        broker, info = self.replica.broker, self.replica.info
        self.kind.learn(self.replica, remote)
        times = _times(remote)
        if times != _times(info):
            broker.merge_times(times)
            self.stats.count('ts_repl')
        if remote['metadata'] and remote['metadata'] != info['metadata']:
            broker.update_metadata(db_metadata.parse(remote['metadata']))
        for remote_id, point, _ in broker.syncs('outgoing'):
            if remote_id == remote['id']:
                return point
        return NOWHERE

    def _remember(self, remote_id: str, point: int) -> None:
        run_in_thread(self.replica.broker.merge_syncs, [(remote_id, point)], 'outgoing')

    # -- rows -----------------------------------------------------------------------------------

    def _send_rows(self, node: Any, remote_id: str, point: int) -> bool:
        broker, info = self.replica.broker, self.replica.info
        # Until there are no more rows: one that was replaced while its elders were sent has a
        # number behind all that were there before.
        rows = run_in_thread(broker.items_since, point, self.options.per_diff)
        for _request in range(self.options.max_diffs):
            if not rows:
                break
            if not self.ask(node, 'merge_items', rows, info['id']).is_success:
                return False
            point = rows[-1]['ROWID']
            rows = run_in_thread(broker.items_since, point, self.options.per_diff)
        if rows:
            self.logger.debug('Synchronization for %s has fallen more than %s rows behind; moving '
                              'on and will try again next pass.', broker.place.directory,
                              self.options.max_diffs * self.options.per_diff)
            self.stats.count('diff_capped')
            return False
        if self.replica.state.incoming:
            points = [{'remote_id': other, 'sync_point': value}
                      for other, value in self.replica.state.incoming]
            if not self.ask(node, 'merge_syncs', points).is_success:
                return False
        self._remember(remote_id, point)
        return True

    # -- whole files ------------------------------------------------------------------------------

    def _send_file(self, node: Any, method: Method) -> bool:
        """Send the file and let the peer use it; tell whether it does."""
        self.stats.count_method(method)
        broker, info = self.replica.broker, self.replica.info
        file = run_in_thread(sendable.make, broker)
        try:
            name = broker.path.rpartition('/')[2]
            if not self._transfer(node, file.path):
                return False
        finally:
            run_in_thread(file.close)
        operation = 'complete_rsync' if method is Method.WHOLE else 'rsync_then_merge'
        return self.ask(node, operation, info['id'], name,
                        timeout_s=info['count'] / ROWS_MERGED_PER_S).is_success

    def _transfer(self, node: Any, path: str) -> bool:
        info = self.replica.info
        if self.peers.offers(node, 'upload'):
            return self.peers.upload(node, self.replica.part, self.replica.hash, info['id'], path)
        try:
            module = module_of(self.rsync_module, node)
        except BadModule as err:
            self.logger.error('ERROR %s', err)
            return False
        options = self.options
        command = file_command(path, f'{module}/{node.device}/tmp/{info["id"]}',
                               options.node_timeout, options.conn_timeout,
                               options.rsync_compress and node.region != self.replica.region)
        run = rsync.run(command)
        if run.status:
            self.logger.error('ERROR rsync failed with %s: %s: %s', run.status, ' '.join(command),
                              ' '.join(run.lines))
        return not run.status


def _outcome(success: bool) -> Outcome:
    return Outcome.SUCCESS if success else Outcome.FAILURE


def _times(facts: dict[str, Any]) -> Times:
    return Times(facts['created_at'], facts['put_timestamp'], facts['delete_timestamp'])


def _facts(value: Any) -> dict[str, Any] | None:
    """Return the facts of a peer, None when something in them is not what it should be."""
    try:
        for name in ('created_at', 'put_timestamp', 'delete_timestamp'):
            Timestamp(value[name])
        for name in ('max_row', 'point'):
            if type(value[name]) is not int:
                return None
        if not all(isinstance(value[name], str) for name in ('id', 'hash', 'metadata')):
            return None
        db_metadata.parse(value['metadata'])
        return value
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
