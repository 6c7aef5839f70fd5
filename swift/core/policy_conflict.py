"""Which storage policy a container has when its replicas disagree.

Layer 0. Replicas of one container can be created apart from each other with different policies.
The rule (sheet 03 §18.1) needs four facts of each replica:

    exactly one deleted                      the other wins
    both deleted                             the later status change
    exactly one recreated (put after delete) that one
    both recreated                           who was put before the newest delete loses,
                                             else the earlier status change
    none recreated                           the earlier status change: the first creation
    a tie                                    the local one stays

Law (property-tested): with distinct times the result does not depend on who is local.
"""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swift.core.timestamp import Timestamp


@dataclass(frozen=True, slots=True)
class PolicyClaim:
    """What one replica says about the container."""

    index: int
    put: Timestamp
    delete: Timestamp
    object_count: int
    status_changed_at: Timestamp

    @property
    def is_deleted(self) -> bool:
        return self.delete > self.put and self.object_count == 0

    @property
    def is_recreated(self) -> bool:
        return self.put > self.delete and bool(self.delete)

    @property
    def is_of_something(self) -> bool:
        """False for the answer of a server that never had the container."""
        return bool(self.put or self.delete or self.status_changed_at)


def claim_of(facts: Mapping[str, Any]) -> PolicyClaim:
    """Return the claim to the policy in the facts that replicas exchange. ValueError for none."""
    return PolicyClaim(
        int(facts['storage_policy_index']), Timestamp(facts['put_timestamp']),
        Timestamp(facts['delete_timestamp']), int(facts.get('count') or 0),
        Timestamp(facts['status_changed_at']))


def claim_of_headers(headers: Mapping[str, str]) -> PolicyClaim | None:
    """Return what a container server's answer claims, 404 included; None when it says nothing."""
    index = headers.get('X-Backend-Storage-Policy-Index')
    if index is None:
        return None
    try:
        claim = PolicyClaim(
            int(index), _time(headers, 'X-Backend-Put-Timestamp'),
            _time(headers, 'X-Backend-Delete-Timestamp'),
            int(headers.get('X-Container-Object-Count') or 0),
            _time(headers, 'X-Backend-Status-Changed-At'))
    except ValueError:
        return None
    return claim if claim.is_of_something else None


def _time(headers: Mapping[str, str], name: str) -> Timestamp:
    return Timestamp(headers.get(name) or '0')


def winner(local: PolicyClaim, remote: PolicyClaim) -> PolicyClaim:
    """Return the claim that holds for both replicas."""
    return decide((local, remote))


def decide(claims: Sequence[PolicyClaim]) -> PolicyClaim | None:
    """Return the claim that wins among all replicas that were heard; None of none.

    For two it is the rule above; for more the same rule over all of them at once, because
    comparing in pairs could go round in circles. Of equal claims the first one stays.
    """
    living = [claim for claim in claims if not claim.is_deleted]
    if not living:
        return max(claims, key=lambda claim: claim.status_changed_at, default=None)
    recreated = [claim for claim in living if claim.is_recreated]
    if recreated:
        newest_delete = max(claim.delete for claim in recreated)
        living = [claim for claim in recreated if claim.put >= newest_delete]
    return min(living, key=lambda claim: claim.status_changed_at)
