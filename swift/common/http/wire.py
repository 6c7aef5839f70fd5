"""From bytes to heads: what is a well-formed HTTP message and what is refused (layer 1, no I/O).

The start line is read here, because the cluster's verbs (REPLICATE, SSYNC, UPDATE ...) and its
exact error texts are unknown to llhttp; the header block goes through llhttp (``httptools``),
which refuses what smuggling lives on: bare CR or LF, folded lines, a space before the colon,
control bytes, repeated or odd Content-Length, Content-Length beside Transfer-Encoding. On top of
that a request is refused here for limits and for chunked HTTP/1.0. Two things are let through
that llhttp refuses, because clients of the cluster rely on them: header names with bytes above
0x7f (metadata names), and a Content-Length after ``Transfer-Encoding: chunked``.

A head is handed in whole: ``find_head_end`` tells where it stops, ``check_partial`` whether an
incomplete one is over a limit already. The same bytes give the same result however they arrive.

Refusals carry the status line and the shape of page of sheet 04 section 18.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

import httptools

from swift.common.http.message import RequestHead, ResponseHead

HEADERS_SIZE_MAX = 65536             # sum of all header lines of one message
START_LINE_SHOWN = 200               # characters of a bad start line repeated in the answer
NAMES_KEPT = 1024                    # distinct header names remembered
NAME_KEPT_SIZE_MAX = 64
BLOCK_KEPT_SIZE_MAX = 1024            # bytes of a header block that a connection remembers
LENGTH_DIGITS_MAX = 19               # enough for 2^63; longer is refused before int() sees it
_REQUEST_STUB = b'GET / HTTP/1.1\r\n'
_RESPONSE_STUB = b'HTTP/1.1 200 OK\r\n'


@dataclass(frozen=True, eq=False)
class Limits:
    """Bounds of a message head. Lines count with their CR LF. Equal only to itself."""

    start_line: int = 8192
    header_line: int = 8192
    header_count: int = 201

    @property
    def head_size(self) -> int:
        """Bytes after which an unfinished head is refused whatever it holds."""
        return self.start_line + max(HEADERS_SIZE_MAX, self.header_line) + 4


class BadRequest(Exception):
    """A request that is not served. ``page``: explain in HTML, else an empty HTTP/1.0 answer."""

    def __init__(self, status: int, reason: str, page: bool = False) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.page = page


class BadHead(ValueError):
    """A response head that is not HTTP or is over a limit."""


def find_head_end(data: bytes, start: int = 0) -> int:
    """Return the index after a head's empty line, or -1. ``start``: bytes looked at before."""
    end = data.find(b'\r\n\r\n', start - 3 if start > 3 else 0)
    return end + 4 if end >= 0 else -1


def check_partial(data: bytes, limits: Limits) -> None:
    """Raise BadRequest when an unfinished head can no longer become acceptable."""
    if data.count(b'\n') != data.count(b'\r\n'):
        # A head of bare line feeds never gets the end that is waited for.
        raise BadRequest(400, 'Bad Request')
    if len(data) < limits.start_line and len(data) < limits.header_line:
        return
    line_end = data.find(b'\r\n')
    if line_end < 0:
        if len(data) >= limits.start_line:
            raise BadRequest(414, 'Request URI Too Long')
        return
    _check_sizes(data, limits, complete=False)


def _check_sizes(head: bytes, limits: Limits, complete: bool) -> None:
    """Apply the line and sum limits; only called for heads big enough to exceed one."""
    lines = head.split(b'\r\n')
    if len(lines[0]) + 2 >= limits.start_line:
        raise BadRequest(414, 'Request URI Too Long')
    total = 0
    for line in lines[1:]:
        size = len(line) + 2
        if size - (0 if complete else 2) >= limits.header_line:
            raise BadRequest(400, 'Header Line Too Long')
        total += size
    if total - (4 if complete else 2) > HEADERS_SIZE_MAX:
        raise BadRequest(400, 'Headers Too Large')


# --- requests ----------------------------------------------------------------------------------

class _Collector:
    """What llhttp calls back; keeps the raw pairs."""

    def __init__(self) -> None:
        self.pairs: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name, value))

    def on_headers_complete(self) -> None:
        self.complete = True


