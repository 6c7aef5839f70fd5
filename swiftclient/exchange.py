"""One request to a storage URL and its answer: what all functions of the library have in common.

Source: the client sheet, section 1.6. `http_conn` is the pair that `http_connection` returns, or
None: then a connection is made for this request alone. Names that programs replace are looked up
in `swiftclient.client` when they are needed, here and in all modules that it is made of.
"""

from collections import namedtuple
from urllib.parse import quote

import swiftclient.client
from swiftclient.exceptions import ClientException
from swiftclient.headers import store_response


class Target(namedtuple('Target', 'url container name query proxy',
                        defaults=(None, None, '', None))):
    """A storage URL with names below it that are still to be quoted."""

    __slots__ = ()

    def path_below(self, path: str) -> str:
        for part in (self.container, self.name):
            if part:
                path = f'{path.rstrip("/")}/{quote(part)}'
        return f'{path}?{self.query}' if self.query else path


class Asked(namedtuple('Asked', 'what response_dict', defaults=(None,))):
    """What to do with the answer: what to call it if it is a failure, and whom to tell of it."""

    __slots__ = ()

    def check(self, resp, body: bytes) -> None:
        """Raise ClientException unless the status tells success."""
        if not 200 <= resp.status < 300:
            raise ClientException.from_response(resp, f'{self.what} failed', body)


def request_headers(token, service_token=None, headers=None, token_wins=False) -> dict:
    """Return the headers of a request; without `token_wins` the caller's own replace the tokens."""
    tokens = {}
    if token:
        tokens['X-Auth-Token'] = token
    if service_token:
        tokens['X-Service-Token'] = service_token
    if not headers:
        return tokens
    first, second = (headers, tokens) if token_wins else (tokens, headers)
    later = {name.lower() for name in second}
    return {name: value for name, value in first.items() if name.lower() not in later} | second


def connected(http_conn, target: Target) -> tuple:
    """Return (parsed URL, connection, whether it was made here and is to be closed here)."""
    if http_conn:
        return (*http_conn, False)
    options = {'proxy': target.proxy} if target.proxy else {}
    return (*swiftclient.client.http_connection(target.url, **options), True)


def exchange(method, target: Target, http_conn, headers, asked: Asked, data='') -> tuple:
    """Send a request and read its answer. Return (response, body), or raise ClientException."""
    parsed, conn, ours = connected(http_conn, target)
    try:
        path = target.path_below(parsed.path)
        conn.request(method, path, data, headers)
        return finished(conn.getresponse(), method, (parsed, path), headers, asked)
    finally:
        if ours:
            conn.close()


def finished(resp, method, place: tuple, headers, asked: Asked) -> tuple:
    """Read, log, tell and judge a response. Return it and its body."""
    body = resp.read()
    log_exchange(method, place, headers, resp, body)
    store_response(resp, asked.response_dict)
    asked.check(resp, body)
    return resp, body


def log_exchange(method, place: tuple, headers, resp, body) -> None:
    parsed, path = place
    swiftclient.client.http_log(
        (f'{parsed.scheme}://{parsed.netloc}{path}', method), {'headers': headers}, resp, body)
