"""HTTPConnection: requests to one server, straight or through `requests` where that is needed.

Source: the client sheet, section 1.4. The direct way is for what nearly every request is. A
proxy, a form, a password in the URL, or a session that the program looked at (it may have mounted
adapters there, or put its own in place) take the way through `requests`.
"""

import os
from urllib.parse import urljoin, urlparse, urlsplit

import swiftclient.client
from swiftclient import failures, sending, transport, wire
from swiftclient.exceptions import ClientException
from swiftclient.headers import encode_meta_headers
from swiftclient.response import Request, Response
from swiftclient.version import version_string

DEFAULT_PORTS = {'http': 80, 'https': 443}
REDIRECTS_MAX = 30
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
PROXY_VARIABLES = ('http_proxy', 'https_proxy', 'all_proxy')


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
        self._pool = transport.Pool()
        self._session = None
        self._environment_proxies: dict | None = None

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
                or self._needs_requests():
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
        self._pool.close()
        if self._session is not None:
            self._session.close()

    def _needs_requests(self) -> bool:
        if self.parsed_url.username or self.requests_args.get('proxies', {}).get(
                self.parsed_url.scheme):
            return True
        if self._environment_proxies is None:
            self._environment_proxies = {}
            if any(os.environ.get(name) or os.environ.get(name.upper())
                   for name in PROXY_VARIABLES):
                from swiftclient.requests_compat import proxies_of_environment
                self._environment_proxies = proxies_of_environment(self.url)
        return bool({self.parsed_url.scheme, 'all'} & self._environment_proxies.keys())

    def _ask_session(self, method, url, data, headers, files):
        from swiftclient.requests_compat import ask

        args = dict(self.requests_args, data=data, headers=headers, files=files)
        return ask(self.request_session, method, url, args)

    def _ask_following(self, method, target, data, headers) -> Response:
        """Send straight, and again wherever the server points to."""
        base = self.parsed_url
        for _ in range(REDIRECTS_MAX + 1):
            resp = self._ask(base, method, target, data, headers)
            location = resp.headers.get('location')
            if not location or resp.status not in REDIRECT_STATUSES:
                return resp
            resp.read()
            base = urlsplit(urljoin(resp.url, location))
            target = base.path + (f'?{base.query}' if base.query else '')
            method, data, headers = _redirected(resp.status, method, data, headers)
        raise failures.too_many_redirects(self.url, REDIRECTS_MAX)

    def _ask(self, base, method, target, data, headers) -> Response:
        """One request, one response. Cost: two or three system calls, if the body is small."""
        target = target if target.startswith('/') else f'/{target}'
        server = transport.Server(
            base.hostname, base.port or DEFAULT_PORTS[base.scheme], base.scheme == 'https',
            self.requests_args.get('verify', True), self.requests_args.get('cert'),
            self.requests_args.get('timeout'))
        body = sending.body_of(data, headers.get('content-length'))
        try:
            head = wire.render_head(method, target, _lines(base, method, headers, body))
        except (ValueError, TypeError) as err:
            raise failures.invalid_header(err) from err
        # Elsewhere than to the connection's own server nothing is kept.
        pool = self._pool if base.netloc == self.parsed_url.netloc else transport.Pool()
        channel = pool.channel(server)
        try:
            all_sent = sending.send(channel, head, body)
            answer = transport.read_head(channel)
        except BaseException:
            channel.close()
            raise
        request = Request(method, f'{base.scheme}://{base.netloc}{target}', headers)
        return Response(request, answer, channel, pool, all_sent)


def http_connection(*arg, **kwarg):
    """Return (parsed URL, HTTPConnection): what the functions of the library take as http_conn."""
    conn = swiftclient.client.HTTPConnection(*arg, **kwarg)
    return conn.parsed_url, conn


def _proxy_table(proxy: str) -> dict[str, str]:
    parsed = urlparse(proxy)
    if not parsed.scheme or not parsed.netloc:
        raise ClientException("Proxy's missing scheme")
    return {parsed.scheme: f'{parsed.scheme}://{parsed.netloc}'}


def _host(base) -> str:
    name = f'[{base.hostname}]' if ':' in base.hostname else base.hostname
    return name if base.port in (None, DEFAULT_PORTS[base.scheme]) else f'{name}:{base.port}'


def _lines(base, method, headers, body) -> list[tuple]:
    """Return the header lines: ours that no caller may set, then the caller's."""
    lines = [('Host', _host(base))] if 'host' not in headers else []
    if 'accept-encoding' not in headers:
        lines.append(('Accept-Encoding', 'identity'))
    lines += [line for line in headers.items() if line[0] != 'content-length']
    if body.length == sending.CHUNKED:
        lines.append(('Transfer-Encoding', 'chunked'))
    elif body.length or method not in ('GET', 'HEAD'):
        lines.append(('Content-Length', str(body.length)))
    return lines


def _redirected(status, method, data, headers) -> tuple:
    """Return method, body and headers of the request that a redirection asks for."""
    if status in (307, 308):
        if data is not None and not isinstance(data, str | bytes):
            data.reset()
        return method, data, headers
    if method != 'HEAD' and (status in (302, 303) or method == 'POST'):
        method = 'GET'
    dropped = ('content-length', 'content-type', 'transfer-encoding')
    return method, None, {name: value for name, value in headers.items() if name not in dropped}