# Headers that say how a response is framed.
LENGTH, CODING, CONNECTION = 1, 2, 3
_FRAMING = {'content-length': LENGTH, 'transfer-encoding': CODING, 'connection': CONNECTION}
# name as sent -> (name as text, environ key or '' to drop it, code of _FRAMING or 0). Bounded; see
# _remember.
_names: dict[bytes, tuple[str, str, int]] = {}


def _remember(name: bytes) -> tuple[str, str, int]:
    text = name.decode('latin-1')
    code = _FRAMING.get(text.lower(), 0)
    key = name.upper().decode('latin-1').replace('-', '_')       # upper case of ASCII only
    if '_' in text:
        key = ''                     # X_Foo and X-Foo would be one environ key: dropped
    elif key not in ('CONTENT_TYPE', 'CONTENT_LENGTH'):
        key = 'HTTP_' + key
    if len(_names) < NAMES_KEPT and len(name) <= NAME_KEPT_SIZE_MAX:
        _names[name] = (text, key, code)
    return text, key, code


class HeaderBlock:
    """The headers of a request, parsed: environ variables, and the lines as they were sent.

    A client that keeps its connection mostly repeats the block of the request before to the byte.
    Whoever keeps it (up to BLOCK_KEPT_SIZE_MAX) and hands it in again spares the parsing: 4 % of a
    GET in the proxy.
    """

    __slots__ = ('data', 'raw', 'variables')

    def __init__(self, data: bytes, variables: dict[str, str],
                 raw: tuple[tuple[str, str], ...]) -> None:
        self.data = data
        self.variables = variables
        self.raw = raw


def parse_request_head(head: bytes, limits: Limits, environ: dict,
                       block: HeaderBlock | None = None) -> tuple[RequestHead, HeaderBlock]:
    """Parse a complete head, add its variables to ``environ`` and return it with its headers.

    Sets REQUEST_METHOD, PATH_INFO, RAW_PATH_INFO, QUERY_STRING, headers_raw, CONTENT_* and HTTP_*.
    Raises BadRequest. ``block``: headers parsed before, with the same limits, which are taken if
    they are the same. Cost: about 4 µs for eight headers, 2 µs for a known block.
    """
    if len(head) >= limits.start_line or len(head) >= limits.header_line:
        _check_sizes(head, limits, complete=True)
    line_end = head.find(b'\r\n')
    parsed = _parse_request_line(head[:line_end])
    data = head[line_end + 2:]
    if block is None or block.data != data:
        block = _parse_headers(data, limits)
    environ.update(block.variables)
    parsed.headers_raw = environ['headers_raw'] = block.raw
    environ['REQUEST_METHOD'] = parsed.method
    path = environ['RAW_PATH_INFO'] = parsed.raw_path
    environ['PATH_INFO'] = (unquote_to_bytes(path.encode('latin-1')).decode('latin-1')
                            if '%' in path else path)
    environ['QUERY_STRING'] = parsed.query
    _decide_framing(parsed, environ)
    return parsed, block


def _parse_headers(data: bytes, limits: Limits) -> HeaderBlock:
    pairs = _parse_block(data, _parse_request_block)
    if pairs is None:
        raise BadRequest(400, 'Bad Request')
    if len(pairs) > limits.header_count:
        raise BadRequest(431, 'Too many headers', page=True)
    raw = []
    variables: dict[str, str] = {}
    names = _names
    for name, value in pairs:
        known = names.get(name)
        if known is None:
            known = _remember(name)
        text, key, _code = known
        value = value.rstrip(b' \t').decode('latin-1')
        raw.append((text, value))
        if key in variables:
            variables[key] += ',' + value
        elif key:
            variables[key] = value
    return HeaderBlock(data, variables, tuple(raw))


def _parse_request_block(block: bytes) -> list[tuple[bytes, bytes]] | None:
    collector = _Collector()
    try:
        httptools.HttpRequestParser(collector).feed_data(_REQUEST_STUB + block)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        # llhttp goes on to the body after the last header; what it thinks of that is not asked.
        if not collector.complete:
            return _parse_doubly_framed(block)
    return collector.pairs


def _parse_doubly_framed(block: bytes) -> list[tuple[bytes, bytes]] | None:
    """Parse a block that may be faulty only by having a length and a transfer coding."""
    lower = block.lower()
    if b'content-length' not in lower or b'transfer-encoding' not in lower:
        return None
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    parser.set_dangerous_leniencies(lenient_chunked_length=True)
    try:
        parser.feed_data(_REQUEST_STUB + block)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        pass
    return collector.pairs if collector.complete else None


