"""An account of a cluster as its user sees it, over the public API (layer 4).

For tools that run for minutes with dozens of requests at once, from native threads: each thread
keeps a connection of its own. Silence and 5xx are tried again with pauses that double from one
second; a token that is no longer accepted is replaced once per request.

    account = StorageAccount(options, retries=5)
    account.put('container', {'X-Storage-Policy': 'gold'})
    for name in account.names(prefix='a'): ...
"""
from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote, unquote, urlsplit

from swift.cli.sign_in import Answer, Credentials, Request, Session, request_for, session_from
from swift.common.errors import SwiftError
from swift.core.copies import goes_on

TIMEOUT_S = 60
RETRY_STATUS = frozenset((408, 429, 498, 500, 502, 503, 504))


class AccountError(SwiftError):
    """A request that failed for good. `status` is 0 when there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class StorageAccount:
    """Requests to one account. Safe to use from many threads."""

    def __init__(self, who: Credentials, *, retries: int = 5, insecure: bool = False,
                 sleep: Callable[[float], None] = time.sleep) -> None:
        self.retries_made = 0
        self._who = who
        self._retries = retries
        self._sleep = sleep
        self._tls = ssl._create_unverified_context() if insecure else None
        self._session: Session | None = None
        self._lock = threading.RLock()               # of session and counter
        self._threads = threading.local()

    @property
    def name(self) -> str:
        """The account's name, as in the ring."""
        return unquote(urlsplit(self._signed_in().url).path.rstrip('/').rpartition('/')[2])

    def put(self, path: str, headers: Mapping[str, str], body: bytes = b'') -> None:
        """Store a container or an object; `path` is text without a leading slash."""
        self._request('PUT', '/' + quote(path), headers, body)

    def names(self, container: str = '', prefix: str = '') -> Iterator[str]:
        """Yield the names in a listing, page by page; nothing for a container that is missing."""
        path, marker = '/' + quote(container) if container else '', ''
        while True:
            query = f'?format=json&prefix={quote(prefix, "")}&marker={quote(marker, "")}'
            try:
                answer = self._request('GET', path + query, {}, b'')
            except AccountError as problem:
                if problem.status == 404:
                    return
                raise
            page = json.loads(answer.body) if answer.body else []
            if not page:
                return
            if not goes_on(page, marker):
                raise AccountError(f'the listing of /{container} begins again at its start')
            yield from (entry['name'] for entry in page)
            marker = page[-1]['name']

    # -- sending ----------------------------------------------------------------------------------

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return a good answer. Raises AccountError."""
        renewed = False
        while True:
            session = self._signed_in()
            request = Request(method, session.url.rstrip('/') + path,
                              {**headers, 'X-Auth-Token': session.token}, body)
            answer = self._send_patiently(request)
            if answer.is_good:
                return answer
            if answer.status != 401 or renewed:
                raise AccountError(f'{method} {request.url} gave {answer.status} '
                                   f'{answer.reason}', answer.status)
            renewed = True
            with self._lock:
                if self._session is session:
                    self._session = None

    def _signed_in(self) -> Session:
        with self._lock:
            if self._session is None:
                self._session = session_from(
                    self._who, self._send_patiently(request_for(self._who)))
            return self._session

    def _send_patiently(self, request: Request) -> Answer:
        """Send until there is an answer worth having or no retry is left."""
        pause_s = 1.0
        for turn in range(self._retries + 1):
            try:
                answer = self._send(request)
                if answer.status not in RETRY_STATUS or turn == self._retries:
                    return answer
            except (OSError, http.client.HTTPException) as problem:
                if turn == self._retries:
                    raise AccountError(f'{request.method} {request.url}: '
                                       f'{str(problem) or type(problem).__name__}') from problem
            with self._lock:
                self.retries_made += 1
            self._sleep(pause_s)
            pause_s *= 2
        raise AssertionError('unreachable')

    def _send(self, request: Request) -> Answer:
        place = urlsplit(request.url)
        target = place.path + (f'?{place.query}' if place.query else '')
        headers = dict(request.headers)
        if request.body or request.method == 'PUT':
            headers['Content-Length'] = str(len(request.body))
        connection = self._connection(place.scheme, place.netloc)
        was_open = connection.sock is not None
        try:
            return _exchange(connection, request.method, target, headers, request.body)
        except ConnectionError:
            if not was_open:
                raise
            # The server had merely closed a connection that was idle for long.
            return _exchange(connection, request.method, target, headers, request.body)

    def _connection(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        kept = self._threads.__dict__
        if (scheme, netloc) not in kept:
            if scheme == 'https':
                made = http.client.HTTPSConnection(netloc, timeout=TIMEOUT_S, context=self._tls)
            elif scheme == 'http' and netloc:
                made = http.client.HTTPConnection(netloc, timeout=TIMEOUT_S)
            else:
                raise AccountError(f'not the address of a server: {scheme}://{netloc}')
            kept[scheme, netloc] = made
        return kept[scheme, netloc]


def _exchange(connection: http.client.HTTPConnection, method: str, target: str,
              headers: Mapping[str, str], body: bytes) -> Answer:
    try:
        connection.request(method, target, body or None, headers)
        response = connection.getresponse()
        content = response.read()
    except BaseException:
        connection.close()                           # it opens itself again when used
        raise
    got = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, response.reason, got, content)
