"""Connections to one server or proxy, kept open by urllib3, and what the library does beyond it.

Source: the client sheet, sections 1.1, 1.3 and 1.4. urllib3 speaks HTTP and TLS and looks after
the sockets; its two classes of connections are refined here in three respects:

* the target of a request goes out as it was given; urllib3 would rewrite %2f to %2F;
* names of response headers may be any octets: the parser of the standard library stops at the
  first one that is not ASCII, and loses it and all headers behind it;
* a response may have more headers than the standard library takes.

It is imported with the first request: urllib3 takes longer to load than `swift --help` to print.
"""

import http.client
from urllib.parse import quote_from_bytes, unquote, unquote_to_bytes, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from swiftclient import tls

IDLE_MAX = 10  # idle connections kept per server
HEADERS_MAX = 1024  # lines of a response's head; a swift may send 256 and more of them
TARGET = ':target'  # stands among the headers of a request, where no header can have such a name

# The standard library has one limit for all its connections; whoever raised it further keeps that.
http.client._MAXHEADERS = max(http.client._MAXHEADERS, HEADERS_MAX)

_NAME_OCTETS = "!#$&'*+.^`|~()/;<=>?@[]{}, "  # with letters, digits, - and _: ASCII but for % "


class _NamesInASCII:
    """The stream that a head is read from, line by line, with what is not ASCII in names quoted.

    A % is quoted too, so that `raw_name` can undo it.
    """

    def __init__(self, stream):
        self._stream = stream
        self.close = stream.close

    def readline(self, limit: int) -> bytes:
        line = self._stream.readline(limit)
        name, colon, value = line.partition(b':')
        if not colon or name.isascii() and b'%' not in name \
                or line.startswith((b'HTTP/', b' ', b'\t')):
            return line  # nearly always; or the status, or one that continues the line before
        return quote_from_bytes(name, _NAME_OCTETS).encode('ascii') + colon + value


def raw_name(name: str) -> str:
    """Return a header's name as it came, octets as latin-1."""
    return unquote_to_bytes(name).decode('latin-1') if '%' in name else name


class _Answer(http.client.HTTPResponse):
    def begin(self) -> None:
        stream, self.fp = self.fp, _NamesInASCII(self.fp)
        try:
            super().begin()
        finally:
            if self.fp is not None:
                self.fp = stream


class _TargetAsGiven:
    response_class = _Answer

    def request(self, method, url, body=None, headers=None, **options) -> None:
        headers = dict(headers)
        super().request(method, headers.pop(TARGET), body, headers, **options)


class _Connection(_TargetAsGiven, HTTPConnection):
    pass


class _TLSConnection(_TargetAsGiven, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


POOLS = {'http': _Pool, 'https': _TLSPool}


def new_pool(base, proxy: str | None, verify: bool | str, cert) -> urllib3.HTTPConnectionPool:
    """Return a pool of connections to the server of the URL `base`, which was split.

    `verify` is True, False, or a file or folder of certificates; `cert` the client's own, a file
    or a pair with that of the key. ClientException: a file of these cannot be used.
    """
    options = {'maxsize': IDLE_MAX}
    if base.scheme == 'https':
        options['ssl_context'] = tls.context(verify, cert)
        if verify is False:  # who asks for that knows it, and need not be told at every request
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if not proxy:
        return POOLS[base.scheme](base.hostname, base.port, **options)
    if proxy.startswith('https:'):
        options['proxy_ssl_context'] = tls.context(verify, cert)
    manager = urllib3.ProxyManager(proxy, proxy_headers=_password_of(proxy), **options)
    manager.pool_classes_by_scheme = POOLS
    return manager.connection_from_host(base.hostname, base.port, base.scheme)


def _password_of(proxy: str) -> dict[str, str]:
    parsed = urlsplit(proxy)
    if not parsed.username:
        return {}
    return urllib3.make_headers(
        proxy_basic_auth=f'{unquote(parsed.username)}:{unquote(parsed.password or "")}')


def timeout_of(seconds) -> urllib3.Timeout | None:
    """Return the limit for connecting and for each wait for octets; a pair has one for each."""
    if not seconds:
        return None
    connect, read = seconds if isinstance(seconds, tuple) else (seconds, seconds)
    return urllib3.Timeout(connect=connect, read=read)
