"""What clients were told: every write with its time, and what became of it as far as they know."""
from dataclasses import dataclass, field
from enum import Enum

from swift.core.timestamp import Timestamp
from test.sim.world import Path


class Fate(Enum):
    """What the client of a write heard."""
    UNKNOWN = 'unknown'          # an error, or nothing: it may have happened, or happen later
    DONE = 'done'                # acknowledged
    OVERTAKEN = 'overtaken'      # accepted, but something newer was there already (202 to a PUT)


@dataclass
class Write:
    """One PUT, POST or DELETE of an object or container."""
    method: str
    path: Path
    time: Timestamp
    headers: dict[str, str]
    fate: Fate = Fate.UNKNOWN
    status: int = 0

    @property
    def delete_at(self) -> int | None:
        value = self.headers.get('X-Delete-At')
        return int(value) if value else None

    def __str__(self) -> str:
        return '%s %s at %s: %s (%s)' % (self.method, self.path, self.time, self.fate.value,
                                         self.status)


@dataclass
class Ledger:
    """All writes of a run, by name."""
    writes: dict[Path, list[Write]] = field(default_factory=dict)

    def add(self, write: Write) -> Write:
        self.writes.setdefault(write.path, []).append(write)
        return write

    def of(self, path: Path) -> list[Write]:
        return self.writes.get(path, [])
