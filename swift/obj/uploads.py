"""Receive the body of a PUT: small ones at once, larger ones in steps, multipart with footers.

Layer 3. A multipart PUT (sheet 02 §10) brings metadata that is known only after the body, and
maybe a second phase:

    C: headers              S: 100 (+ capabilities)
    C: body, footers        S: stored; 100 again if a commit was announced
    C: commit               S: 201

Memory: at most one step of the body (STEP_CHUNKS network chunks) per request.
"""
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from swift.common.errors import ClientDisconnect
from swift.common.swob import (
    HTTPBadRequest,
    HTTPClientDisconnect,
    HTTPException,
    HTTPInternalServerError,
    Request,
)
from swift.core.constraints import config_true_value
from swift.core.headers import title_case
from swift.core.mime import (
    COMMIT_DOCUMENT,
    FOOTER_BYTES_MAX,
    BrokenMime,
    FooterRefused,
    MimeReader,
    parse_footers,
)
from swift.core.object_meta import is_put_meta
from swift.obj.cooperation import turns
from swift.obj.placement import Placement
from swift.obj.reading import SMALL_BODY_BYTES, STEP_CHUNKS
from swift.obj.request_parts import PutParts
from swift.obj.store import Result, Store, Verdict

_FOOTER_HEADER = 'X-Backend-Obj-Metadata-Footer'
_COMMIT_HEADER = 'X-Backend-Obj-Multiphase-Commit'
_BOUNDARY_HEADER = 'X-Backend-Obj-Multipart-Mime-Boundary'


@dataclass(slots=True)
class Received:
    """A finished upload: its outcome, and the footers that came with it."""
    result: Result
    footers: dict[str, str]


