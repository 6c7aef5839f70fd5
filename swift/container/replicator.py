"""container-replicator: container databases to all their replicas, misplaced rows to the queue.

Layer 3. Adds to the common replicator (common/db/replication): the claim to the storage policy,
the exchange of shard ranges, links for container sync, and the reconciler's queue.
Source: sheet 03 §16.4, §17, §18.
"""
from dataclasses import asdict
from typing import Any

from swift.common.config.options import Text
from swift.common.db.replicated import ReplicatedBroker
from swift.common.db.replication.daemon import Job, Replicator
from swift.common.db.replication.options import ReplicatorOptions
from swift.common.db.replication.sync import Kind, Push, Replica
from swift.common.db.replication.walk import LocalDevice
from swift.common.disk_threads import run_in_thread
from swift.container import sync_store
from swift.container.backend import ContainerBroker
from swift.container.misplaced import MisplacedQueue
from swift.container.replication import adopt_policy
from swift.core.policy_conflict import claim_of
from swift.core.reconciler_plan import QUEUE_ACCOUNT
from swift.core.shard_range import ShardRange


class ContainerReplicatorOptions(ReplicatorOptions, section='container-replicator'):
    """The daemon that keeps the replicas of containers equal."""

    rsync_module = Text('{replication_ip}::container', 'Module of the peers\' rsync daemons.')


class ContainerKind(Kind):
    """What containers add to the protocol."""

    def __init__(self, has_policies: bool) -> None:
        self._has_policies = has_policies

    def sync_words(self, replica: Replica) -> tuple:
        words, info = replica.sync_words, replica.info
        if not self._has_policies:
            return words
        return (*words, info['status_changed_at'], info['count'], info['storage_policy_index'])

    def learn(self, replica: Replica, remote: dict[str, Any]) -> None:
        if remote.get('storage_policy_index', replica.info['storage_policy_index']) \
                != replica.info['storage_policy_index']:
            adopt_policy(replica.broker, claim_of(remote))

    def exchange(self, push: Push, node: Any, remote: dict[str, Any]) -> bool | None:
        """Pull and push shard ranges; while rows go to shards they are not replicated here."""
        broker = push.replica.broker
        theirs = remote.get('shard_max_row', -1)
        if theirs >= 0:
            reply = push.ask(node, 'get_shard_ranges')
            if reply.is_success and reply.value:
                run_in_thread(broker.merge_shard_ranges,
                              [ShardRange.from_dict(item) for item in reply.value], True)
        if theirs < 0 and push.replica.info['shard_max_row'] < 0:
            return None
        ranges = run_in_thread(broker.shard_ranges)
        pushed = True
        if ranges and 'shard_max_row' in remote:
            pushed = push.ask(node, 'merge_shard_ranges', [asdict(item) for item in ranges],
                              push.replica.info['id']).is_success
        if run_in_thread(broker.is_sharding_initiated):
            push.stats.count('deferred')
            return pushed
        return None if pushed else False


class ContainerReplicator(Replicator):
    """The daemon."""

    options_class = ContainerReplicatorOptions
    kind = 'container'
    broker_class = ContainerBroker

    def make_kind(self) -> Kind:
        return ContainerKind(len(self.cluster.policies) > 1)

    @property
    def ring(self) -> Any:
        return self.cluster.container_ring

    def begin(self, local: list[LocalDevice]) -> None:
        # The queue may be written to every device of this machine, also when only some are walked.
        self._queue = MisplacedQueue(self.ring, self.cluster.hash_path, self.environment,
                                     self.local_devices())

    def finish(self) -> None:
        """Bring the queue containers that this pass wrote to where they belong."""
        self.replicate(self._queue.touched.values())

    def after_peers(self, job: Job, results: list[bool]) -> None:
        if job.replica.info['account'] != QUEUE_ACCOUNT:
            run_in_thread(self._look_after, job.replica.broker,
                          sum(results) > len(results) // 2)

    def _look_after(self, broker: ContainerBroker, is_safe: bool) -> None:
        info = broker.info()
        sync_store.update(broker.place, broker.path, info.metadata, info.is_deleted)
        self._queue.feed(broker, self.options.per_diff, is_safe)

    def may_leave(self, broker: ContainerBroker) -> bool:
        return not broker.requires_sharding()

    def on_removed(self, broker: ReplicatedBroker, info: dict[str, Any]) -> None:
        sync_store.remove_all(broker.place)
