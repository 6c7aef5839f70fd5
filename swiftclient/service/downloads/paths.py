"""Where a downloaded object goes, and never outside the chosen directory.

Object names are chosen by whoever may write to the container. A name is refused if it holds a
`..` component, or if its parent directory is reached through a symbolic link that leads out of
the output directory. Leading slashes are dropped, as ever. Nothing here writes except `Folders`,
which makes parent directories. Source: sheet 08, sections 4.3 (local path) and 9.9.
"""
import os
import threading

from swiftclient.service.errors import SwiftError

# Content types of objects that stand for directories.
DIRECTORY_TYPES = ('application/directory', 'text/directory')


def local_path(container: str, name: str, options: dict) -> str:
    """Return the path for an object, relative unless `out_directory` is absolute.

    Raises SwiftError if the name would lead out of the output directory.
    """
    path = name
    if options['yes_all']:
        path = f'{container}/{name.lstrip("/")}'
    path = path.lstrip('/')
    prefix = options['prefix']
    if options['remove_prefix'] and prefix and name.startswith(prefix):
        rest = name[len(prefix):].lstrip('/')
        path = f'{container}/{rest}' if options['yes_all'] else rest
    if '..' in path.split('/'):
        raise SwiftError(f'Error downloading {container}/{name}: the name leads out of the '
                         'output directory', container=container, obj=name)
    return os.path.join(options['out_directory'], path) if options['out_directory'] else path


def mkdirs(path: str) -> None:
    """Make a directory and its parents; it may be there already."""
    os.makedirs(path, exist_ok=True)


class Folders:
    """Directories that a download writes into: made once, checked once.

    A checked directory stays safe: a download creates directories and regular files, no links.
    The memory grows with the number of directories of the tree, not of its files.
    """

    def __init__(self, base: str | None):
        self._base = os.path.realpath(base or os.curdir)
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def make(self, path: str) -> None:
        """Make directory `path`; SwiftError if it is not inside the base directory."""
        if path in self._known:
            return
        with self._lock:
            # Before and after: no directory is made outside, and none that was there leads out.
            self._check(path)
            mkdirs(path or os.curdir)
            self._check(path)
            self._known.add(path)

    def _check(self, path: str) -> None:
        real = os.path.realpath(path or os.curdir)
        if real != self._base and not real.startswith(self._base.rstrip('/') + '/'):
            raise SwiftError(f'Error downloading to {path}: a symbolic link leads out of the '
                             'output directory')
