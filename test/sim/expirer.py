"""The object-expirer: follows swift/obj/expirer.py; decisions are core/expirer_queue's."""
from collections.abc import Generator
from typing import Any

from swift.core import expirer_queue
from swift.core.expirer_queue import Fate, Task
from test.sim.clients import Proxy
from test.sim.network import Call
from test.sim.objects import Row
from test.sim.world import QUEUE_ACCOUNT, Path, path_of

Steps = Generator[Any, Any, Any]


def expire_pass(proxy: Proxy, reclaim_age_s: float) -> Steps:
    """Work off what is due. The expirer runs where a proxy is: it has its own pipeline."""
    status, names = yield from _list(proxy, path_of(QUEUE_ACCOUNT))
    for name in names if status == 200 else ():
        time = expirer_queue.container_time(name)
        if time is None or time > proxy.now():
            continue
        container = path_of(QUEUE_ACCOUNT, name)
        status, rows = yield from _list(proxy, container)
        if status != 200:
            continue
        for row in rows:
            task = expirer_queue.parse_task(name, row, None)
            if float(task.time) <= proxy.now():
                yield from _carry_out(proxy, task, reclaim_age_s)
        if not rows:
            yield from _remove(proxy, container)


def _list(proxy: Proxy, path: Path) -> Steps:
    """Return the listing that the first node has that answers."""
    for node in proxy.rings['db'].primaries(path.part):
        answer = yield Call(proxy, node, 'listing', (path,))
        if answer is not None and answer[0] in (200, 404):
            return answer
    return 503, []


def _carry_out(proxy: Proxy, task: Task, reclaim_age_s: float) -> Steps:
    path = path_of(task.account, task.container, task.obj)
    status, time, delete_at = yield from proxy.newest(path)
    refusal = expirer_queue.foresee(task, time, delete_at) if status == 200 else None
    if refusal or status == 503:
        status = refusal or status
    else:
        status = yield from proxy.expire(path, task.time, int(task.time))
    proxy.scheduler.note('%s expires %s at %s: %s', proxy, path, task.time, status)
    fate = expirer_queue.judge(task, status, proxy.now(), reclaim_age_s)
    if fate in (Fate.DONE, Fate.DROPPED):
        row = Row('DELETE', path_of(QUEUE_ACCOUNT, task.queue_container, task.name),
                  {'X-Timestamp': proxy.timestamp().internal})
        yield [Call(proxy, node, 'row', (row,))
               for node in proxy.rings['db'].primaries(row.container.part)]


def _remove(proxy: Proxy, container: Path) -> Steps:
    """Remove an empty task container."""
    accounts = proxy.rings['db'].primaries(path_of(QUEUE_ACCOUNT).part)
    yield [Call(proxy, node, 'container_delete', (container, proxy.timestamp(), (account,)))
           for node, account in zip(proxy.rings['db'].primaries(container.part), accounts,
                                    strict=True)]
