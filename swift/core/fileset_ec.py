"""Names of fragment archives, the .data files of erasure coded policies.

Layer 0. An archive holds the fragments of one index (sheet 02 §2.2):

    <T>#<index>.data      not durable yet
    <T>#<index>#d.data    durable
"""
from dataclasses import dataclass

from swift.core.fileset import DATA
from swift.core.timestamp import Timestamp

DURABLE_MARK = 'd'


@dataclass(frozen=True, slots=True)
class Archive:
    """What the name of a fragment archive says."""

    name: str
    time: Timestamp
    index: int
    is_durable: bool


def parse_archive_name(name: str) -> Archive | None:
    """Return what a file name says; None for a name that no fragment archive has."""
    if not name.endswith(DATA):
        return None
    time, mark, rest = name.removesuffix(DATA).partition('#')
    index, _, durable = rest.partition('#')
    if not mark or not (index.isascii() and index.isdecimal()):
        return None
    try:
        return Archive(name, Timestamp(time), int(index), durable == DURABLE_MARK)
    except ValueError:
        return None