def _parse_block(block: bytes, parse: Callable) -> list[tuple[bytes, bytes]] | None:
    """Parse a header block, giving names with bytes above 0x7f a stand-in meanwhile."""
    if block.isascii():
        return parse(block)
    originals: dict[bytes, bytes] = {}

    def stand_in(match: re.Match) -> bytes:
        name = b'~%d~' % len(originals)
        originals[name] = match[1]
        return name

    pairs = parse(_FOREIGN_NAME.sub(stand_in, block))
    if not originals or pairs is None:
        return pairs
    return [(originals.get(name, name), value) for name, value in pairs]


# A whole header name with at least one byte above 0x7f, at the start of a line.
_TOKEN = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"
_FOREIGN_NAME = re.compile(
    rb'(?:(?<=\r\n)|\A)([' + _TOKEN + rb']*[\x80-\xff][' + _TOKEN + rb'\x80-\xff]*)(?=:)')


def _parse_request_line(line: bytes) -> RequestHead:
    text = line.decode('latin-1')
    words = text.split(' ')
    if len(words) == 3:
        method, target, version = words
        is_http10 = version != 'HTTP/1.1' and _is_http10(version)
    elif len(words) == 2:
        # Compat: HTTP/0.9 lines are served like HTTP/1.0 (sheet 04 section 18).
        method, target = words
        if method != 'GET':
            raise BadRequest(400, f'Bad HTTP/0.9 request type ({_shown(method)})', page=True)
        is_http10 = True
    else:
        method = target = ''
    if not method or not target or not text.isprintable() and _has_control(text):
        raise BadRequest(400, f'Bad request syntax ({_shown(text)})', page=True)
    if target[0] != '/' and '://' in target:
        target = _without_origin(target)
    path, _mark, query = target.partition('?')
    return RequestHead(method, path, query, is_http10)


def _has_control(text: str) -> bool:
    return any(char < ' ' or char == '\x7f' for char in text)


def _shown(text: str) -> str:
    """Return a client's text as it may stand in a status line and an HTML page."""
    return ascii(text[:START_LINE_SHOWN])


def _is_http10(version: str) -> bool:
    """Tell whether a version other than 1.1 is 1.0; raise BadRequest for what is not 1.x."""
    major, dot, minor = version[5:].partition('.')
    numeric = (dot and major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()
               and len(version) < 16)
    if not version.startswith('HTTP/') or not numeric:
        raise BadRequest(400, f'Bad request version ({_shown(version)})', page=True)
    if int(major) >= 2:
        raise BadRequest(505, f'Invalid HTTP version ({version[5:]})', page=True)
    return (int(major), int(minor)) < (1, 1)


def _without_origin(target: str) -> str:
    """Return the path of an absolute URI; a scheme only counts before the first slash."""
    scheme, _sep, rest = target.partition('://')
    if not scheme.isalnum():
        return target
    slash, mark = rest.find('/'), rest.find('?')
    if slash < 0 or 0 <= mark < slash:
        return '/' + (rest[mark:] if mark >= 0 else '')
    return rest[slash:]


def _decide_framing(head: RequestHead, environ: dict) -> None:
    """Read the headers that say how the body is framed and what becomes of the connection."""
    length = environ.get('CONTENT_LENGTH')
    coding = environ.get('HTTP_TRANSFER_ENCODING')
    if coding is not None:
        _decide_coding(head, environ, coding)
    elif length is not None:
        # llhttp has checked the digits; this guards what our body reader relies on.
        if not _is_length(length):
            raise BadRequest(400, 'Bad Request')
        head.content_length = int(length)
    connection = environ.get('HTTP_CONNECTION')
    if connection is not None:
        tokens = [token.strip() for token in connection.lower().split(',')]
        if 'close' in tokens:
            head.keep_alive = False
        elif head.is_http10 and 'keep-alive' in tokens:
            head.keep_alive = True
    if not head.is_http10:
        expect = environ.get('HTTP_EXPECT')
        if expect is not None and expect.lower() == '100-continue':
            head.expects_continue = head.chunked or bool(head.content_length)


