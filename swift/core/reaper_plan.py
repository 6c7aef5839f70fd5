"""The reaper's decisions: which accounts are due, which containers are whose, what a round means.

Layer 0. A deleted account keeps its content until the reaper has deleted it, from each of the
account's primaries the share of it (sheet 03 §23):

    marked deleted, has containers, deleted longer ago than delay_reaping    due
    container                 falls to primary number md5(name) mod (number of primaries)
    object                    deleted on all its primaries, then the container on all of its own

Every step only writes tombstones with a time of its own, so it may be repeated after any crash,
and a listing that was incomplete only means that the container refuses (409) until the next pass.
"""
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import isqrt
from typing import Any

from swift.core.hashing import md5
from swift.core.quorum import spread_updates


def is_due(is_marked_deleted: bool, container_count: int, deleted_at: float, now: float,
           delay_s: float) -> bool:
    """Tell whether an account's content is to be deleted now."""
    return is_marked_deleted and container_count > 0 and now - deleted_at > delay_s


def is_overdue(deleted_at: float, now: float, delay_s: float, warn_after_s: float) -> bool:
    """Tell whether operators should hear that an account is still not empty."""
    return now - deleted_at > delay_s + warn_after_s


def share_of(container: str, shares: int) -> int:
    """Return which of the account's primaries deletes a container."""
    return int(md5(container.encode('utf-8', 'surrogateescape')).hexdigest(), 16) % shares


def workers(concurrency: int) -> int:
    """Return how many containers, and how many objects of each, are worked on at a time."""
    return max(1, isqrt(concurrency))


def told_by(requests: int, nodes: Sequence[Any]) -> list[list[Any]]:
    """Return for each request which nodes it names for its update, the last request first.

    Every node is named at least once, also when there are fewer requests than nodes: one that is
    not told keeps a row of what is gone, and refuses to go itself.
    """
    plan = spread_updates(max(requests, len(nodes)), requests, len(nodes), from_end=True)
    return [[nodes[index] for index in indexes] for indexes in plan]


class Verdict(Enum):
    """What is known about a thing after its primaries answered. Values name the counters."""

    DELETED = 'deleted'
    REMAINING = 'remaining'
    POSSIBLY_REMAINING = 'possibly_remaining'


@dataclass(frozen=True, slots=True)
class Round:
    """The answers of all primaries to one DELETE; None where there was none."""

    statuses: tuple[int | None, ...]

    @property
    def failures(self) -> int:
        """How many primaries may still have the thing. Gone already (404) is no failure."""
        return sum(not is_gone(status) for status in self.statuses)

    @property
    def verdict(self) -> Verdict:
        """Deleted: most have it no more, replication tells the rest."""
        gone = len(self.statuses) - self.failures
        if gone > self.failures:
            return Verdict.DELETED
        return Verdict.POSSIBLY_REMAINING if gone else Verdict.REMAINING


def is_gone(status: int | None) -> bool:
    """Tell whether a node that answered so has the thing no more."""
    return status is not None and (200 <= status < 300 or status == 404)
