"""One misplaced object: the requests behind the decisions of core.reconciler_plan.

Layer 3, of the container-reconciler; `owner` is the daemon. Also what tools need of the queue:
the policy of a container as its servers agree on it, adding a row, removing one.
"""
from collections.abc import Iterable, Mapping
from typing import Any

from swift.common.clock import Clock
from swift.common.direct_client import DirectClient, DirectError
from swift.common.errors import TransportError
from swift.common.green import Pile
from swift.common.internal_client import make_path
from swift.core import reconciler_plan
from swift.core.policy_conflict import claim_of_headers, decide
from swift.core.reconciler_plan import QUEUE_ACCOUNT, Entry, Plan, Step
from swift.core.timestamp import ZERO, Timestamp

REPLICATION = {'X-Backend-Use-Replication-Network': 'true'}
POLICY_TTL_S = 30
POLICIES_MAX = 1000
_ANY_ANSWER = (2, 4)
# Clients may not write the sizes that content types of large objects carry; a copy has them.
_TYPE_AS_STORED = {'swift.content_type_overridden': True}


class ContainerPolicies:
    """The policies of containers as a majority of their servers says, remembered for a while."""

    def __init__(self, cluster: Any, direct: DirectClient, clock: Clock):
        self._cluster = cluster
        self._direct = direct
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, int]] = {}

    def of(self, account: str, container: str) -> int | None:
        """Return the index of a container's policy; None when too few servers know."""
        now = self._clock.monotonic()
        known = self._known.get((account, container))
        if known is not None and now < known[0]:
            return known[1]
        index = self._ask(account, container)
        self._known.pop((account, container), None)
        if index is not None:
            if len(self._known) >= POLICIES_MAX:
                del self._known[next(iter(self._known))]
            self._known[account, container] = (now + POLICY_TTL_S, index)
        return index

    def forget(self, account: str, container: str) -> None:
        """Ask again next time."""
        self._known.pop((account, container), None)

    def _ask(self, account: str, container: str) -> int | None:
        part, nodes = self._cluster.container_ring.get_nodes(account, container)
        with Pile(len(nodes)) as pile:
            for node in nodes:
                pile.spawn(self._head, node, part, account, container)
            heard = [headers for headers in pile if headers is not None]
        if len(heard) <= len(nodes) // 2:
            return None
        claims = [claim for claim in map(claim_of_headers, heard) if claim is not None]
        best = decide(claims)
        return None if best is None else best.index

    def _head(self, node: Any, part: int, account: str, container: str) -> Mapping | None:
        """Return what a server says, also of a container that is deleted or not there."""
        try:
            return self._direct.head_container(node, part, account, container, REPLICATION)
        except DirectError as err:
            return err.headers if err.status == 404 else None
        except TransportError:
            return None


class Move:
    """Everything that is done for one row, but its removal. `base` is the time to count from."""

    def __init__(self, owner: Any, entry: Entry):
        self._owner = owner
        self._client = owner.client
        self._entry = entry
        self._destination = -1
        self.base = entry.time

    def run(self) -> Step:
        """Return DONE, GIVE_UP or RETRY. Raises UnexpectedResponse when servers fail."""
        owner, entry = self._owner, self._entry
        policy = owner.policies.of(entry.account, entry.container)
        steady = policy is not None and owner.are_rings_steady(policy, entry.policy_index)
        step = reconciler_plan.compare_policies(entry, policy, steady)
        if step is Step.DONE:
            owner.count('noop_object')
        if step is not None:
            return step
        owner.count('misplaced_object')
        self._destination = policy
        plan = reconciler_plan.after_destination(entry, self._destination_time())
        if plan.step is Step.LOOK_AT_SOURCE:
            return self._take_from_source()
        owner.count('already_newer')
        return self._clean(plan)

    # -- looking -------------------------------------------------------------------------------

    def _destination_time(self) -> Timestamp:
        """Return the newest time that the destination knows, of a tombstone too."""
        resp = self._request('HEAD', self._destination, {'X-Newest': 'true'})
        resp.close()
        return _time_of(resp.headers)

    def _take_from_source(self) -> Step:
        """GET in the source and do what follows from the answer."""
        owner, entry = self._owner, self._entry
        # Also what expired: it has to be where the expirer will look for it.
        resp = self._request('GET', entry.policy_index,
                             {'X-Newest': 'true', 'X-Backend-Open-Expired': 'true'})
        try:
            plan = reconciler_plan.after_source(
                entry, resp.status_int, _time_of(resp.headers), owner.clock.time(),
                owner.options.reclaim_age)
            self.base = plan.base
            if plan.step is Step.COPY:
                self._copy(plan, resp)
        finally:
            resp.close()
        if plan.step is Step.DELETE_DESTINATION:
            owner.count('found_tombstone' if _time_of(resp.headers) else 'no_source')
            self._request('DELETE', self._destination,
                          {'X-Timestamp': plan.copy_time.internal}, (2, 404)).close()
        if plan.step in (Step.RETRY, Step.GIVE_UP):
            owner.count('unavailable_source')
            return plan.step
        return self._clean(plan)

    # -- writing -------------------------------------------------------------------------------

    def _copy(self, plan: Plan, source: Any) -> None:
        owner, entry = self._owner, self._entry
        headers = reconciler_plan.copied_headers(source.headers, plan, owner.clock.time())
        if headers.get('X-Static-Large-Object'):
            headers['Content-Type'] = self._stored_type(source) or headers['Content-Type']
        headers['X-Backend-Storage-Policy-Index'] = str(self._destination)
        body = _BodyFile(source.app_iter)
        self._client.upload_object(body, *entry.names, headers, environ=_TYPE_AS_STORED)
        owner.count('copied')
        owner.logger.info('Moved %s from policy %d to %d', entry.path, entry.policy_index,
                          self._destination)

    def _stored_type(self, source: Any) -> str | None:
        """Return the content type as it is stored: proxies hide the size of large objects in it."""
        entry = self._entry
        part, nodes = self._owner.cluster.object_ring(entry.policy_index).get_nodes(*entry.names)
        wanted = {**REPLICATION, 'X-Backend-Storage-Policy-Index': str(entry.policy_index),
                  'X-Backend-Open-Expired': 'true'}
        for node in nodes:
            try:
                headers = self._owner.direct.head_object(node, part, entry.names, wanted)
            except (DirectError, TransportError):
                continue
            if _time_of(headers) == _time_of(source.headers):
                return headers.get('Content-Type')
        return None

    def _clean(self, plan: Plan) -> Step:
        """Write the source's tombstone. The copy needs the expirer's row of the source."""
        resp = self._request('DELETE', self._entry.policy_index, {
            'X-Timestamp': plan.tombstone_time.internal,
            'X-Backend-Clean-Expiring-Object-Queue': 'no'})
        resp.close()
        if reconciler_plan.is_cleaned(resp.status_int):
            return Step.DONE
        self._owner.count('cleanup_failed')
        return Step.RETRY

    def _request(self, method: str, policy_index: int, headers: Mapping[str, str],
                 acceptable: tuple[int, ...] = _ANY_ANSWER) -> Any:
        return self._client.make_request(
            method, make_path(*self._entry.names),
            {**headers, 'X-Backend-Storage-Policy-Index': str(policy_index)}, acceptable)


