"""Which suffixes of a partition differ between two nodes, and which nodes are asked.

Layer 0, pure. Replication pushes: a node compares its suffix hashes with a peer's and sends what
differs. Suffixes that only the peer has are the peer's to push.

    differing(local, remote) -> recompute those locally -> differing again -> send

Law (push only): when every node of a partition has compared with all others and nothing was
written meanwhile, all have the newest of everything, whatever the order of the comparisons.
"""
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

# A partition's directory is listed every so many passes, even if its cache looks sound.
LISTING_EVERY_PASSES = 10


def differing(local: Mapping[str, Any], remote: Mapping[str, Any]) -> list[str]:
    """Return the suffixes to send to the node with ``remote``, sorted."""
    return sorted(suffix for suffix, digest in local.items()
                  if suffix not in remote or remote[suffix] != digest)


def is_listing_due(part: int, pass_count: int) -> bool:
    """Tell whether the partition's directory is listed in this pass: each has its turn."""
    return (part + pass_count) % LISTING_EVERY_PASSES == 0


class Outcome(Enum):
    """What became of one peer."""
    IN_SYNC = 'in sync'            # nothing to send
    SENT = 'sent'
    FAILED = 'failed'
    UNMOUNTED = 'unmounted'        # its device is not there: another node may take its place


@dataclass(slots=True)
class PeerRound:
    """Hands out the peers of one update job: primaries, then handoffs for absent devices.

    ``primaries`` are the others, in the order to try; ``handoffs`` continue. One peer of each
    remote region is sent to, which then spreads it at home. ``enough`` > 0: handoffs take the
    place of absent devices only while otherwise fewer than so many copies could be.
    """
    primaries: Sequence[Any]
    handoffs: Iterator[Any]
    home_region: Hashable
    enough: int = 0
    outcomes: list[tuple[Any, Outcome]] = field(default_factory=list)
    _served: set = field(default_factory=set)
    _left: int = 0
    _candidates: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        self._left = len(self.primaries)
        self._candidates = _chained(self.primaries, self.handoffs)
        while self._left > 0:
            node = next(self._candidates, None)
            if node is None:
                return
            self._left -= 1
            if node.region not in self._served:
                yield node

    def note(self, node: Any, outcome: Outcome) -> None:
        """Say what became of the node that was handed out last."""
        self.outcomes.append((node, outcome))
        if outcome is Outcome.SENT and node.region != self.home_region:
            self._served.add(node.region)
        elif outcome is Outcome.UNMOUNTED and self._needs_replacement():
            self._left += 1

    def _needs_replacement(self) -> bool:
        if not self.enough:
            return True
        lost = sum(outcome is Outcome.UNMOUNTED for _node, outcome in self.outcomes)
        return len(self.primaries) - lost < self.enough

    @property
    def all_primaries_in_sync(self) -> bool:
        """Did each primary turn out to have all that we have, without anything sent?"""
        return len(self.outcomes) == len(self.primaries) and all(
            outcome is Outcome.IN_SYNC for _node, outcome in self.outcomes)


def _chained(first: Iterable[Any], second: Iterable[Any]) -> Iterator[Any]:
    yield from first
    yield from second


def handoff_may_go(results: Sequence[bool], enough: int) -> bool:
    """Tell whether a handoff's copies may be removed, given the success of each primary.

    ``enough`` > 0: so many successes suffice; 0: all are needed. No primary at all proves
    nothing.
    """
    if not results:
        return False
    return all(results) or (enough > 0 and sum(results) >= enough)


def effective_handoff_delete(wanted: int, replica_counts: Iterable[float]) -> int:
    """Return handoff_delete, or 0 (all) where it could not be reached by any policy."""
    counts = list(replica_counts)
    return 0 if not counts or wanted >= max(counts) else wanted


# -- partitions that did not change -------------------------------------------------------------

Token = str


@dataclass(frozen=True, slots=True)
class InSync:
    """A partition that was found alike everywhere: the tokens of that moment, ours and theirs.

    A token stands for the list of changed suffixes of a partition on one node (its inode, size and
    time of change). Every write, removal and quarantine appends to that list, so as long as the
    token stays, so do the hashes. ``peers`` maps a node's key to its token.
    """
    local: Token
    peers: Mapping[Hashable, Token]
    checked_at: float


def is_settled(changed_at: float, now: float, quiet_s: float) -> bool:
    """Tell whether a token may be relied on: two changes within one tick of a file system's
    clock could leave the same token, thus only lists that were quiet for a while count."""
    return now - changed_at > quiet_s


def may_skip(known: InSync | None, local: Token, peers: Iterable[Hashable], now: float,
             full_check_s: float) -> bool:
    """Tell whether comparing tokens with the peers can replace comparing hashes.

    Not when the partition changed here, has other primaries than then, or was not compared in
    full for ``full_check_s`` seconds.
    """
    return (known is not None and known.local == local and set(known.peers) == set(peers)
            and 0 <= now - known.checked_at < full_check_s)


def still_in_sync(known: InSync, answers: Callable[[Hashable], Token | None]) -> bool:
    """Tell whether each peer's token is what it was; ``answers`` gives them, None without one."""
    return all(answers(peer) == token for peer, token in known.peers.items())