def _decide_coding(head: RequestHead, environ: dict, coding: str) -> None:
    if head.is_http10:
        raise BadRequest(400, 'Bad Request')
    head.chunked = coding.rpartition(',')[2].strip().lower() == 'chunked'
    # If it is another coding, the application names the refusal; where the body ends nobody knows.
    head.unframed = not head.chunked
    if 'CONTENT_LENGTH' in environ:
        names = [name.lower() for name, _value in head.headers_raw]
        if head.chunked and names.index('content-length') < names.index('transfer-encoding'):
            raise BadRequest(400, 'Bad Request')
        # Compat: chunked and then a length comes from clients whose library adds the length by
        # itself (golden scenario object-put/framing). The chunks count, nobody further in sees
        # the length, and the connection ends with the answer, so nothing can hide behind it.
        del environ['CONTENT_LENGTH']
        head.keep_alive = False
    if head.unframed:
        head.keep_alive = False


def _is_length(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= LENGTH_DIGITS_MAX


# --- responses ---------------------------------------------------------------------------------

# The replicas of one write answer the same to the byte: two of three are not parsed (4 % of a PUT).
@lru_cache(maxsize=16)
def parse_response_head(head: bytes, limits: Limits) -> ResponseHead:
    """Parse a complete response head. Raises BadHead. Cost: about 4 µs for eight headers.

    Equal heads give the same object, which is not to be changed.
    """
    line_end = head.find(b'\r\n')
    version, status, reason = _parse_status_line(head[:line_end])
    pairs = _parse_block(head[line_end + 2:], _parse_response_block)
    if pairs is None:
        raise BadHead('malformed header')
    if len(pairs) > limits.header_count:
        raise BadHead('too many headers')
    names = _names
    headers: list[tuple[str, str]] = []
    parsed = ResponseHead(version, status, reason, headers)
    for name, value in pairs:
        known = names.get(name)
        if known is None:
            known = _remember(name)
        text, _key, code = known
        value = value.rstrip(b' \t').decode('latin-1')
        headers.append((text, value))
        if code:
            _decide_response_framing(parsed, code, value)
    if parsed.chunked and parsed.content_length is not None:
        raise BadHead('both Content-Length and Transfer-Encoding')
    return parsed


def _parse_response_block(block: bytes) -> list[tuple[bytes, bytes]] | None:
    collector = _Collector()
    try:
        httptools.HttpResponseParser(collector).feed_data(_RESPONSE_STUB + block)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        if not collector.complete:
            return None
    return collector.pairs


# A handful of lines, again and again.
@lru_cache(maxsize=256)
def _parse_status_line(line: bytes) -> tuple[str, int, str]:
    text = line.decode('latin-1')
    version, _space, rest = text.partition(' ')
    code, _space, reason = rest.partition(' ')
    if (not version.startswith('HTTP/1.') or len(version) != 8
            or len(code) != 3 or not code.isascii() or not code.isdigit() or code < '100'):
        raise BadHead(f'bad status line {text[:START_LINE_SHOWN]!r}')
    return version, int(code), reason


def _decide_response_framing(head: ResponseHead, code: int, value: str) -> None:
    """Apply one of the headers of _FRAMING."""
    if code == LENGTH:
        if not _is_length(value) or head.content_length is not None:
            raise BadHead(f'bad Content-Length {value[:40]!r}')
        head.content_length = int(value)
    elif code == CODING:
        head.chunked = value.rpartition(',')[2].strip().lower() == 'chunked'
        if not head.chunked:
            raise BadHead(f'unknown Transfer-Encoding {value[:40]!r}')
    else:
        tokens = [token.strip() for token in value.lower().split(',')]
        if 'close' in tokens:
            head.keep_alive = False
        elif 'keep-alive' in tokens:
            head.keep_alive = True


# --- chunked framing ---------------------------------------------------------------------------

CHUNK_LINE_SIZE_MAX = 4096           # size, extensions; also one trailer line
TRAILERS_SIZE_MAX = 65536


def parse_chunk_size(line: bytes) -> int:
    """Return the size in a chunk's first line (without CR LF). Raises ValueError."""
    digits = line.partition(b';')[0].rstrip(b' \t')
    if not digits or len(digits) > 16 or not _HEX.issuperset(digits):
        raise ValueError(f'bad chunk size {line[:40]!r}')
    return int(digits, 16)


_HEX = frozenset(b'0123456789abcdefABCDEF')


def encode_chunk(data: bytes) -> bytes:
    """Return ``data`` as one chunk; ``data`` must not be empty. For small data: it is copied."""
    return b'%x\r\n%b\r\n' % (len(data), data)


LAST_CHUNK = b'0\r\n\r\n'

