"""What filters change in a container's listing, decoded once whoever takes part.

Layer 1. The container server keeps details of special objects inside the `hash` of a row; the
filters that wrote them there take them out again (slo_etag, symlink_path). Each offers an edit, and
the outermost filter that is interested, normally listing_formats, carries all of them out:

    return edit_listing(self.app, env, start_response, ListingEdit(b'slo_etag=', split_slo_etag))

    env['swift.listing_edits']   edits offered so far, in the order in which the filters were
                                 passed; present while somebody to the left is going to edit

An edit names bytes without which a listing has nothing for it, so that a plain listing is searched
but not decoded. Edits are carried out from the innermost outwards, as if each filter had decoded
the listing itself.
"""
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import orjson

from swift.common.swob import Request, close_if_possible

EDITS = 'swift.listing_edits'
# Environ key: `format` of the client's query, None when Accept decides; whoever replaces the query
# leaves it there.
LISTING_FORMAT = 'swift.listing_format'
JSON = 'application/json'
EDITED_MAX_BYTES = 20_480_000

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ListingEdit:
    """A change of a decoded listing, in place, and the bytes that show that it is needed."""

    marker: bytes
    edit: Callable[[list[dict]], None]


def edit_listing(app: Callable, env: dict, start_response: Callable,
                 edit: ListingEdit) -> Iterable[bytes]:
    """Call the right neighbour with a GET of a container; its listing comes back edited."""
    if EDITS in env:
        env[EDITS].append(edit)
        return app(env, start_response)
    env[EDITS] = [edit]
    try:
        status, headers, body = Request(env).call_application(app)
    finally:
        edits = env.pop(EDITS)
    headers, body = edited(edits, status, headers, body)
    start_response(status, headers)
    return body


def edited(edits: Sequence[ListingEdit], status: str, headers: Headers,
           body: Iterable[bytes]) -> tuple[Headers, Iterable[bytes]]:
    """Return headers and body of an answer, of a JSON listing as the edits change it."""
    if not edits or not status.startswith('200') or not is_editable(headers):
        return headers, body
    data = read_body(body)
    entries = decode(data) if needed(edits, data) else None
    if entries is None:
        return headers, [data]
    carry_out(edits, data, entries)
    text = encode(entries)
    headers = [line for line in headers if line[0].lower() != 'content-length']
    return [*headers, ('Content-Length', str(len(text)))], [text]


def needed(edits: Sequence[ListingEdit], data: bytes) -> bool:
    """Tell whether any edit finds something to do in the text of a listing."""
    return any(edit.marker in data for edit in edits)


def carry_out(edits: Sequence[ListingEdit], data: bytes, entries: list[dict]) -> None:
    """Change the entries decoded from `data`."""
    for edit in reversed(edits):
        if edit.marker in data:
            edit.edit(entries)


def is_editable(headers: Headers) -> bool:
    """Tell whether an answer is JSON of a known length that memory allows for."""
    found = {name.lower(): value for name, value in headers}
    length = found.get('content-length', '')
    return (found.get('content-type', '').partition(';')[0].strip() == JSON
            and length.isdigit() and int(length) <= EDITED_MAX_BYTES)


def decode(data: bytes) -> list[dict] | None:
    """Return the entries of a listing, None when the text is no listing (perhaps cut short)."""
    try:
        entries = orjson.loads(data)
    except ValueError:
        return None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return None
    return entries


def encode(entries: Sequence[dict]) -> bytes:
    """Return the text of a listing, spelt as the container server spells it."""
    return json.dumps(entries).encode('ascii')


def read_body(body: Iterable[bytes]) -> bytes:
    """Return a whole body and close it. A single chunk is not copied."""
    try:
        chunks = body if isinstance(body, list) else list(body)
        return chunks[0] if len(chunks) == 1 else b''.join(chunks)
    finally:
        close_if_possible(body)
