"""When a container tells its account about itself.

Layer 0. A container is reported when it has news: times or totals other than it told last. That
is not enough. An account keeps for each container what arrived last, replicas of it pass on to
each other what they got in whatever order, and a report says nothing of its age; so a report that
comes late, or that an account replica got and passes on after the others got a newer one, replaces
the newer one everywhere, and nobody has news. (Found by the simulator.) Therefore every container
repeats its report once in a period, at a time that its hash tells: load is spread evenly, and all
its replicas do it in the same pass.
"""
from typing import NamedTuple


class Told(NamedTuple):
    """What an account is told. Times are internal texts, which sort as such."""

    put_timestamp: str
    delete_timestamp: str
    object_count: int
    bytes_used: int


def is_news(facts: Told, told: Told) -> bool:
    """Tell whether the account knows less than the facts, if it knows what it was told."""
    return (facts.put_timestamp > told.put_timestamp
            or facts.delete_timestamp > told.delete_timestamp
            or facts[2:] != told[2:])


def is_turn(hex_hash: str, since: float, now: float, period_s: float) -> bool:
    """Tell whether the turn of a container to repeat itself came after `since` and up to `now`.

    Times in seconds. A period of 0 means never.
    """
    if period_s <= 0:
        return False
    shift = int(hex_hash[:8], 16) / (1 << 32) * period_s
    return (now - shift) // period_s > (since - shift) // period_s
