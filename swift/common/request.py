"""Request: one WSGI environ, seen through names.

Layer 1; imported through swift.common.swob, the surface that filters know. A Request owns nothing:
every attribute reads and writes the environ, which is what travels between filters, so two Requests
over one environ always agree. Header values, paths and parameters are WSGI strings (one character
per byte); `split_names` and swob.get_param return text.

Cost: making one is an assignment; a header is one dict look-up behind a remembered key.
"""
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from itertools import chain
from urllib.parse import parse_qsl, urlencode, urlsplit

from swift.common.response import Response, close_if_possible, host_url
from swift.core.accept import Accept
from swift.core.conditions import Match
from swift.core.constraints import Refusal, config_true_value, message_length
from swift.core.headers import title_case
from swift.core.http_dates import format_http_date, parse_http_date
from swift.core.names import split_path
from swift.core.ranges import Range
from swift.core.timestamp import Timestamp
from swift.core.wsgi_text import str_to_wsgi, wsgi_quote, wsgi_to_str, wsgi_unquote

_PLAIN_KEYS = {'content-type': 'CONTENT_TYPE', 'content-length': 'CONTENT_LENGTH'}
_PLAIN_NAMES = {'CONTENT_TYPE': 'Content-Type', 'CONTENT_LENGTH': 'Content-Length'}


# Bounded, because names come from clients; in practice a few dozen.
@lru_cache(maxsize=4096)
def environ_key(name: str) -> str:
    """Return the environ key of a header."""
    plain = _PLAIN_KEYS.get(name.lower())
    if plain:
        return plain
    if name.isascii():
        return 'HTTP_' + name.upper().replace('-', '_')
    # Letters outside ASCII are bytes here, which upper case would change.
    if any(char > '\xff' for char in name):
        name = str_to_wsgi(name)
    return 'HTTP_' + name.encode('latin-1').upper().decode('latin-1').replace('-', '_')


@lru_cache(maxsize=4096)
def header_name(key: str) -> str | None:
    """Return the header of an environ key, None if the key is none of a header."""
    if key.startswith('HTTP_'):
        return title_case(key[5:].replace('_', '-'))
    return _PLAIN_NAMES.get(key)


class EnvironHeaders(MutableMapping):
    """The headers of a request: a live view of its environ. Setting None deletes."""

    __slots__ = ('environ',)

    def __init__(self, environ: dict):
        self.environ = environ

    def __getitem__(self, name: str) -> str:
        return self.environ[environ_key(name)]

    def __setitem__(self, name: str, value) -> None:
        key = environ_key(name)
        if value is None:
            self.environ.pop(key, None)
            return
        if type(value) is not str:
            value = value.decode('latin-1') if isinstance(value, bytes) else str(value)
        if not value.isascii() and any(char > '\xff' for char in value):
            value = str_to_wsgi(value)
        self.environ[key] = value

    def __delitem__(self, name: str) -> None:
        del self.environ[environ_key(name)]

    def __contains__(self, name) -> bool:
        return environ_key(name) in self.environ

    def get(self, name: str, default=None):
        return self.environ.get(environ_key(name), default)

    def __iter__(self) -> Iterator[str]:
        return (name for name in map(header_name, list(self.environ)) if name)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def items(self):
        return [(name, value) for key, value in self.environ.items()
                if (name := header_name(key)) is not None]

    def keys(self):
        return list(self)

    def __repr__(self) -> str:
        return f'EnvironHeaders({self.items()!r})'


def _environ_property(key: str):
    def getter(self):
        return self.environ.get(key)

    def setter(self, value):
        if isinstance(value, bytes):
            value = value.decode('latin-1')
        self.environ[key] = value

    return property(getter, setter, doc=f'environ[{key!r}], None when absent.')


def _header_property(name: str):
    key = environ_key(name)

    def getter(self):
        return self.environ.get(key)

    def setter(self, value):
        self.headers[name] = value

    return property(getter, setter, doc=f'The {name} header, None when absent.')


def _parsed_header(name: str, parse: Callable, default=None):
    key = environ_key(name)

    def getter(self):
        value = self.environ.get(key)
        return default if value is None else parse(value)

    def setter(self, value):
        self.headers[name] = value

    return property(getter, setter, doc=f'The {name} header, parsed; None when absent.')


def _date_header(name: str):
    key = environ_key(name)

    def getter(self):
        seconds = parse_http_date(self.environ.get(key))
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

    def setter(self, value):
        if isinstance(value, datetime):
            value = format_http_date(int(value.timestamp()))
        self.headers[name] = value

    return property(getter, setter, doc=f'The {name} date, None when absent or unreadable.')


