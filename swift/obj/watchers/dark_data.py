"""dark_data: an audit watcher that finds objects which no container lists.

Layer 3. Such "dark" data can come back after a device was away for longer than reclaim_age. Only
objects older than ``grace_age`` are looked at: rows may be late. An object is

    ok        some replica of its container (or of the shard for its name) lists it
    dark      every replica answered, and none does
    unknown   anything else; a missing container is no answer, for the ring may be wrong

Replicas are asked one after the other, in random order, and no further than the first that lists
the object. ``action`` says what happens to dark objects: log, quarantine, delete.
Source: sheet 02 §19.
"""
import os
import random
from collections.abc import Mapping
from typing import Any

from swift.common import fs
from swift.common.clock import SYSTEM, Clock
from swift.common.cluster import Cluster
from swift.common.config.common import CommonOptions
from swift.common.config.options import Choice, Options, Seconds
from swift.common.direct_client import DirectClient, DirectError
from swift.common.disk_threads import run_in_thread
from swift.common.errors import SwiftError
from swift.common.exceptions import QuarantineRequest
from swift.common.http.pool import ConnectionPool
from swift.core.audit_plan import ALL
from swift.core.names import split_path
from swift.core.timestamp import Timestamp
from swift.obj.suffix_hashes import mark_suffix_dirty

# Roots point to shards, which may point on while they are split or merged.
SHARD_DEPTH_MAX = 8


class DarkDataOptions(Options, section='object-auditor:watcher:swift#dark_data'):
    """[object-auditor:watcher:swift#dark_data]"""

    action = Choice('log', 'quarantine', 'delete', doc='What happens to dark objects.')
    grace_age = Seconds(604800, 'Objects that changed less long ago are left alone.')


class DarkDataWatcher:
    """The watcher. `client` and `cluster` are for tests."""

    def __init__(self, conf: Mapping[str, str], logger: Any, *, client: Any = None,
                 cluster: Cluster | None = None, clock: Clock = SYSTEM, **other: Any):
        self.options = DarkDataOptions.parse(conf)
        self._logger = logger
        self._clock = clock
        self._cluster = cluster or Cluster.load(CommonOptions.parse(conf).swift_dir, logger=logger)
        self._client = client or DirectClient(ConnectionPool())
        self._is_on = False
        self._counts: dict[str, int] = {}

    def start(self, audit_type: str, **other: Any) -> None:
        """Begin to count; only scans that read whole objects are worth the questions."""
        self._is_on = audit_type == ALL
        self._counts = dict.fromkeys(('total', 'unknown', 'ok', 'dark'), 0)

    def see_object(self, object_metadata: Mapping[str, str], data_file_path: str,
                   **other: Any) -> None:
        """Ask whether the object is listed. Raises QuarantineRequest if the action says so."""
        if not self._is_on:
            return
        time = Timestamp(object_metadata['X-Timestamp'])
        if self._clock.time() - float(time) < self.options.grace_age:
            return
        self._counts['total'] += 1
        account, container, obj = split_path(object_metadata['name'], 3, 3, True)
        try:
            listed = self._is_listed(account, container, obj, SHARD_DEPTH_MAX)
        except (SwiftError, ValueError, KeyError, TypeError) as error:
            self._counts['unknown'] += 1
            self._logger.info('Cannot tell whether %s is listed: %s', object_metadata['name'],
                              error)
            return
        if listed:
            self._counts['ok'] += 1
            return
        self._counts['dark'] += 1
        self._act(object_metadata['name'], data_file_path)

    def end(self, **other: Any) -> None:
        """Log the numbers."""
        if self._is_on:
            self._logger.info('total %(total)d unknown %(unknown)d ok %(ok)d dark %(dark)d'
                              % self._counts)

    def _act(self, name: str, path: str) -> None:
        action = self.options.action
        self._logger.warning('Object %s is not listed in any replica of its container (%s): %s',
                             name, action, path)
        if action == 'quarantine':
            raise QuarantineRequest
        if action == 'delete':
            run_in_thread(_delete, path)

    def _is_listed(self, account: str, container: str, obj: str, depth: int) -> bool:
        """Return whether a replica lists the object. Raises SwiftError for want of an answer."""
        if depth <= 0:
            raise SwiftError('shards point to shards too often')
        part, nodes = self._cluster.container_ring.get_nodes(account, container)
        unanswered: SwiftError | None = None
        for node in random.sample(nodes, len(nodes)):
            try:
                if self._does_list(node, part, (account, container, obj), depth):
                    return True
            except (SwiftError, DirectError) as error:
                unanswered = error
        if unanswered is not None or not nodes:
            raise unanswered or SwiftError('the container ring is empty')
        return False

    def _does_list(self, node: Any, part: int, names: tuple[str, str, str], depth: int) -> bool:
        account, container, obj = names
        headers, rows = self._client.get_container(
            node, part, account, container, {'X-Backend-Record-Type': 'auto'},
            prefix=obj, limit=1, includes=obj, states='listing')
        if headers.get('X-Backend-Record-Type', 'object') != 'shard':
            return any(row.get('name') == obj for row in rows)
        for row in rows:
            shard_account, _slash, shard = row['name'].partition('/')
            if self._is_listed(shard_account, shard, obj, depth - 1):
                return True
        return False


def _delete(path: str) -> None:
    suffix_path = os.path.dirname(os.path.dirname(path))
    part_path = os.path.dirname(suffix_path)
    device_path = os.path.dirname(os.path.dirname(part_path))
    mark_suffix_dirty(part_path, os.path.basename(suffix_path), device_path)
    fs.unlink_if_there(path)
