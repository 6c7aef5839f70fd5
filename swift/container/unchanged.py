"""Which databases had nothing to report when they were last read, and are still the same files.

Layer 3. Reading a database (open, pragmas, schema, facts) costs 2 ms, looking at its files a few
system calls. The updater remembers the marks of databases without news and does not read them
again until the marks differ.

    marks     path, inode, time of change and size of each database file and pending log

Marks are taken before the database is read, so a change during the reading shows up in the next
pass. A file that changed a moment ago can change again without a new time of change, because the
kernel's clock for it moves in steps: such marks are not remembered. Every commit writes to the
database file (rollback journal), every record to the log, and a restart forgets everything:
no report is lost, at worst an unchanged database is read once more.
"""
import os

from swift.common.db.files import Place, database_names

Marks = tuple[tuple[str, int, int, int], ...]

# Many times the step of any file system's clock.
SETTLED_AFTER_S = 2
# About 500 bytes each. Databases beyond that are read in every pass.
REMEMBERED_MAX = 100_000


def marks_of(place: Place) -> Marks:
    """Return the marks of what is at a place; empty if there is no database.

    Raises OSError. Blocks on disk. Cost: one listing, and a stat for each file that counts.
    """
    marks = []
    paths = [f'{place.directory}/{name}'
             for name in database_names(place.directory, place.hash)]
    if paths:
        paths.append(place.pending_path)
    for path in paths:
        try:
            status = os.stat(path)
        except FileNotFoundError:
            continue
        marks.append((path, status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(marks)


class Unchanged:
    """The marks of databases without news, by directory. For one pass after another."""

    def __init__(self, limit: int = REMEMBERED_MAX) -> None:
        self._limit = limit
        self._before: dict[str, Marks] = {}
        self._now: dict[str, Marks] = {}

    def begin_pass(self) -> None:
        """Forget the databases that the pass before did not meet."""
        self._before, self._now = self._now, {}

    def is_known(self, directory: str, marks: Marks) -> bool:
        """Tell whether a database was without news and has the same marks since."""
        if self._before.get(directory) != marks:
            return False
        self._now[directory] = marks
        return True

    def remember(self, directory: str, marks: Marks, looked_at: float) -> None:
        """Note that a database had no news; its marks were taken at this wall time, or later."""
        latest = max(mtime for _, _, mtime, _ in marks) / 1e9
        if latest < looked_at - SETTLED_AFTER_S and len(self._now) < self._limit:
            self._now[directory] = marks
