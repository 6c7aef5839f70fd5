"""How many answers make a quorum, and which answer speaks for all of them.

Pure (layer 0): statuses in, an index or a verdict out. Everything that asks several
replicas at once (account, container and object writes, reads without a usable body)
ends here.

Rules (sheet 04, sections 10.3 and 10.6):
  * a quorum of n replicas is half of them, rounded up;
  * classes are looked at in the order 2xx, 3xx, 4xx; the first class with a quorum wins, and
    within it the numerically highest status, the earliest answer with it first;
  * no class with a quorum: statuses named in `overrides` are counted as the status they map to
    and the classes are looked at once more; an answer that was counted differently is never
    itself the one shown to the client;
  * still nothing: nobody speaks for the cluster (the caller answers 503).

Law: the verdict depends on the multiset of statuses only, never on their order (only which of
several equal answers is shown does).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

_CLASSES = (2, 3, 4)

MISSING_STATUS = 503
"""What an answer counts as that did not come in time."""

DELETE_OVERRIDES = {404: 204}
"""Object DELETE: a replica that has nothing to delete agrees with the deletion."""


def quorum_size(replica_count: int) -> int:
    """Return how many of `replica_count` answers decide: 1 of 2, 2 of 3, 2 of 4, 3 of 5."""
    return (replica_count + 1) // 2


def has_class_quorum(statuses: Sequence[int], quorum: int) -> bool:
    """Return whether one class (2xx, 3xx or 4xx) already has `quorum` answers."""
    counts = [0, 0, 0, 0, 0, 0]
    for status in statuses:
        counts[status // 100] += 1
    return counts[2] >= quorum or counts[3] >= quorum or counts[4] >= quorum


def best_index(statuses: Sequence[int], quorum: int,
               overrides: Mapping[int, int] | None = None) -> int | None:
    """Return the index of the answer to give to the client, None when there is no quorum."""
    index = _best(statuses, statuses, quorum)
    if index is None and overrides:
        counted = [overrides.get(status, status) for status in statuses]
        index = _best(statuses, counted, quorum)
    return index


def _best(statuses: Sequence[int], counted: Sequence[int], quorum: int) -> int | None:
    if counted is statuses and len(statuses) >= quorum and len(set(statuses)) == 1:
        # All agree, as nearly always.
        return 0 if statuses[0] // 100 in _CLASSES else None
    for hundred in _CLASSES:
        if sum(1 for status in counted if status // 100 == hundred) < quorum:
            continue
        real = [i for i, status in enumerate(statuses)
                if status == counted[i] and status // 100 == hundred]
        if real:
            return max(real, key=lambda i: (statuses[i], -i))
    return None


def container_update_count(object_nodes: int, container_replicas: int) -> int:
    """Return how many container updates the object requests must carry together.

    Enough that a quorum of object answers implies a quorum of updates even if the object
    requests that failed carried one each; never fewer than one for each container replica.
    """
    needed = quorum_size(container_replicas) + object_nodes - quorum_size(object_nodes)
    return max(needed, container_replicas)


@lru_cache(maxsize=64)
def spread_updates(count: int, slots: int, replicas: int,
                   from_end: bool = False) -> tuple[tuple[int, ...], ...]:
    """Return for each of `slots` requests the replica indexes it has to name.

    Update k goes to request k mod slots and names replica k mod replicas; `from_end` counts the
    requests backwards (expirer queue updates, so that the first requests are not the ones that
    carry everything).
    """
    plan: list[list[int]] = [[] for _ in range(slots)]
    for k in range(count):
        slot = slots - 1 - k % slots if from_end else k % slots
        plan[slot].append(k % replicas)
    return tuple(map(tuple, plan))


@dataclass(slots=True)
class Answer:
    """One backend's final word: what the best-response rules need and what the client sees."""

    status: int
    reason: str = ''
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b''
    is_handoff: bool = False


def best_answer(answers: Sequence[Answer], quorum: int,
                overrides: Mapping[int, int] | None = None) -> Answer | None:
    """Return the answer to show, None when no class has a quorum (503 for the caller)."""
    index = best_index([a.status for a in answers], quorum, overrides)
    return None if index is None else answers[index]
