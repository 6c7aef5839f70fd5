"""What an access line can say about a request: the fields of its template.

Layer 2, part of the proxy-logging filter. A Record collects what is measured on the way; FIELDS
computes the rest from the environ when the line is written. Source: sheet 05 section 6.2.
"""
import os
import re
from collections.abc import Callable

from swift.common.registry import get_sensitive_headers, get_sensitive_params
from swift.common.swob import str_to_wsgi, wsgi_quote
from swift.core.client_address import get_remote_client
from swift.core.names import split_path

DEFAULT_TEMPLATE = (
    '{client_ip} {remote_addr} {end_time.datetime} {method} {path} {protocol} {status_int} '
    '{referer} {user_agent} {auth_token} {bytes_recvd} {bytes_sent} {client_etag} '
    '{transaction_id} {headers} {request_time} {source} {log_info} {start_time} {end_time} '
    '{policy_index} {access_user_id}')
POLICY_HEADER = 'x-backend-storage-policy-index'
# Lengths of the names that Record.look_at is about; no others are made lower-case.
_LOOKED_AT_SIZES = frozenset(map(len, ('content-length', 'transfer-encoding', POLICY_HEADER)))
API_PATHS = ('/v1/', '/v1.0/')


class Secrets:
    """Cuts the values of sensitive headers and query parameters. One per filter."""

    def __init__(self, shown_length: int):
        self.shown_length = shown_length
        self._headers: frozenset[str] = frozenset()
        self._params: frozenset[str] | None = None
        self._pattern: re.Pattern | None = None

    def cut(self, value: str) -> str:
        """Return a value with at most `shown_length` characters of it."""
        shown = self.shown_length
        return f'{value[:shown]}...' if len(value) > shown else value

    def header(self, name: str, value: str) -> str:
        self._learn()
        return self.cut(value) if name.lower() in self._headers else value

    def query(self, query: str) -> str:
        """Return a query whose sensitive values are cut; all else stays to the byte."""
        self._learn()
        if self._pattern is None:
            return query
        return self._pattern.sub(r'\1...', query)

    def _learn(self) -> None:
        # Filters register names while the pipeline loads, some after this one was made.
        if self._params is not None:
            return
        self._headers = get_sensitive_headers()
        self._params = get_sensitive_params()
        names = '|'.join(re.escape(name) for name in sorted(self._params))
        if names:
            self._pattern = re.compile(
                rf'((?:^|(?<=&))(?:{names})=[^&]{{{self.shown_length}}})[^&]+', re.IGNORECASE)


class Record:
    """One request, as far as its line and metrics look at it."""

    __slots__ = ('bytes_recvd', 'bytes_sent', 'end_time', 'env', 'first_byte_time', 'header_names',
                 'is_chunked', 'labels', 'meter', 'received', 'response_policy', 'secrets',
                 'start_time', 'status', 'wire_status')

    def __init__(self, env: dict, start_time: float, secrets: Secrets,
                 header_names: frozenset[str] | None):
        self.env = env
        self.start_time = start_time
        self.end_time = start_time
        self.first_byte_time: float | None = None
        self.secrets = secrets
        self.header_names = header_names     # None: no headers, empty: all of them
        self.received = None                 # wsgi.input, which counts
        self.bytes_recvd = 0
        self.bytes_sent = 0
        self.status = 0
        self.wire_status = 0
        self.response_policy = ''
        self.is_chunked = False
        self.labels: dict | None = None
        self.meter = None

    def look_at(self, headers: list[tuple[str, str]]) -> int | None:
        """Take from the answer's headers what is needed; return the Content-Length."""
        length = None
        for name, value in headers:
            if len(name) not in _LOOKED_AT_SIZES:
                continue
            name = name.lower()
            if name == 'content-length':
                length = int(value) if value.isdigit() else None
            elif name == 'transfer-encoding':
                self.is_chunked = True
            elif name == POLICY_HEADER:
                self.response_policy = value
        return length

    @property
    def policy_index(self) -> str | None:
        return (self.response_policy
                or self.env.get('HTTP_X_BACKEND_STORAGE_POLICY_INDEX'))

    @property
    def entity(self) -> list[str | None]:
        """[account, container, object] of the path that the cluster served, each None if not."""
        path = self.env.get('swift.backend_path') or self.env.get('PATH_INFO', '')
        if not path.startswith(API_PATHS):
            return [None, None, None]
        try:
            return split_path(path, 2, 4, True)[1:]
        except ValueError:
            return [None, None, None]


