"""Which containers and objects sample the partitions of a ring, and what their copies tell.

Layer 0. The sample: names <prefix>0, <prefix>1, ... of which each that falls on a partition not
met before is created, until enough partitions are covered. The tally: how many partitions miss
how many copies.

Source: sheet 07 section 13.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field


def container_prefix(policy_index: int) -> str:
    """Return how the names of the sample's containers begin."""
    return f'dispersion_{policy_index}_'


def objects_container(policy_index: int) -> str:
    """Return the container of the sample's objects."""
    return f'dispersion_objects_{policy_index}'


OBJECT_PREFIX = 'dispersion_'


def partitions_wanted(partition_count: int, coverage_percent: float, taken: int = 0) -> int:
    """Return how many partitions to cover of those that are not taken: at least one.

    (The original creates nothing in a ring so small that the share is less than one partition.)
    """
    share = max(int(partition_count * coverage_percent / 100), 1)
    return min(share, partition_count - taken)


def sample(prefix: str, part_of: Callable[[str], int], wanted: int, start: int = 0,
           taken: Collection[int] = ()) -> Iterator[tuple[str, int]]:
    """Yield (name, partition) of what to create; partitions are distinct and none is taken.

    Names with numbers below ``start`` count as created already.
    """
    covered = set(taken)
    goal = len(covered) + wanted
    number = 0
    while len(covered) < goal:
        name = f'{prefix}{number}'
        part = part_of(name)
        if part not in covered:
            covered.add(part)
            if number >= start:
                yield name, part
        number += 1


@dataclass
class Tally:
    """What was found of the copies of one sample. Order of additions does not matter."""

    partition_count: int
    queried: int = 0
    overlapping: int = 0
    copies_found: int = 0
    copies_expected: int = 0
    partitions: Counter[tuple[int, int]] = field(default_factory=Counter)

    def add(self, expected: int, found: int) -> None:
        """Count a partition of which ``found`` copies of ``expected`` were found."""
        assert 0 <= found <= expected
        self.queried += 1
        self.copies_expected += expected
        self.copies_found += found
        self.partitions[expected - found, expected] += 1

    @property
    def percent_found(self) -> float:
        return _percent(self.copies_found, self.copies_expected)

    def missing(self) -> dict[int, int]:
        """Return how many partitions miss so many copies, 0 included, by number of copies."""
        counts: Counter[int] = Counter()
        for (missing, _expected), partitions in self.partitions.items():
            counts[missing] += partitions
        return dict(sorted(counts.items()))

    def lines(self, noun: str) -> list[str]:
        """Return the report of a sample of ``noun``s, without its first line."""
        lines = []
        if self.overlapping:
            lines.append(f'There were {self.overlapping} overlapping partitions')
        lines += [_missing_line(partitions, missing, expected) for (missing, expected), partitions
                  in sorted(self.partitions.items()) if missing]
        return [*lines,
                f'{self.percent_found:.02f}% of {noun} copies found '
                f'({self.copies_found} of {self.copies_expected})',
                f'Sample represents {_percent(self.queried, self.partition_count):.02f}% '
                f'of the {noun} partition space']


def _missing_line(partitions: int, missing: int, expected: int) -> str:
    mark, count, copies = '', str(missing), 'copy' if missing == 1 else 'copies'
    if missing == expected:
        mark, count, copies = '!!! ', 'all', 'copies'
    elif expected - missing == 1:
        mark = '! '
    subject = 'was 1 partition' if partitions == 1 else f'were {partitions} partitions'
    return f'{mark}There {subject} missing {count} {copies}.'


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 0.0


def time_text(seconds: float) -> str:
    """Return a duration in the largest unit of which there is more than one: 59s, 4m, 2h."""
    unit = 's'
    for larger in ('m', 'h'):
        if seconds > 60:
            seconds, unit = seconds / 60, larger
    return f'{seconds:.0f}{unit}'
