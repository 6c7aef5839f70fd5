"""What becomes of a database file that a peer has sent to <device>/tmp/<id of the sender>.

Layer 1, disk threads. A file that landed is complete, but its identity is the sender's. It gets an
id of its own and the point "all rows of the sender up to the end of this file", and then

    complete    is the database, if there is none                       (complete_rsync)
    merge       takes the place of the one that is there, whose rows    (rsync_then_merge)
                are merged into it first: fewer rows to merge than the other way round

The point is noted before our own rows are merged into the file: their numbers go on behind the
sender's, which has rows of other names under them. (The original takes the end after the merge,
and skips as many rows of the sender's next ones.) A process killed at any step leaves a file in
tmp, which is removed when it is old, and the database as it was. Source: sheet 03 §16.2, §16.3.
"""
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from swift.common import fs
from swift.common.db.connection import DatabaseFile, translate
from swift.common.db.replicated import JOURNAL_SUFFIX, ReplicatedBroker, written_at_once
from swift.common.errors import DatabaseMissing, StateChanged, SwiftError

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


def complete(broker: ReplicatedBroker, sender: str, name: str, is_right: NamesCheck) -> None:
    """Make what landed the database called `name`. Raises NotUsable, SwiftErrors."""
    if os.path.exists(f'{broker.place.directory}/{name}'):
        raise NotUsable('there is a database')
    path = landing_path(broker.place.device_path, sender)
    with _opened(broker, path, is_right) as file:
        with written_at_once(file):
            broker.become_new(file, sender, broker.end_of_log(file))
    fs.unlink_if_there(path + JOURNAL_SUFFIX)
    if not broker.install(path, name):
        raise NotUsable('there is a database')


def merge(broker: ReplicatedBroker, sender: str, is_right: NamesCheck) -> None:
    """Merge the database into what landed, which replaces it. Raises NotUsable, SwiftErrors."""
    path = landing_path(broker.place.device_path, sender)
    if not broker.exists() or not os.path.exists(path) or not broker.can_be_replaced():
        raise NotUsable('nothing to merge')
    with _opened(broker, path, is_right) as file:
        with written_at_once(file):
            broker.become_new(file, sender, broker.end_of_log(file))
        point = broker.pour(file, -1)

        def catch_up(old: DatabaseFile) -> None:
            if not broker.can_be_replaced():
                raise NotUsable('sharding has begun')
            broker.pour_rest(file, old, point)
            file.close()
            fs.unlink_if_there(path + JOURNAL_SUFFIX)
        try:
            broker.replace_with(path, catch_up)
        except (DatabaseMissing, StateChanged) as err:
            raise NotUsable(str(err)) from err


@contextmanager
def _opened(broker: ReplicatedBroker, path: str, is_right: NamesCheck) -> Iterator[DatabaseFile]:
    """Open what landed, if it is what it should be. A damaged file is removed."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise NotUsable(f'nothing at {path}') from None
    file = DatabaseFile(path, broker.env.busy_timeout_s)
    try:
        file.open(status)
        if not is_right(*broker.names_in(file)):
            raise NotUsable(f'{path} is the database of another name')
        yield file
    except (sqlite3.Error, SwiftError) as err:
        if isinstance(err, sqlite3.Error):
            err = translate(err, path, broker.env.busy_timeout_s)
        broker.env.logger.error('ERROR with %s, sent by a peer: %s', path, err)
        raise err
    finally:
        file.close()
