"""Connections of a service: how options make one, and the login that all of them share.

The original authenticates once per thread. Here the first thread that needs a token gets it and
the others wait for that answer; a token that the server refuses (the connection forgets it and
asks again) is replaced once, whichever threads notice. Source: sheet 08, sections 4.1 and 9.6.
"""
import threading
from collections.abc import Callable
from typing import Any


def public():
    """Return the package as callers see it: names that they patch are looked up there."""
    import swiftclient.service
    return swiftclient.service


def get_conn(options: dict) -> Any:
    """Return a Connection made from processed options."""
    return public().Connection(
        options['auth'], options['user'], options['key'],
        timeout=options.get('timeout'),
        retries=options['retries'],
        auth_version=options['auth_version'],
        os_options=options['os_options'],
        cacert=options['os_cacert'],
        insecure=options['insecure'],
        cert=options['os_cert'],
        cert_key=options['os_key'],
        ssl_compression=options['ssl_compression'],
        retry_on_ratelimit=options.get('retry_on_ratelimit', True),
        force_auth_retry=options.get('force_auth_retry', False),
        starting_backoff=options.get('starting_backoff', 1),
        max_backoff=options.get('max_backoff', 64))


class SharedLogin:
    """One storage URL and token for all connections that were attached.

    Law: a login that nobody has been refused is never repeated. A connection that asks while
    holding the current login was refused with it (or forgets it on purpose); one that holds an
    older login takes the current one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: tuple[str, str] | None = None

    def attach(self, connection: Any) -> Any:
        """Make `connection` take its login from here; returns it."""
        own_get_auth = connection.get_auth
        held: list[tuple[str, str] | None] = [None]

        def get_auth() -> tuple[str, str]:
            held[0] = self._login(held[0], own_get_auth)
            connection.url, connection.token = held[0]
            return held[0]

        connection.get_auth = get_auth
        return connection

    def _login(self, held: tuple[str, str] | None,
               own_get_auth: Callable[[], tuple[str, str]]) -> tuple[str, str]:
        # The lock is held while one thread authenticates: the others need just that answer.
        with self._lock:
            if self._current is None or self._current == held:
                self._current = own_get_auth()
            return self._current
