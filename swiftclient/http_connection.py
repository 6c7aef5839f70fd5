"""HTTPConnection: requests to one server, through urllib3, or `requests` where that is needed.

Source: the client sheet, section 1.4. A form, a proxy of SOCKS, or a session that the program
looked at (it may have mounted adapters there, or put its own in place) take the way through
`requests`; everything else goes to urllib3 itself, at half of the cost.
"""

from base64 import b64encode
from urllib.parse import unquote, urljoin, urlparse, urlsplit

import swiftclient.client
from swiftclient import failures, proxies, sending
from swiftclient.exceptions import ClientException
from swiftclient.headers import encode_meta_headers, quoted_target, sent_octets
from swiftclient.response import RawHeaders, Request, Response
from swiftclient.retry import way_back
from swiftclient.version import version_string

DEFAULT_PORTS = {'http': 80, 'https': 443}
REDIRECTS_MAX = 30
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
SAME_REQUEST_STATUSES = (307, 308)  # of them, those that change neither method nor body
NO_BODY_METHODS = ('GET', 'HEAD')  # of others the length is told even if it is zero


class HTTPConnection:
    """Connections to the server of `url`, opened when needed and kept for further requests.

    `timeout` is in seconds, for connecting and for each wait for octets. `cacert` is a file of
    certificates, used unless `insecure`; `cert` and `cert_key` are the client's own.
    """

    def __init__(self, url, proxy=None, cacert=None, insecure=False, cert=None, cert_key=None,
                 ssl_compression=False, default_user_agent=None, timeout=None):
        self.url = url
        self.parsed_url = urlparse(url)
        self.host = self.parsed_url.netloc
        self.port = self.parsed_url.port
        self.resp = None
        self.requests_args = {}
        if self.parsed_url.scheme not in DEFAULT_PORTS:
            raise ClientException(
                f'Unsupported scheme "{self.parsed_url.scheme}" in url "{url}"')
        self.requests_args['verify'] = False if insecure else cacert or True
        if cert:
            self.requests_args['cert'] = (cert, cert_key) if cert_key else cert
        if proxy:
            self.requests_args['proxies'] = _proxy_table(proxy)
        self.requests_args['stream'] = True
        if timeout:
            self.requests_args['timeout'] = timeout
        self.default_user_agent = default_user_agent or f'python-swiftclient-{version_string}'
        self._session = None
        self._pool = None  # of urllib3, for the settings that follow
        self._pool_settings: tuple = ()
        self._environment: dict | None = None  # proxies that it tells for this server

    @property
    def request_session(self):
        """The session of `requests`; once it was asked for, every request goes through it."""
        if self._session is None:
            from swiftclient.requests_compat import SwiftClientRequestsSession
            self._session = SwiftClientRequestsSession()
        return self._session

    @request_session.setter
    def request_session(self, session) -> None:
        self._session = session

    def request(self, method, full_path, data=None, headers=None, files=None):
        """Send a request and return its response, whose body has not been read yet.

        `full_path` is path and query below scheme and host of the connection's URL. Raises
        exceptions of `requests` if there is no answer.
        """
        headers = encode_meta_headers(headers or {})
        headers.setdefault('user-agent', self.default_user_agent)
        url = f'{self.parsed_url.scheme}://{self.parsed_url.netloc}{full_path}'
        if self._session is not None or files or isinstance(data, dict | list | tuple) \
                or proxies.is_socks(self._proxy_for(self.parsed_url)):
            self.resp = self._ask_session(method, url, data, headers, files)
        else:
            self.resp = self._ask_following(method, full_path, data, headers)
        return self.resp

    def putrequest(self, full_path, data=None, headers=None, files=None):
        return self.request('PUT', full_path, data, headers, files)

    def getresponse(self):
        return self.resp

    def close(self) -> None:
        """Close what is open. The connection can be used again: it opens what it needs."""
        if self.resp is not None:
            self.resp.close()
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        if self._session is not None:
            self._session.close()

    def _is_own(self, base) -> bool:
        """Tell whether a URL is of this connection's server; a redirection may lead elsewhere."""
        return (base.scheme, base.netloc) == (self.parsed_url.scheme, self.parsed_url.netloc)

    def _proxy_for(self, base) -> str | None:
        given = self.requests_args.get('proxies') or {}
        if not self._is_own(base):
            return proxies.chosen(base, given, proxies.of_environment(base.geturl()))
        if self._environment is None:
            self._environment = proxies.of_environment(self.url)
        return proxies.chosen(base, given, self._environment)

    def _pool_for(self, base, proxy: str | None):
        """Return the pool that is kept, or a new one for other settings or another server."""
        from swiftclient import pools

        settings = proxy, self.requests_args.get('verify', True), self.requests_args.get('cert')
        if not self._is_own(base):
            return pools.new_pool(base, *settings)
        if self._pool is None or settings != self._pool_settings:
            self._pool, self._pool_settings = pools.new_pool(base, *settings), settings
        return self._pool

    def _ask_session(self, method, url, data, headers, files):
        from swiftclient.requests_compat import ask

        args = dict(self.requests_args, data=data, headers=headers, files=files)
        return ask(self.request_session, method, url, args)

    def _ask_following(self, method, target, data, headers) -> Response:
        """Send a request, and again wherever the server points to."""
        base = self.parsed_url
        headers = headers | _password_of(base)
        back = way_back(data, f'{method} {self.url}')
        for _ in range(REDIRECTS_MAX + 1):
            resp = self._ask(base, method, target, data, headers)
            location = resp.headers.get('location')
            if not location or resp.status not in REDIRECT_STATUSES:
                return resp
            resp.read()
            there = urlsplit(urljoin(resp.url, location))
            if there.scheme not in DEFAULT_PORTS or not there.hostname:
                raise failures.invalid_url(there.geturl())
            if _server(there) != _server(base):
                headers.pop('authorization', None)
            headers |= _password_of(there)
            base, target = there, there.path + (f'?{there.query}' if there.query else '')
            if resp.status not in SAME_REQUEST_STATUSES:
                method, data, headers = _redirected(resp.status, method, headers)
            elif back:
                back()
        raise failures.too_many_redirects(self.url, REDIRECTS_MAX)

    def _ask(self, base, method, target, data, headers) -> Response:
        """One request, one response."""
        from urllib3.exceptions import HTTPError

        from swiftclient import pools

        target = quoted_target(target if target.startswith('/') else f'/{target}')
        body = sending.body_of(data, headers.get('content-length'))
        lines = _lines(method, headers, body)
        proxy = self._proxy_for(base)
        where = base.netloc.rpartition('@')[2]
        if proxy and base.scheme == 'http':  # over TLS proxies only pass octets on
            lines[pools.TARGET] = f'{base.scheme}://{where}{target}'
        else:
            lines[pools.TARGET] = target
        try:
            raw = self._pool_for(base, proxy).urlopen(
                method, lines[pools.TARGET], sending.octets_of(body), lines, retries=False,
                redirect=False, assert_same_host=False, preload_content=False,
                decode_content=False, timeout=pools.timeout_of(self.requests_args.get('timeout')))
        except sending.SourceFailed as err:
            raise err.__cause__
        except HTTPError as err:
            raise failures.lost(where, err) from err
        answer = RawHeaders((pools.raw_name(name), value.strip(' \t'))
                            for name, value in raw.headers.items())
        request = Request(method, f'{base.scheme}://{base.netloc}{target}', headers)
        return Response(request, raw, answer, where)