class Uploads:
    """Receives bodies for one object server."""

    def __init__(self, store: Store, network_chunk_size: int, cooperative_period: int = 0):
        self._store = store
        self._chunk_size = network_chunk_size
        self._step_bytes = STEP_CHUNKS * network_chunk_size
        self._period = cooperative_period

    def receive_arrived(self, req: Request, place: Placement, parts: PutParts) -> Received | None:
        """Store a small body that is here already, in one step; None for any other.

        Like receive(), without the need of a time limit.
        """
        source = req.environ['wsgi.input']
        size = parts.expected_size
        if (not size or size > SMALL_BODY_BYTES or getattr(source, 'arrived', 0) < size
                or req.is_chunked or _FOOTER_HEADER in req.headers
                or _COMMIT_HEADER in req.headers):
            return None
        return Received(self._store.put_small(place, parts.put, source.read(size)), {})

    def receive(self, req: Request, place: Placement, parts: PutParts) -> Received:
        """Store the body of a PUT. Raises the answer if the body or its frame is bad.

        ClientDisconnect, ClientReadTimeout and DiskError pass; nothing is visible then.
        """
        footers = config_true_value(req.headers.get(_FOOTER_HEADER))
        commit = config_true_value(req.headers.get(_COMMIT_HEADER))
        if footers or commit:
            return self._receive_multipart(req, place, parts, footers, commit)
        source = req.environ['wsgi.input']
        size = parts.expected_size
        if (size is not None and size <= SMALL_BODY_BYTES and not req.is_chunked
                and not getattr(source, 'awaits_continue', False)):
            body = source.read(size) if size else b''
            if len(body) != size:
                raise HTTPClientDisconnect(request=req)
            return Received(self._store.put_small(place, parts.put, body), {})
        result = self._store.check_put(place, parts.put)
        if result.verdict is not Verdict.DONE:
            return Received(result, {})
        return self._receive_stream(req, place, parts, result, source.read)

    def _receive_stream(self, req: Request, place: Placement, parts: PutParts, result: Result,
                        read: Callable[[int], bytes]) -> Received:
        writer = self._store.start_upload(place, parts.expected_size)
        try:
            self._copy(read, writer)
            if parts.expected_size is not None and writer.size != parts.expected_size:
                raise HTTPClientDisconnect(request=req)
            return Received(self._store.finish_upload(writer, parts.put, result), {})
        finally:
            self._store.close_upload(writer)

    def _copy(self, read: Callable[[int], bytes], writer: Any) -> None:
        """Write everything that ``read`` gives, a step's worth at a time."""
        held: list[bytes] = []
        size = 0
        took = turns(self._period, self._chunk_size)
        while True:
            chunk = read(self._chunk_size)
            if chunk:
                held.append(chunk)
                size += len(chunk)
                took(len(chunk))
            if size >= self._step_bytes or (held and not chunk):
                self._store.upload_step(writer, held)
                held, size = [], 0
            if not chunk:
                return

    # -- multipart -----------------------------------------------------------------------------

    def _receive_multipart(self, req: Request, place: Placement, parts: PutParts, footers: bool,
                           commit: bool) -> Received:
        boundary = req.headers.get(_BOUNDARY_HEADER)
        if not boundary:
            raise HTTPBadRequest(request=req, body='no MIME boundary')
        result = self._store.check_put(place, parts.put)
        if result.verdict is not Verdict.DONE:
            return Received(result, {})
        source = req.environ['wsgi.input']
        capabilities = []
        if commit:
            capabilities.append(('X-Obj-Multiphase-Commit', 'yes'))
        if footers:
            capabilities.append(('X-Obj-Metadata-Footer', 'yes'))
        source.set_hundred_continue_response_headers(capabilities)
        writer = self._store.start_upload(place, parts.expected_size)
        try:
            reader = MimeReader(getattr(source, 'read_some', source.read), boundary)
            self._read_body_part(req, reader, writer, parts)
            found = self._read_footers(req, reader) if footers else {}
            put = _with_footers(parts.put, found)
            finished = Received(self._store.finish_upload(writer, put, result), found)
            if commit and finished.result.verdict is Verdict.DONE:
                self._read_commit(req, reader, source)
            return finished
        finally:
            self._store.close_upload(writer)

    def _read_body_part(self, req: Request, reader: MimeReader, writer: Any,
                        parts: PutParts) -> None:
        try:
            if reader.next_part() is None:
                raise HTTPClientDisconnect(request=req)
            self._copy(reader.read, writer)
        except BrokenMime as error:
            raise ClientDisconnect(str(error)) from None
        if parts.expected_size is not None and writer.size != parts.expected_size:
            raise HTTPClientDisconnect(request=req)

    @staticmethod
    def _read_footers(req: Request, reader: MimeReader) -> dict[str, str]:
        try:
            headers = reader.next_part()
            body = reader.read_all(FOOTER_BYTES_MAX) if headers is not None else b''
            return parse_footers(headers, body)
        except FooterRefused as refused:
            raise HTTPException(status=refused.status, body=str(refused), request=req) from None
        except BrokenMime as error:
            raise ClientDisconnect(str(error)) from None

    @staticmethod
    def _read_commit(req: Request, reader: MimeReader, source: Any) -> None:
        """Second phase. The object is stored already; without the commit the PUT still fails."""
        source.send_hundred_continue_response()
        try:
            headers = reader.next_part()
            if headers is None:
                raise HTTPBadRequest(request=req, body="couldn't find PUT commit MIME doc")
            reader.read_all(FOOTER_BYTES_MAX)
        except BrokenMime as error:
            raise ClientDisconnect(str(error)) from None
        if headers.get('X-Document') != COMMIT_DOCUMENT:
            raise HTTPInternalServerError(request=req)


def _with_footers(put: Any, footers: dict[str, str]) -> Any:
    """Return the PUT with what the footers add: metadata, and the ETag to expect."""
    if not footers:
        return put
    named = {title_case(name): value for name, value in footers.items()}
    metadata = {**put.metadata,
                **{name: value for name, value in named.items() if is_put_meta(name)}}
    etag = named.get('Etag')
    return replace(put, metadata=metadata, etag=etag.strip('"') if etag else put.etag)
