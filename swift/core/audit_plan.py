"""How auditors walk: in which order, from where after a restart, how fast, and what they tell.

Pure (layer 0): takes names, counts and times; the auditors list, read and wait.

    resume      a pass that was cut short goes on with the partitions its status file names
    take_turns  devices and policies share the time: one partition of each in turn
    Pace        so many units a second; a large unit makes the next one wait longer
    Tally       what a scan did, as log line and recon entry
Source: sheet 02 §19, §24; sheet 03 §22.
"""
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

ALL = 'ALL'
ZBF = 'ZBF'
OVER = 'OVER'
_HASH_DIGITS = 32
_SUFFIX_DIGITS = 3
_HEX = frozenset('0123456789abcdef')
# How far a pace may fall behind its limit and catch up, after a slow read or a long pause.
CATCH_UP_S = 1.0

Item = TypeVar('Item')


def is_partition_name(name: str) -> bool:
    """Tell whether a directory below ``objects`` is a partition."""
    return name.isascii() and name.isdigit()


def is_suffix_name(name: str) -> bool:
    """Tell whether a directory of a partition is a suffix."""
    return len(name) == _SUFFIX_DIGITS and _HEX.issuperset(name)


def is_hash_name(name: str) -> bool:
    """Tell whether a name is that of a hash directory."""
    return len(name) == _HASH_DIGITS and _HEX.issuperset(name)


# -- order and resume position -----------------------------------------------------------------

def resume(listed: Iterable[str], status: Sequence[Any] | None) -> list[str]:
    """Return the partitions still to audit: those of the status file, or all there are.

    ``status`` is None without a usable status file; an empty one says that the device is done.
    Names that are no partitions are left out wherever they come from, repeated ones are visited
    once. Partitions that appeared since wait for the next pass.
    """
    if status is not None:
        return list(dict.fromkeys(part for part in map(str, status) if is_partition_name(part)))
    return [name for name in listed if is_partition_name(name)]


def parse_status(text: str | bytes) -> list[str] | None:
    """Return the partitions a status file names; None when it is damaged."""
    try:
        partitions = json.loads(text)['partitions']
    except (ValueError, KeyError, TypeError):
        return None
    return [str(part) for part in partitions] if isinstance(partitions, list) else None


def render_status(partitions: Sequence[str]) -> str:
    """Return the content of a status file."""
    return json.dumps({'partitions': list(partitions)})


def take_turns(sources: Iterable[Iterable[Item]]) -> Iterator[Item]:
    """Yield one item of each source in turn until all are exhausted."""
    running = [iter(source) for source in sources]
    while running:
        left = []
        for source in running:
            try:
                item = next(source)
            except StopIteration:
                continue
            left.append(source)
            yield item
        running = left


def is_full_check_due(hex_hash: str, pass_number: int, every: int) -> bool:
    """Tell whether a database is read whole in this pass.

    Each is once in ``every`` passes, about as many in one as in another; needs no memory of what
    was checked when. Zero means never.
    """
    if every <= 0:
        return False
    return (int(hex_hash[:8], 16) + pass_number) % every == 0


# -- pacing ------------------------------------------------------------------------------------

class Pace:
    """At most ``per_second`` units a second on average; zero or less is no limit.

    Time lost is caught up with for at most CATCH_UP_S: slow reads do not lead to long bursts.
    """

    __slots__ = ('_free_at', '_per_second')

    def __init__(self, per_second: float):
        self._per_second = per_second
        self._free_at: float | None = None

    def take(self, now: float, units: float = 1) -> float:
        """Book ``units`` that were just used or are about to be; return the seconds to wait."""
        if self._per_second <= 0:
            return 0.0
        if self._free_at is None:
            self._free_at = now
        self._free_at = max(self._free_at, now - CATCH_UP_S)
        wait = max(0.0, self._free_at - now)
        self._free_at += units / self._per_second
        return wait


# -- what a scan did ---------------------------------------------------------------------------

@dataclass(slots=True)
class Tally:
    """Counts of one scan. ``audit_time`` is the time spent on objects, without waiting."""
    start_time: float
    passes: int = 0
    quarantined: int = 0
    errors: int = 0
    bytes_processed: int = 0
    audit_time: float = 0.0

    def entry(self) -> dict[str, Any]:
        """Return the recon entry."""
        return {'errors': self.errors, 'passes': self.passes, 'quarantined': self.quarantined,
                'bytes_processed': self.bytes_processed, 'start_time': self.start_time,
                'audit_time': self.audit_time}

    def line(self, elapsed: float) -> str:
        """Return the numbers for the log, ``elapsed`` seconds after the start."""
        seconds = elapsed or 1e-6
        files = self.passes + self.quarantined + self.errors
        return ('%d passed, %d quarantined, %d errors, files/sec: %.2f, bytes/sec: %.2f, '
                'Total time: %.2f, Auditing time: %.2f, Rate: %.2f' % (
                    self.passes, self.quarantined, self.errors, files / seconds,
                    self.bytes_processed / seconds, elapsed, self.audit_time,
                    self.audit_time / seconds))


def recon_update(kind: str, tally: Tally, devices: Sequence[str]) -> dict[str, Any]:
    """Return what goes into the recon file: the entry, below the devices if it is not for all."""
    entry: dict[str, Any] = tally.entry()
    if devices:
        entry = {''.join(sorted(devices)): entry}
    return {'object_auditor_stats_%s' % kind: entry}


@dataclass(slots=True)
class SizeHistogram:
    """How many objects are at most as large as each of some limits, and how many are larger."""
    limits: tuple[int, ...]
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.limits = tuple(sorted(set(self.limits)))
        if self.limits:
            self.counts = {str(limit): 0 for limit in self.limits} | {OVER: 0}

    def add(self, size: int) -> None:
        """Count an object."""
        if self.limits:
            key = next((str(limit) for limit in self.limits if size <= limit), OVER)
            self.counts[key] += 1
