"""Whom object servers tell of a write: container replicas and the queue of expiring objects.

Layer 3. One header set for each object request (sheet 04, section 10.3). The updates are spread
so that a quorum of object answers implies a quorum of updates; what a server cannot deliver it
keeps on disk, so no row is lost.
"""

from collections.abc import Mapping
from typing import Any

from swift.common.http.message import HeaderLines, WholeHeaders
from swift.core.hashing import expirer_container
from swift.core.quorum import container_update_count, spread_updates
from swift.proxy.backend_headers import append_update_target

CLEAN_QUEUE = 'X-Backend-Clean-Expiring-Object-Queue'
_CLEANING_REQUESTS = 2
# What _add_update_targets() writes; odd spellings do not get here.
_NAMES = frozenset((CLEAN_QUEUE, 'X-Container-Host', 'X-Container-Device', 'X-Container-Partition',
                    'Host', 'Transfer-Encoding'))
_TARGETS_KEPT = 1024


def object_header_sets(controller: Any, env: Mapping[str, Any], ring: Any, headers: dict[str, str],
                       count: int) -> list[dict[str, str]]:
    """Return `count` header sets for a PUT, POST or DELETE, made from `headers`."""
    _complete(controller, ring, headers)
    sets = [dict(headers) for _ in range(count)]
    part, nodes = controller.app.container_ring.get_nodes(controller.account, controller.container)
    _add_update_targets(sets, part, nodes)
    delete_at = env.get('HTTP_X_DELETE_AT')
    if delete_at:
        _add_queue_targets(controller, int(delete_at), sets)
    return sets


def whole_header_sets(controller: Any, env: Mapping[str, Any], ring: Any, headers: dict[str, str],
                      count: int) -> list[Any]:
    """Return the same for a request whose body is there, with its Content-Length if it has one.

    The header sets are for swift.proxy.fanout.Write: what they have in common is encoded once, and
    what they have not, once for many requests.
    """
    if 'HTTP_X_DELETE_AT' in env or not _NAMES.isdisjoint(headers):
        return object_header_sets(controller, env, ring, headers, count)
    _complete(controller, ring, headers)
    shared = HeaderLines(headers)
    app = controller.app
    part, nodes = app.container_ring.get_nodes(controller.account, controller.container)
    known = app.update_targets.get((part, count))
    if known is None or known[0] != nodes:
        sets: list[dict[str, str]] = [{} for _ in range(count)]
        _add_update_targets(sets, part, nodes)
        known = nodes, [HeaderLines(own) for own in sets]
        if len(app.update_targets) >= _TARGETS_KEPT:
            app.update_targets.clear()
        app.update_targets[part, count] = known
    return [WholeHeaders(shared, own) for own in known[1]]


def _complete(controller: Any, ring: Any, headers: dict[str, str]) -> None:
    """Add what all replicas get."""
    headers['X-Backend-Storage-Policy-Index'] = str(controller.policy.index)
    next_power = getattr(ring, 'next_part_power', None)
    if next_power is not None:
        headers['X-Backend-Next-Part-Power'] = str(next_power)
    headers['X-Container-Root-Db-State'] = controller.container_info.get(
        'sharding_state') or 'unsharded'


def _add_update_targets(sets: list[dict[str, str]], part: int, nodes: list[Any]) -> None:
    count = len(sets)
    plan = spread_updates(container_update_count(count, len(nodes)), count, len(nodes))
    for target, replicas in zip(sets, plan, strict=True):
        for replica in replicas:
            append_update_target(target, 'X-Container', part, nodes[replica])
    for position, target in enumerate(sets):
        target.setdefault(CLEAN_QUEUE, 't' if position < _CLEANING_REQUESTS else 'f')


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