class Request:
    """A WSGI environ with names. `environ` is shared, not copied."""

    def __init__(self, environ: dict):
        self.environ = environ

    method = _environ_property('REQUEST_METHOD')
    path_info = _environ_property('PATH_INFO')
    script_name = _environ_property('SCRIPT_NAME')
    query_string = _environ_property('QUERY_STRING')
    remote_user = _environ_property('REMOTE_USER')
    remote_addr = _environ_property('REMOTE_ADDR')
    scheme = _environ_property('wsgi.url_scheme')
    body_file = _environ_property('wsgi.input')
    acl = _environ_property('swob.ACL')
    host = _header_property('Host')
    user_agent = _header_property('User-Agent')
    referer = referrer = _header_property('Referer')
    content_type = _header_property('Content-Type')
    if_match = _parsed_header('If-Match', Match)
    if_none_match = _parsed_header('If-None-Match', Match)
    if_modified_since = _date_header('If-Modified-Since')
    if_unmodified_since = _date_header('If-Unmodified-Since')
    range = _parsed_header('Range', Range.parse)
    accept = _parsed_header('Accept', Accept, Accept(''))

    @classmethod
    def blank(cls, path: str, environ: dict | None = None, headers=None, body=None,
              **kwargs) -> 'Request':
        """Make a GET of a quoted path (maybe with host and query) out of nothing.

        `environ` overrides keys, keyword arguments set attributes of the same name. With a body the
        length is set.
        """
        if not path.isascii():
            path = str_to_wsgi(path) if any(char > '\xff' for char in path) else path
        # Compat: a path that begins with two slashes is a path here, not a host.
        parts = urlsplit('//blank' + path if path.startswith('/') else path)
        own_host = parts.netloc if not path.startswith('/') else ''
        scheme = parts.scheme or 'http'
        port = parts.port if own_host and parts.port else (443 if scheme == 'https' else 80)
        name = (parts.hostname if own_host else None) or 'localhost'
        env = {
            'REQUEST_METHOD': 'GET',
            'SCRIPT_NAME': '',
            'PATH_INFO': wsgi_unquote(parts.path),
            'QUERY_STRING': parts.query,
            'SERVER_NAME': name,
            'SERVER_PORT': str(port),
            'HTTP_HOST': f'{name}:{port}',
            'SERVER_PROTOCOL': 'HTTP/1.0',
            'REMOTE_ADDR': '127.0.0.1',
            'wsgi.version': (1, 0),
            'wsgi.url_scheme': scheme,
            'wsgi.errors': BytesIO(),
            'wsgi.multithread': False,
            'wsgi.multiprocess': False,
            'wsgi.run_once': False,
        }
        env.update(environ or {})
        if body is not None:
            data = body.encode('utf-8', 'surrogateescape') if isinstance(body, str) else body
            env['wsgi.input'] = BytesIO(data)
            env['CONTENT_LENGTH'] = str(len(data))
        elif 'wsgi.input' not in env:
            env['wsgi.input'] = BytesIO()
        req = cls(env)
        for name, value in dict(headers or {}).items():
            req.headers[name] = value
        for name, value in kwargs.items():
            setattr(req, name, value)
        return req

    @property
    def headers(self) -> EnvironHeaders:
        """The headers, a live view of the environ."""
        return EnvironHeaders(self.environ)

    @headers.setter
    def headers(self, value) -> None:
        view = EnvironHeaders(self.environ)
        view.clear()
        view.update(value)

    # -- path and query -------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The whole path, quoted."""
        return wsgi_quote(self.environ.get('SCRIPT_NAME', '') + self.environ['PATH_INFO'])

    @property
    def path_qs(self) -> str:
        """The whole path, quoted, and the query."""
        query = self.environ.get('QUERY_STRING')
        return f'{self.path}?{query}' if query else self.path

    @property
    def host_url(self) -> str:
        """Scheme and host, without the port that the scheme implies."""
        return host_url(self.environ)

    @property
    def path_url(self) -> str:
        """The URL without the query."""
        return self.host_url + self.path

    @property
    def url(self) -> str:
        """The URL."""
        return self.host_url + self.path_qs

    def as_referer(self) -> str:
        """Method and URL, as backend requests name their origin."""
        return f'{self.method} {self.url}'

    def split_path(self, minsegs: int = 1, maxsegs: int | None = None,
                   rest_with_last: bool = False) -> list[str | None]:
        """Cut the path into segments (WSGI strings); ValueError if it has another shape."""
        return split_path(self.environ.get('SCRIPT_NAME', '') + self.environ['PATH_INFO'],
                          minsegs, maxsegs, rest_with_last)

    def split_names(self, minsegs: int = 1, maxsegs: int | None = None,
                    rest_with_last: bool = False) -> list[str | None]:
        """Like split_path, but the segments are text."""
        path = self.environ.get('SCRIPT_NAME', '') + self.environ['PATH_INFO']
        return split_path(wsgi_to_str(path), minsegs, maxsegs, rest_with_last)

    @property
    def swift_entity_path(self) -> str | None:
        """`/account[/container[/object]]` (a WSGI string), None for other paths."""
        try:
            segments = self.split_path(2, 4, True)
        except ValueError:
            return None
        return '/' + '/'.join(segment for segment in segments[1:] if segment is not None)

    def path_info_pop(self) -> str | None:
        """Move the first segment of PATH_INFO to SCRIPT_NAME and return it."""
        path = self.environ['PATH_INFO']
        if not path.startswith('/'):
            return None
        head, slash, rest = path[1:].partition('/')
        self.environ['SCRIPT_NAME'] = f'{self.environ.get("SCRIPT_NAME", "")}/{head}'
        self.environ['PATH_INFO'] = slash + rest
        return head

    @property
    def params(self) -> dict[str, str]:
        """The query's parameters (WSGI strings); the last of a name wins. Change by assignment."""
        query = self.environ.get('QUERY_STRING')
        if not query:
            return {}
        return dict(parse_qsl(query, keep_blank_values=True, encoding='latin-1'))

    @params.setter
    def params(self, value) -> None:
        self.environ['QUERY_STRING'] = urlencode(value, encoding='latin-1')

    # -- body -----------------------------------------------------------------------------------

    @property
    def content_length(self) -> int | None:
        """Announced length of the body, None when there is none or it is no number."""
        value = self.environ.get('CONTENT_LENGTH')
        return int(value) if value and value.isascii() and value.lstrip('-').isdigit() else None

    @content_length.setter
    def content_length(self, value) -> None:
        self.headers['Content-Length'] = value

    @property
    def is_chunked(self) -> bool:
        """True iff the body comes in chunks."""
        return 'chunked' in self.environ.get('HTTP_TRANSFER_ENCODING', '').lower()

    @property
    def body(self) -> bytes:
        """The whole body, read and kept. For small ones: the caller has checked the length."""
        body = self.environ['wsgi.input'].read()
        self.environ['wsgi.input'] = BytesIO(body)
        return body

    @body.setter
    def body(self, value: bytes | str) -> None:
        if isinstance(value, str):
            value = value.encode('utf-8', 'surrogateescape')
        self.environ['wsgi.input'] = BytesIO(value)
        self.environ['CONTENT_LENGTH'] = str(len(value))

    def message_length(self) -> int | None:
        """Length of the body, None for chunks or no body.

        ValueError for a bad Content-Length or coding, AttributeError for codings not supported
        (the kinds that filters know), both with the text for the client.
        """
        length = message_length(self.headers)
        if isinstance(length, Refusal):
            raise (ValueError if length.status == 400 else AttributeError)(length.body)
        return length

    # -- the cluster's view ---------------------------------------------------------------------

    @property
    def timestamp(self) -> Timestamp:
        """The time of the request, from X-Timestamp; ValueError with the text of the 400."""
        value = self.environ.get('HTTP_X_TIMESTAMP')
        if value is None:
            raise ValueError('Missing X-Timestamp header')
        try:
            return Timestamp(value)
        except ValueError:
            raise ValueError('Invalid X-Timestamp header')

    @property
    def allow_reserved_names(self) -> bool:
        """True iff an internal caller may use names of the reserved namespace."""
        return config_true_value(self.environ.get('HTTP_X_BACKEND_ALLOW_RESERVED_NAMES'))

    # -- passing on -----------------------------------------------------------------------------

    def copy_get(self) -> 'Request':
        """Return a GET of the same thing, without body, over a copy of the environ."""
        env = dict(self.environ, REQUEST_METHOD='GET', CONTENT_LENGTH='0')
        env['wsgi.input'] = BytesIO()
        return Request(env)

    def call_application(self, application) -> tuple[str, list, Iterable[bytes]]:
        """Run a WSGI application; return status line, header list and body.

        Applications may start their answer only when their body is first read: this reads up to
        that chunk, which the body returned still contains. Close the body when done.
        """
        captured = []
        written = []

        def start_response(status, headers, exc_info=None):
            captured[:] = [status, headers]
            return written.append

        body = application(self.environ, start_response)
        if not captured:
            iterator = iter(body)
            for chunk in iterator:
                written.append(chunk)
                if captured:
                    break
            body = _Chained(written, iterator, body)
        elif written:
            body = _Chained(written, iter(body), body)
        assert captured, 'the application did not start its response'
        return captured[0], captured[1], body

    def get_response(self, application) -> Response:
        """Run a WSGI application and return its answer as a Response."""
        status, headers, body = self.call_application(application)
        return Response.from_parts(status, headers, body, self)

    def __repr__(self) -> str:
        return f'<Request {self.method} {self.path_qs}>'


class _Chained:
    """A body whose first chunks were read already; closes the application's body."""

    def __init__(self, first: list, rest: Iterator[bytes], body):
        self._chunks = chain(first, rest)
        self._body = body

    def __iter__(self):
        return self._chunks

    def __next__(self):
        return next(self._chunks)

    def close(self):
        close_if_possible(self._body)
