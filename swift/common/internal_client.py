"""A proxy inside a daemon: requests through its own pipeline, without network and authorization.

Layer 1. (sheet 04, section 16.7) Daemons that act on the cluster as a client does (expirer,
reconciler, container sync, sharder) load a pipeline of their own. The proxy application is found
by its entry point, not by import.

    InternalClient(conf).delete_object('a', 'c', 'o')
        -> WSGI request, X-Backend-Allow-Reserved-Names -> filters -> proxy -> storage nodes

A request is tried `request_tries` times, with pauses of 2, 4, 8 ... seconds, while the answer is
a server error; another answer that is not acceptable raises UnexpectedResponse at once.
Acceptable are statuses (404) or classes of them (2).

Who gets a response with a body (get_object) closes it.
"""

import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from swift.common import green
from swift.common.config.parser import ConfigString
from swift.common.errors import SwiftError
from swift.common.log import clear_transaction, get_transaction, set_transaction
from swift.common.pipeline import loadapp, refuse_filter
from swift.common.swob import Request, Response
from swift.core.names import quote

DEFAULT_CONF = """[DEFAULT]

[pipeline:main]
pipeline = catch_errors proxy-logging cache symlink proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true

[filter:cache]
use = egg:swift#memcache

[filter:proxy-logging]
use = egg:swift#proxy_logging

[filter:catch_errors]
use = egg:swift#catch_errors

[filter:symlink]
use = egg:swift#symlink
"""
CONF_NAME = 'internal-client.conf'
FIRST_PAUSE_S = 2
_GUNZIP_WINDOW = 16 + zlib.MAX_WBITS
_CHUNK_BYTES = 65536


class UnexpectedResponse(SwiftError):
    """The cluster answered something the caller did not allow; `resp` is that answer."""

    def __init__(self, message: str, resp: Response):
        super().__init__(message)
        self.resp = resp


def conf_for(configured: str, swift_dir: str) -> str | None:
    """Return the configuration to load: the one configured, else the one in `swift_dir`.

    None, the built-in one, when there is neither.
    """
    if configured:
        return configured
    path = os.path.join(swift_dir, CONF_NAME)
    return path if os.path.exists(path) else None


def global_conf_of(conf: Mapping[str, str], swift_dir: str, path: str | None) -> dict[str, str]:
    """Return what a pipeline inherits from the section `conf` of its daemon.

    The cluster; and where to log, unless it has a file at `path`, which says so itself.
    """
    logging = {name: value for name, value in conf.items()
               if not path and name.startswith('log_') and name != 'log_name'}
    return {**logging, 'swift_dir': swift_dir}


def make_path(account: str, container: str | None = None, obj: str | None = None) -> str:
    """Return the quoted /v1 path of a thing."""
    path = '/v1/' + quote(account, '')
    if container:
        path += '/' + quote(container, '')
        if obj:
            path += '/' + quote(obj)
    return path