def _path(record: Record) -> str:
    env = record.env
    path = wsgi_quote(env.get('SCRIPT_NAME', '') + env.get('PATH_INFO', ''))
    query = env.get('QUERY_STRING')
    return f'{path}?{record.secrets.query(query)}' if query else path


def _auth_token(record: Record) -> str:
    token = record.env.get('HTTP_X_AUTH_TOKEN')
    return record.secrets.header('x-auth-token', token) if token else ''


def _headers(record: Record) -> str:
    wanted = record.header_names
    if wanted is None:
        return ''
    lines = []
    for key, value in record.env.items():
        if key.startswith('HTTP_'):
            name = key[5:].replace('_', '-').title()
        elif key in ('CONTENT_TYPE', 'CONTENT_LENGTH') and value:
            name = key.replace('_', '-').title()
        else:
            continue
        if not wanted or name in wanted:
            lines.append(f'{name}: {record.secrets.header(name, value)}')
    return '\n'.join(lines)


def _domain(record: Record) -> str:
    host = record.env.get('HTTP_HOST', '')
    if host.startswith('['):
        return host.partition(']')[0] + ']'
    return host.partition(':')[0]


def _user_id(record: Record) -> str | None:
    logging = record.env.get('swift.access_logging')
    return str_to_wsgi(logging.get('user_id')) if logging else None


def _from_env(key: str) -> Callable[[Record], str | None]:
    return lambda record: record.env.get(key)


FIELDS: dict[str, Callable[[Record], object]] = {
    'client_ip': lambda record: get_remote_client(record.env),
    'remote_addr': _from_env('REMOTE_ADDR'),
    'domain': _domain,
    'method': lambda record: (record.env.get('swift.orig_req_method')
                              or record.env['REQUEST_METHOD']),
    'path': _path,
    'account': lambda record: record.entity[0],
    'container': lambda record: record.entity[1],
    'object': lambda record: record.entity[2],
    'protocol': _from_env('SERVER_PROTOCOL'),
    'status_int': lambda record: record.status,
    'wire_status_int': lambda record: record.wire_status,
    'referer': _from_env('HTTP_REFERER'),
    'user_agent': _from_env('HTTP_USER_AGENT'),
    'auth_token': _auth_token,
    'bytes_recvd': lambda record: record.bytes_recvd,
    'bytes_sent': lambda record: record.bytes_sent,
    'client_etag': _from_env('HTTP_ETAG'),
    'transaction_id': _from_env('swift.trans_id'),
    'headers': _headers,
    'request_time': lambda record: f'{record.end_time - record.start_time:.4f}',
    'ttfb': lambda record: ('' if record.first_byte_time is None
                            else f'{record.first_byte_time - record.start_time:.4f}'),
    'source': _from_env('swift.source'),
    'log_info': lambda record: ','.join(record.env.get('swift.log_info') or ()),
    'policy_index': lambda record: record.policy_index,
    'access_user_id': _user_id,
    'pid': lambda record: os.getpid(),
}
TIMES: dict[str, Callable[[Record], float]] = {
    'start_time': lambda record: record.start_time,
    'end_time': lambda record: record.end_time,
}
ANONYMIZABLE = frozenset(('client_ip', 'remote_addr', 'domain', 'path', 'referer', 'user_agent',
                          'headers', 'client_etag', 'account', 'container', 'object',
                          'access_user_id'))
