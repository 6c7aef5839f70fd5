"""SwiftService: everything the command does, for Python programs.

The class merges options and hands over to one module per operation; jobs run on four pools and
get their connections there. Source: sheet 08, section 4.3, and founding document 001, whose
forms (`timeout=`, `obj=`, tuples for uploads) are accepted.
"""
import logging
from collections.abc import Iterable, Iterator
from typing import Any

from swiftclient.multithreading import MultiThreadingManager
from swiftclient.service import capabilities as asking
from swiftclient.service.connections import SharedLogin, public
from swiftclient.service.options import service_options


class SwiftService:
    """Operations on one account, each a method; results are dictionaries (doc/swift-service.md).

    One instance serves any number of threads and operations at once. It owns its pools: use it in
    a `with` block, or let the process end. `stat`, `post` and `capabilities` run when they are
    called, the others while their results are read.
    """

    def __init__(self, options: dict | None = None, timeout: float | None = None):
        # Compat: the founding proposal has `timeout` here. What limits a wait today is the
        # option `timeout`, in seconds per connect and read.
        if timeout is not None:
            options = {'timeout': timeout, **(options or {})}
        self._options = service_options(options)
        self._login = SharedLogin()
        self.capabilities_cache: dict = {}
        self.logger = logging.getLogger('swiftclient.service')
        self.thread_manager = MultiThreadingManager(
            self.create_connection,
            **{name: int(self._options[name])
               for name in ('segment_threads', 'object_dd_threads', 'object_uu_threads',
                            'container_threads')})

    def __enter__(self) -> 'SwiftService':
        self.thread_manager.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.thread_manager.__exit__(*exc_info)

    def create_connection(self) -> Any:
        """Return a new Connection that shares this service's login; the caller closes it."""
        return self._login.attach(public().get_conn(self._options))

    def _merged(self, options: dict | None) -> dict:
        return dict(self._options, **(options or {}))

    def stat(self, container: str | None = None, objects: Iterable[str] | None = None,
             options: dict | None = None, obj: str | None = None) -> Any:
        """Return what an account or container is, or an iterator over what objects are.

        Raises SwiftError if the account or container does not exist. `obj` asks for one object
        and returns its result.
        """
        from swiftclient.service.stats import stat
        if obj is not None:
            return next(stat(self, container, [obj], self._merged(options)))
        return stat(self, container, objects, self._merged(options))

    def post(self, container: str | None = None, objects: Iterable[Any] | None = None,
             options: dict | None = None, obj: Any = None) -> Any:
        """Change metadata; return one result for an account or container, else an iterator.

        A container that does not exist is created. `objects` holds names or SwiftPostObjects.
        """
        from swiftclient.service.posts import post
        if obj is not None:
            return next(post(self, container, [obj], self._merged(options)))
        return post(self, container, objects, self._merged(options))

    def list(self, container: str | None = None,
             options: dict | None = None) -> Iterator[dict]:
        """Yield pages of containers or of a container's objects, in order."""
        from swiftclient.service.listing import list_parts
        yield from list_parts(self, container, self._merged(options))

    def download(self, container: str | None = None, objects: Iterable[str] | None = None,
                 options: dict | None = None) -> Iterator[dict]:
        """Download objects, a whole container, or (`yes_all`) everything; yield the results.

        A file appears under its name when it is complete and checked, and never outside the
        output directory. Raises SwiftError if a listing fails.
        """
        from swiftclient.service.download import download
        yield from download(self, container, objects, self._merged(options))

    def upload(self, container: str, objects: Iterable[Any],
               options: dict | None = None) -> Iterator[dict]:
        """Upload paths and SwiftUploadObjects into `container[/folder]`; yield the results.

        The caller keeps streams open until their results have come.
        """
        from swiftclient.service.upload import upload
        yield from upload(self, container, objects, self._merged(options))

    def delete(self, container: str | None = None, objects: Iterable[Any] | None = None,
               options: dict | None = None) -> Iterator[dict]:
        """Delete objects, a container with all in it, or (`yes_all`) everything."""
        from swiftclient.service.delete import delete
        yield from delete(self, container, objects, self._merged(options))

    def copy(self, container: str, objects: Iterable[Any],
             options: dict | None = None) -> Iterator[dict]:
        """Copy objects on the server, creating the containers they go to; yield the results."""
        from swiftclient.service.copies import copy
        yield from copy(self, container, list(objects), self._merged(options))

    def capabilities(self, url: str | None = None, refresh_cache: bool = False) -> dict:
        """Return what the cluster tells at /info, kept until `refresh_cache`. Raises on failure."""
        return asking.capabilities(self, url, refresh_cache)