class InternalClient:
    """Requests to the cluster through a pipeline in this process."""

    def __init__(self, conf_path: str | None, user_agent: str, request_tries: int, *,
                 use_replication_network: bool = False, app: Any = None,
                 global_conf: Mapping[str, str] | None = None,
                 sleep: Callable[[float], None] = green.sleep):
        """`conf_path` None: the built-in configuration. Raises ConfigError."""
        if request_tries < 1:
            raise ValueError('request_tries must be positive')
        self.app = app if app is not None else loadapp(
            conf_path or ConfigString(DEFAULT_CONF), global_conf, allow_modify_pipeline=False)
        refuse_filter(self.app, 'gatekeeper',
                      'Internal Client pipeline cannot contain gatekeeper: it would take the '
                      "daemon's own headers away.")
        final_app = getattr(self.app, '_pipeline_final_app', self.app)
        final_app.passes_agent = True
        self.user_agent = user_agent
        self.request_tries = request_tries
        self._sleep = sleep
        self._headers = {'X-Backend-Allow-Reserved-Names': 'true'}
        if use_replication_network:
            self._headers['X-Backend-Use-Replication-Network'] = 'true'

    # -- requests ----------------------------------------------------------------------------------

    def make_request(self, method: str, path: str, headers: Mapping[str, str] | None = None,
                     acceptable: Sequence[int] = (2,), body_file: BinaryIO | None = None,
                     params: str = '', environ: Mapping[str, Any] | None = None) -> Response:
        """Return the response to a request on a quoted path; its body may still be open.

        `environ` has keys for the pipeline. Raises UnexpectedResponse. Blocks; pauses between
        tries.
        """
        start = body_file.tell() if body_file is not None and body_file.seekable() else None
        pause_s = FIRST_PAUSE_S
        for turn in range(self.request_tries):
            if turn:
                self._sleep(pause_s)
                pause_s *= 2
                if body_file is not None:
                    body_file.seek(start)
            req = self._build(method, path, headers, body_file, params)
            req.environ.update(environ or {})
            resp = self._send(req)
            status = resp.status_int
            if status in acceptable or status // 100 in acceptable:
                return resp
            # A body that cannot be rewound cannot be sent again.
            if status < 500 or (body_file is not None and start is None):
                break
            if turn < self.request_tries - 1:
                resp.close()
        text = resp.body.decode('utf-8', 'replace')
        raise UnexpectedResponse(
            f'Unexpected response: {resp.status}{f" ({text})" if text else ""}', resp)

    def _send(self, req: Request) -> Response:
        """Return the pipeline's answer; the caller's lines are not marked with this request."""
        own = get_transaction()
        try:
            return req.get_response(self.app)
        finally:
            if own.trans_id:
                set_transaction(*own)
            else:
                clear_transaction()

    def _build(self, method: str, path: str, headers: Mapping[str, str] | None,
               body_file: BinaryIO | None, params: str) -> Request:
        req = Request.blank(f'{path}?{params}' if params else path, method=method)
        env = req.environ
        env['HTTP_USER_AGENT'] = self.user_agent
        env['swift_owner'] = True
        for name, value in {**self._headers, **(headers or {})}.items():
            req.headers[name] = value
        if body_file is not None:
            env['wsgi.input'] = body_file
            if 'CONTENT_LENGTH' not in env:
                env['HTTP_TRANSFER_ENCODING'] = 'chunked'
        elif method in ('PUT', 'POST'):
            env.setdefault('CONTENT_LENGTH', '0')
        return req

    def _done(self, method: str, path: str, headers: Mapping[str, str] | None = None,
              acceptable: Sequence[int] = (2,), params: str = '') -> Response:
        """Make a request whose body is of no interest."""
        resp = self.make_request(method, path, headers, acceptable, params=params)
        resp.close()
        return resp

    # -- accounts ----------------------------------------------------------------------------------

    def create_account(self, account: str) -> None:
        self._done('PUT', make_path(account))

    def delete_account(self, account: str, acceptable: Sequence[int] = (2, 404)) -> None:
        self._done('DELETE', make_path(account), acceptable=acceptable)

    def get_account_info(self, account: str,
                         acceptable: Sequence[int] = (2, 404)) -> tuple[int, int]:
        """Return (container count, object count); zeros for an account that is not there."""
        headers = self._done('HEAD', make_path(account), acceptable=acceptable).headers
        return (int(headers.get('X-Account-Container-Count', 0)),
                int(headers.get('X-Account-Object-Count', 0)))

    def get_account_metadata(self, account: str, prefix: str = '',
                             acceptable: Sequence[int] = (2,)) -> dict[str, str]:
        return self._metadata(make_path(account), prefix, acceptable)

    def set_account_metadata(self, account: str, metadata: Mapping[str, str], prefix: str = '',
                             acceptable: Sequence[int] = (2,)) -> None:
        self._set_metadata(make_path(account), metadata, prefix, acceptable)

    def iter_containers(self, account: str, marker: str = '', end_marker: str = '',
                        prefix: str = '', acceptable: Sequence[int] = (2, 404),
                        ) -> Iterator[dict[str, Any]]:
        """Yield the entries of an account's listing, page by page."""
        return self._iter_items(make_path(account), marker, end_marker, prefix, acceptable)

    # -- containers --------------------------------------------------------------------------------

    def create_container(self, account: str, container: str,
                         headers: Mapping[str, str] | None = None,
                         acceptable: Sequence[int] = (2,)) -> None:
        self._done('PUT', make_path(account, container), headers, acceptable)

    def container_exists(self, account: str, container: str) -> bool:
        resp = self._done('HEAD', make_path(account, container), acceptable=(2, 404))
        return resp.status_int != 404

    def delete_container(self, account: str, container: str,
                         headers: Mapping[str, str] | None = None,
                         acceptable: Sequence[int] = (2, 404)) -> None:
        self._done('DELETE', make_path(account, container), headers, acceptable)

    def get_container_metadata(self, account: str, container: str, prefix: str = '',
                               acceptable: Sequence[int] = (2,)) -> dict[str, str]:
        return self._metadata(make_path(account, container), prefix, acceptable)

    def set_container_metadata(self, account: str, container: str, metadata: Mapping[str, str],
                               prefix: str = '', acceptable: Sequence[int] = (2,)) -> None:
        self._set_metadata(make_path(account, container), metadata, prefix, acceptable)

    def iter_objects(self, account: str, container: str, marker: str = '', end_marker: str = '',
                     prefix: str = '', acceptable: Sequence[int] = (2, 404),
                     ) -> Iterator[dict[str, Any]]:
        """Yield the entries of a container's listing, page by page."""
        return self._iter_items(make_path(account, container), marker, end_marker, prefix,
                                acceptable)

    # -- objects -----------------------------------------------------------------------------------

    def delete_object(self, account: str, container: str, obj: str,
                      headers: Mapping[str, str] | None = None,
                      acceptable: Sequence[int] = (2, 404)) -> None:
        self._done('DELETE', make_path(account, container, obj), headers, acceptable)

    def get_object(self, account: str, container: str, obj: str,
                   headers: Mapping[str, str] | None = None, acceptable: Sequence[int] = (2,),
                   params: str = '') -> tuple[int, Mapping[str, str], Iterable[bytes]]:
        """Return (status, headers, body iterator); the caller closes the iterator."""
        resp = self.make_request('GET', make_path(account, container, obj), headers, acceptable,
                                 params=params)
        return resp.status_int, resp.headers, resp.app_iter

    def get_object_metadata(self, account: str, container: str, obj: str, prefix: str = '',
                            acceptable: Sequence[int] = (2,),
                            headers: Mapping[str, str] | None = None) -> dict[str, str]:
        return self._metadata(make_path(account, container, obj), prefix, acceptable, headers)

    def set_object_metadata(self, account: str, container: str, obj: str,
                            metadata: Mapping[str, str], prefix: str = '',
                            acceptable: Sequence[int] = (2,)) -> None:
        self._set_metadata(make_path(account, container, obj), metadata, prefix, acceptable)

    def iter_object_lines(self, account: str, container: str, obj: str,
                          headers: Mapping[str, str] | None = None,
                          acceptable: Sequence[int] = (2,)) -> Iterator[bytes]:
        """Yield the lines of an object without their ends; unpacked when its name ends in .gz."""
        _status, _headers, body = self.get_object(account, container, obj, headers, acceptable)
        unpack = (zlib.decompressobj(_GUNZIP_WINDOW).decompress if obj.endswith('.gz')
                  else bytes)
        rest = b''
        try:
            for chunk in body:
                *lines, rest = (rest + unpack(chunk)).split(b'\n')
                yield from lines
        finally:
            getattr(body, 'close', lambda: None)()
        if rest:
            yield rest

    def upload_object(self, body_file: BinaryIO, account: str, container: str, obj: str,
                      headers: Mapping[str, str] | None = None, acceptable: Sequence[int] = (2,),
                      environ: Mapping[str, Any] | None = None) -> None:
        """Store an object; in chunks unless the headers have its Content-Length."""
        self.make_request('PUT', make_path(account, container, obj), headers, acceptable,
                          body_file, environ=environ).close()

    # -- shared ------------------------------------------------------------------------------------

    def _metadata(self, path: str, prefix: str, acceptable: Sequence[int],
                  headers: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the headers that start with `prefix`, lower-case, without it."""
        resp = self._done('HEAD', path, headers, acceptable)
        if not resp.is_success:
            return {}
        prefix = prefix.lower()
        return {name.lower()[len(prefix):]: value for name, value in resp.headers.items()
                if name.lower().startswith(prefix)}

    def _set_metadata(self, path: str, metadata: Mapping[str, str], prefix: str,
                      acceptable: Sequence[int]) -> None:
        headers = {prefix + name: value for name, value in metadata.items()}
        self._done('POST', path, headers, acceptable)

    def _iter_items(self, path: str, marker: str, end_marker: str, prefix: str,
                    acceptable: Sequence[int]) -> Iterator[dict[str, Any]]:
        while True:
            params = f'format=json&marker={quote(marker, "")}'
            if end_marker:
                params += f'&end_marker={quote(end_marker, "")}'
            if prefix:
                params += f'&prefix={quote(prefix, "")}'
            resp = self.make_request('GET', path, {}, acceptable, params=params)
            if resp.status_int != 200:
                resp.close()
                return
            items = json.loads(resp.body)
            if not items:
                return
            yield from items
            marker = items[-1].get('name', items[-1].get('subdir'))
