"""The way through `requests`: proxies, forms, and sessions that a program brought or changed.

Source: the client sheet, section 1.4. What is sent is the same as on the direct way: none of the
default headers of `requests`, no cookies, no passwords from `.netrc`, and metadata in octets that
its check of headers would refuse.
"""

import http.client
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.sessions import merge_hooks, merge_setting
from requests.structures import CaseInsensitiveDict

from swiftclient import failures
from swiftclient.headers import USER_METADATA_TYPE
from swiftclient.response import HeaderAccess

# An object may have more metadata items than the standard library reads headers by default.
http.client._MAXHEADERS = 256

_METADATA_NAMES = tuple(prefix.encode('ascii') for prefix in USER_METADATA_TYPE)


class SwiftClientPreparedRequest(requests.PreparedRequest):
    """A request whose metadata names may be octets."""

    def prepare_headers(self, headers) -> None:
        """Take metadata as it is; have all else checked as usual."""
        metadata = {name: value for name, value in (headers or {}).items()
                    if isinstance(name, bytes) and name.startswith(_METADATA_NAMES)}
        super().prepare_headers({name: value for name, value in (headers or {}).items()
                                 if name not in metadata})
        for name, value in metadata.items():
            self.headers[name] = value


class SwiftClientRequestsSession(requests.Session):
    def __init__(self):
        super().__init__()
        self.headers = CaseInsensitiveDict()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def prepare_request(self, request) -> SwiftClientPreparedRequest:
        """Join the request with the settings of the session, but for .netrc and cookies."""
        prepared = SwiftClientPreparedRequest()
        prepared.prepare(
            method=request.method.upper(), url=request.url, files=request.files,
            data=request.data, json=request.json,
            headers=CaseInsensitiveDict({**self.headers, **request.headers}),
            params=merge_setting(request.params, self.params),
            auth=request.auth or self.auth, cookies=None,
            hooks=merge_hooks(request.hooks, self.hooks))
        return prepared

    def rebuild_auth(self, prepared_request, response) -> None:
        """Take a password along to the same server only; and again none from .netrc."""
        if 'Authorization' in prepared_request.headers and self.should_strip_auth(
                response.request.url, prepared_request.url):
            del prepared_request.headers['Authorization']


class SessionResponse(HeaderAccess):
    """A response of `requests` with the methods of ours."""

    def __init__(self, resp: requests.Response):
        self._resp = resp
        self.request, self.url = resp.request, resp.url
        self.status = self.status_code = resp.status_code
        self.reason, self.headers = resp.reason, resp.headers

    @property
    def content(self) -> bytes:
        return self._resp.content

    def read(self, length: int | None = None) -> bytes:
        from urllib3.exceptions import HTTPError

        try:
            return self._resp.raw.read(length)
        except HTTPError as err:
            raise failures.lost(self.url, 'while reading', err) from err

    def close(self) -> None:
        self._resp.close()


def ask(session, method: str, url: str, args: dict) -> SessionResponse:
    return SessionResponse(session.request(method, url, **args))


def proxies_of_environment(url: str) -> dict:
    """Return the proxies that http_proxy, https_proxy, all_proxy and no_proxy tell for the URL."""
    return requests.utils.get_environ_proxies(url)