def http_connection(*arg, **kwarg):
    """Return (parsed URL, HTTPConnection): what the functions of the library take as http_conn."""
    conn = swiftclient.client.HTTPConnection(*arg, **kwarg)
    return conn.parsed_url, conn


def _proxy_table(proxy: str) -> dict[str, str]:
    parsed = urlparse(proxy)
    if not parsed.scheme or not parsed.netloc:
        raise ClientException("Proxy's missing scheme")
    return {parsed.scheme: f'{parsed.scheme}://{parsed.netloc}'}


def _server(base) -> tuple:
    return base.scheme, base.hostname, base.port or DEFAULT_PORTS[base.scheme]


def _password_of(base) -> dict[str, str]:
    """Return the header for user and password that stand in a URL."""
    if not base.username:
        return {}
    both = f'{unquote(base.username)}:{unquote(base.password or "")}'
    return {'authorization': f'Basic {b64encode(both.encode("utf-8")).decode("ascii")}'}


def _lines(method, headers, body) -> dict[str | bytes, bytes]:
    """Return the header lines in octets; how the body is delimited is ours to tell."""
    lines = {}
    try:
        for name, value in headers.items():
            if name not in ('content-length', 'transfer-encoding'):
                octets = sent_octets(name)
                if not octets.strip() or b':' in octets:
                    raise ValueError(f'no name of a header: {name!r}')
                lines[octets] = sent_octets(value)
    except (ValueError, TypeError) as err:
        raise failures.invalid_header(err) from err
    if body.length == sending.CHUNKED:
        return {'transfer-encoding': 'chunked', **lines}
    if body.length or method not in NO_BODY_METHODS:
        return {'content-length': str(body.length), **lines}
    return lines


def _redirected(status, method, headers) -> tuple:
    """Return method, body and headers of the request that a redirection asks for instead."""
    if method != 'HEAD' and (status in (302, 303) or method == 'POST'):
        method = 'GET'
    dropped = ('content-length', 'content-type', 'transfer-encoding')
    return method, None, {name: value for name, value in headers.items() if name not in dropped}
