"""What becomes of a database file that a peer has sent to <device>/tmp/<id of the sender>.

Layer 1, disk threads. A file that landed is complete, but its identity is the sender's. It gets an
id of its own and the point "all rows of the sender up to the end of this file", and then

    complete    is the database, if there is none                       (complete_rsync)
    merge       takes the place of the one that is there, whose rows    (rsync_then_merge)
                are merged into it first: fewer rows to merge than the other way round

The point is noted before our own rows are merged into the file: their numbers go on behind the
sender's, which has rows of other names under them. (The original takes the end after the merge,
and skips as many rows of the sender's next ones.) What is not sound never becomes a database: one
replica's bit rot must not spread. A process killed at any step leaves a file in tmp, which is
removed when it is old, and the database as it was. Source: sheet 03 §16.2, §16.3.
"""
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from swift.common import fs
from swift.common.db.connection import DatabaseFile, translate
from swift.common.db.replicated import JOURNAL_SUFFIX, ReplicatedBroker, written_at_once
from swift.common.errors import DamagedDatabase, DatabaseMissing, StateChanged
from swift.core.db_sync import NOWHERE

NamesCheck = Callable[[str, str | None], bool]


class NotUsable(Exception):
    """What landed cannot be used here: nothing there, or it is the database of something else."""


def landing_path(device_path: str, sender: str) -> str:
    """Return where the file of a sender lands. Raises NotUsable for an id that is no file name."""
    if not isinstance(sender, str) or not sender or '/' in sender or '\0' in sender \
            or sender in ('.', '..'):
        raise NotUsable(f'{sender!r} is no database id')
    return f'{device_path}/tmp/{sender}'


def make_landing(device_path: str) -> None:
    """Make the directory that files land in; an rsync does not."""
    fs.make_dirs(f'{device_path}/tmp', device_path)


def open_new(path: str) -> Any:
    """Return a new file, unbuffered, with the mode that databases have."""
    return open(path, 'xb', 0, opener=lambda name, flags: os.open(name, flags, 0o600))


def complete(broker: ReplicatedBroker, sender: str, name: str, is_right: NamesCheck) -> None:
    """Make what landed the database called `name`. Raises NotUsable, SwiftErrors."""
    with _claimed(broker.place.device_path, sender) as path:
        if os.path.exists(f'{broker.place.directory}/{name}'):
            raise NotUsable('there is a database')
        with _opened(broker, path, is_right) as file:
            with written_at_once(file):
                broker.become_new(file, sender, broker.end_of_log(file))
        fs.unlink_if_there(path + JOURNAL_SUFFIX)
        if not broker.install(path, name):
            raise NotUsable('there is a database')


def merge(broker: ReplicatedBroker, sender: str, is_right: NamesCheck) -> None:
    """Merge the database into what landed, which replaces it. Raises NotUsable, SwiftErrors."""
    with _claimed(broker.place.device_path, sender) as path:
        if not broker.exists() or not broker.can_be_replaced():
            raise NotUsable('nothing to merge')
        try:
            _merge(broker, sender, path, is_right)
        except (DatabaseMissing, StateChanged) as err:
            raise NotUsable(str(err)) from err


def _merge(broker: ReplicatedBroker, sender: str, path: str, is_right: NamesCheck) -> None:
    with _opened(broker, path, is_right) as file:
        with written_at_once(file):
            broker.become_new(file, sender, broker.end_of_log(file))
        poured = broker.identity()
        point = broker.pour(file, NOWHERE)

        def catch_up(old: DatabaseFile) -> None:
            if old.inode != poured or not broker.can_be_replaced():
                # Row numbers of another file say nothing about this one.
                raise NotUsable('replaced meanwhile, or sharding has begun')
            broker.pour_rest(file, old, point)
            file.close()
            fs.unlink_if_there(path + JOURNAL_SUFFIX)
        broker.replace_with(path, catch_up)


@contextmanager
def _claimed(device_path: str, sender: str) -> Iterator[str]:
    """Give what landed a name of our own, so that the next file of that sender is another one.

    (It comes when an answer took longer than the sender waits. Were the names the same, a file
    that was not merged with anything could take the database's place.) What is left is removed.
    """
    path = landing_path(device_path, sender)
    claimed = f'{path}.{uuid.uuid4().hex}'
    with fs.translate(path):
        try:
            os.rename(path, claimed)
        except FileNotFoundError:
            raise NotUsable(f'nothing at {path}') from None
    try:
        yield claimed
    finally:
        for name in (claimed, claimed + JOURNAL_SUFFIX):
            fs.unlink_if_there(name)


@contextmanager
def _opened(broker: ReplicatedBroker, path: str, is_right: NamesCheck) -> Iterator[DatabaseFile]:
    """Open what landed, if it is sound and what it should be."""
    file = DatabaseFile(path, broker.env.busy_timeout_s)
    try:
        file.open(os.stat(path))
        found = file.db.execute('PRAGMA quick_check(1)').fetchone()[0]
        if found != 'ok':
            raise DamagedDatabase(found, path, reason='damaged on arrival')
        if not is_right(*broker.names_in(file)):
            raise NotUsable(f'{path} is the database of another name')
        yield file
    except sqlite3.Error as err:
        error = translate(err, path, broker.env.busy_timeout_s)
        broker.env.logger.error('ERROR with %s, sent by a peer: %s', path, error)
        raise error from err
    except DamagedDatabase as err:
        broker.env.logger.error('ERROR with %s, sent by a peer: %s', path, err)
        raise
    finally:
        file.close()
