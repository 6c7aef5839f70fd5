"""Whom object servers tell of a write: container replicas and the queue of expiring objects.

Layer 3. One header set for each object request (sheet 04, section 10.3). The updates are spread
so that a quorum of object answers implies a quorum of updates; what a server cannot deliver it
keeps on disk, so no row is lost.
"""

from collections.abc import Mapping
from typing import Any

from swift.core.hashing import expirer_container
from swift.core.quorum import container_update_count, spread_updates
from swift.proxy.backend_headers import append_update_target

CLEAN_QUEUE = 'X-Backend-Clean-Expiring-Object-Queue'
_CLEANING_REQUESTS = 2


def object_header_sets(controller: Any, env: Mapping[str, Any], ring: Any, headers: dict[str, str],
                       count: int) -> list[dict[str, str]]:
    """Return `count` header sets for a PUT, POST or DELETE, made from `headers`."""
    app = controller.app
    headers['X-Backend-Storage-Policy-Index'] = str(controller.policy.index)
    next_power = getattr(ring, 'next_part_power', None)
    if next_power is not None:
        headers['X-Backend-Next-Part-Power'] = str(next_power)
    headers['X-Container-Root-Db-State'] = controller.container_info.get(
        'sharding_state') or 'unsharded'
    sets = [dict(headers) for _ in range(count)]
    part, nodes = app.container_ring.get_nodes(controller.account, controller.container)
    plan = spread_updates(container_update_count(count, len(nodes)), count, len(nodes))
    for target, replicas in zip(sets, plan, strict=True):
        for replica in replicas:
            append_update_target(target, 'X-Container', part, nodes[replica])
    delete_at = env.get('HTTP_X_DELETE_AT')
    if delete_at:
        _add_queue_targets(controller, int(delete_at), sets)
    for position, target in enumerate(sets):
        target.setdefault(CLEAN_QUEUE, 't' if position < _CLEANING_REQUESTS else 'f')
    return sets


def _add_queue_targets(controller: Any, delete_at: int, sets: list[dict[str, str]]) -> None:
    app = controller.app
    account = '.' + app.options.expiring_objects_account_name.lstrip('.')
    path_hash = app.cluster.hash_path(controller.account, controller.container, controller.obj)
    container = expirer_container(path_hash, delete_at,
                                  app.options.expiring_objects_container_divisor)
    part, nodes = app.container_ring.get_nodes(account, container)
    plan = spread_updates(container_update_count(len(sets), len(nodes)), len(sets), len(nodes),
                          from_end=True)
    for target, replicas in zip(sets, plan, strict=True):
        if replicas:
            target['X-Delete-At-Container'] = container
        for replica in replicas:
            append_update_target(target, 'X-Delete-At', part, nodes[replica])
