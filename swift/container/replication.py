"""REPLICATE of containers: what it adds to that of all databases.

Layer 3. A `sync` may bring the peer's claim to the storage policy; shard ranges are exchanged
whole. Source: sheet 03 §16.1, §16.5, §18.1.
"""
import json
from typing import Any

from swift.common.db.replication.rpc import JSON_TYPE, ReplicationRpc
from swift.common.db.service import Answer, DatabaseServer, page
from swift.container.backend import ContainerBroker
from swift.core.policy_conflict import PolicyClaim, claim_of, winner
from swift.core.shard_range import ShardRange


def adopt_policy(broker: ContainerBroker, remote: PolicyClaim) -> bool:
    """Adopt the policy of another replica if that wins; tell whether it did."""
    if broker.info().storage_policy_index == remote.index:
        return False
    if winner(claim_of(broker.replication_info()), remote).index != remote.index:
        return False
    broker.set_storage_policy_index(remote.index, broker.env.now().internal)
    return True


class ContainerReplicationRpc(ReplicationRpc):
    """The operations of a container server."""

    def __init__(self, server: DatabaseServer) -> None:
        super().__init__(server)
        self.operations.update(get_shard_ranges=self._get_shard_ranges,
                               merge_shard_ranges=self._merge_shard_ranges)

    def adopt(self, broker: ContainerBroker, sync: dict[str, Any]) -> None:
        if 'storage_policy_index' in sync:
            adopt_policy(broker, claim_of(sync))

    @staticmethod
    def _get_shard_ranges(broker: ContainerBroker, _args: list) -> Answer:
        ranges = [item.as_dict() for item in broker.shard_ranges()]
        return Answer(200, (), json.dumps(ranges).encode('ascii'), JSON_TYPE)

    @staticmethod
    def _merge_shard_ranges(broker: ContainerBroker, args: list) -> Answer:
        broker.merge_shard_ranges([ShardRange.from_dict(fields) for fields in args[0]],
                                  of_peer=True)
        return page(202)
