"""Feeding the reconciler: rows of the wrong policy become entries in queue containers on this node.

Layer 3, disk threads. Entries go straight into a local database of their queue container, which the
replicator then brings to where it belongs like any other. The container remembers how far its rows
were looked at; it goes on only over rows whose entries are durable. Source: sheet 03 §18.2.
"""
import random
from collections.abc import Callable, Sequence
from typing import Any

from swift.common.db.broker import DatabaseExists, Environment
from swift.common.db.files import Place
from swift.common.db.replication.walk import LocalDevice
from swift.container.backend import ContainerBroker
from swift.core.reconciler_plan import QUEUE_ACCOUNT, QUEUE_POLICY, misplaced_record
from swift.core.row_merge import ObjectRecord
from swift.core.timestamp import Timestamp


class MisplacedQueue:
    """The queue containers that one pass of a replicator has written to."""

    def __init__(self, ring: Any, hash_path: Callable[..., str], env: Environment,
                 devices: Sequence[LocalDevice]) -> None:
        self._ring = ring
        self._hash_path = hash_path
        self._env = env
        self._devices = devices
        self.touched: dict[str, tuple[LocalDevice, Place]] = {}

    def feed(self, broker: ContainerBroker, page: int, is_safe: bool) -> None:
        """Enqueue what is misplaced in a container and was not looked at yet.

        `is_safe`: most replicas have what is here, so that it need not be looked at again.
        Raises SwiftErrors; what was enqueued until then may be enqueued again, which is harmless.
        """
        info = broker.info()
        end = broker.max_row()
        point = info.reconciler_sync_point
        if len(broker.policy_stats()) > 1:
            point = self._enqueue_behind(broker, point, page, info.root_path or info.path)
        elif end != point:
            is_safe = True                       # nothing can be misplaced
        point = max(point, end)
        if is_safe and point != info.reconciler_sync_point:
            broker.set_reconciler_point(point, info.storage_policy_index)

    def _enqueue_behind(self, broker: ContainerBroker, point: int, page: int,
                        container_path: str) -> int:
        account, _, name = container_path.partition('/')
        while rows := broker.misplaced_since(point, page):
            entries: dict[str, list[ObjectRecord]] = {}
            for _number, record in rows:
                container, entry = misplaced_record(record, account, name)
                entries.setdefault(container, []).append(entry)
            for container, records in entries.items():
                self._store(container, records)
            point = rows[-1][0]
        return point

    def _store(self, container: str, records: list[ObjectRecord]) -> None:
        part, nodes = self._ring.get_nodes(QUEUE_ACCOUNT, container)
        device = self._device_for(nodes)
        place = Place.of('container', device.path, part, self._hash_path(QUEUE_ACCOUNT, container))
        broker = ContainerBroker(place, self._env)
        try:
            if not broker.exists():
                try:
                    broker.create_container(QUEUE_ACCOUNT, container,
                                            Timestamp(container).internal, QUEUE_POLICY)
                except DatabaseExists:
                    pass
            broker.merge_records(records)
        finally:
            broker.close()
        self.touched[place.directory] = device, place

    def _device_for(self, nodes: Sequence[Any]) -> LocalDevice:
        """Return a device of this machine: one where the queue belongs, or any that is in use."""
        primaries = {node.id for node in nodes}
        own = [device for device in self._devices if device.id in primaries]
        return random.choice(own or [device for device in self._devices if device.weight > 0]
                             or list(self._devices))