class _BodyFile:
    """The body of a response as a file that can be read once."""

    def __init__(self, chunks: Iterable[bytes]):
        self._chunks = iter(chunks)
        self._rest = b''

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, all that is left for a negative size."""
        if size < 0:
            rest, self._rest = self._rest, b''
            return rest + b''.join(self._chunks)
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b''
            self._rest = bytes(chunk)
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    @staticmethod
    def seekable() -> bool:
        return False


def _time_of(headers: Mapping[str, str]) -> Timestamp:
    """Return the newest time that an answer tells of, 0 for none."""
    text = headers.get('X-Backend-Timestamp') or headers.get('X-Timestamp')
    return Timestamp(text) if text else ZERO


# -- the queue -------------------------------------------------------------------------------------

def pop(owner: Any, entry: Entry, base: Timestamp) -> None:
    """Remove a row on all its servers; where that fails, a later pass finds nothing to do."""
    part, nodes = owner.cluster.container_ring.get_nodes(QUEUE_ACCOUNT, entry.queue_container)
    headers = {**REPLICATION, 'X-Timestamp': reconciler_plan.pop_time(entry, base).internal,
               'X-Backend-Storage-Policy-Index': '0'}
    names = (QUEUE_ACCOUNT, entry.queue_container, entry.name)
    done = _on_all(nodes, lambda node: owner.direct.delete_container_object(
        node, part, names, headers))
    owner.count('pop_queue' if done == len(nodes) else 'pop_queue_partial')


def enqueue(cluster: Any, direct: DirectClient, target: tuple[int, str, str, str],
            time: Timestamp, op: str, force: Timestamp | None = None) -> str | None:
    """Add a row for (policy index, account, container, object); return its queue container.

    None when fewer than a majority of the container's servers took it. `force` is a later time
    for the row itself, so that it beats one that was popped.
    """
    container = reconciler_plan.queue_container(time)
    part, nodes = cluster.container_ring.get_nodes(QUEUE_ACCOUNT, container)
    row = reconciler_plan.queue_record(target, time.internal, op, (force or time).internal)
    headers = {**REPLICATION, 'X-Size': str(row.size), 'X-Etag': row.etag,
               'X-Timestamp': row.created_at, 'X-Content-Type': row.content_type,
               'X-Backend-Storage-Policy-Index': str(row.storage_policy_index)}
    names = (QUEUE_ACCOUNT, container, row.name)
    done = _on_all(nodes, lambda node: direct.put_container_object(node, part, names, headers))
    return container if done > len(nodes) // 2 else None


def _on_all(nodes: list[Any], call: Any) -> int:
    """Call something for all nodes at once; return how many succeeded."""
    def attempt(node: Any) -> bool:
        try:
            call(node)
            return True
        except (DirectError, TransportError):
            return False
    with Pile(len(nodes)) as pile:
        for node in nodes:
            pile.spawn(attempt, node)
        return sum(pile)
