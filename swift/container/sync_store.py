"""Which containers of a device are to be synchronised elsewhere: a tree of symbolic links.

Layer 3. <device>/sync_containers/<partition>/<suffix>/<hash>/<database name> points at the
database, so that the container-sync daemon need not open every container. A link is there iff the
container has both a target and a key and is not deleted. Source: sheet 03 §19.1.
"""
import os

from swift.common import fs
from swift.common.db.files import Place
from swift.container.backend import SYNC_TARGET_KEY
from swift.core.db_metadata import Metadata

DIRECTORY = 'sync_containers'
TARGET_KEY, SECRET_KEY = SYNC_TARGET_KEY, 'X-Container-Sync-Key'


def concerns(metadata: Metadata) -> bool:
    """Tell whether the container was ever to be synchronised."""
    return TARGET_KEY in metadata or SECRET_KEY in metadata


def update(place: Place, path: str, metadata: Metadata, is_deleted: bool) -> None:
    """Make the link of a container what it should be. Raises DiskError."""
    if not concerns(metadata):
        return
    wanted = not is_deleted and all(
        metadata.get(key, ('',))[0] for key in (TARGET_KEY, SECRET_KEY))
    if wanted:
        add(place, path)
    else:
        remove(place, path)


def add(place: Place, path: str) -> None:
    """Make the link, unless it is there."""
    link = link_path(place, path)
    fs.make_dirs(os.path.dirname(link), place.device_path)
    with fs.translate(link):
        try:
            os.symlink(path, link)
        except FileExistsError:
            pass


def remove(place: Place, path: str) -> None:
    """Remove the link and the directories that it leaves empty."""
    link = link_path(place, path)
    fs.unlink_if_there(link)
    directory = os.path.dirname(link)
    while os.path.basename(directory) != DIRECTORY and fs.remove_dir_if_empty(directory):
        directory = os.path.dirname(directory)


def remove_all(place: Place) -> None:
    """Remove what links there are to a container that is gone from this device."""
    directory = os.path.dirname(link_path(place, place.default_path))
    for name in fs.list_dir(directory):
        remove(place, f'{place.directory}/{name}')


def places(device_path: str) -> list[Place]:
    """Return the containers of a device that have a link, in the order of their directories."""
    found = []
    top = f'{device_path}/{DIRECTORY}'
    for part in _names(top):
        for suffix in _names(f'{top}/{part}'):
            for name in _names(f'{top}/{part}/{suffix}'):
                if os.listdir(f'{top}/{part}/{suffix}/{name}'):
                    found.append(Place.of('container', device_path, part, name))
    return found


def _names(directory: str) -> list[str]:
    try:
        return sorted(fs.list_dir(directory))
    except NotADirectoryError:
        return []


def link_path(place: Place, path: str) -> str:
    """Return where the link of a database is."""
    below = os.path.relpath(place.directory, f'{place.device_path}/{place.datadir}')
    return f'{place.device_path}/{DIRECTORY}/{below}/{os.path.basename(path)}'
