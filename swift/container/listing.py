"""GET and HEAD of a container: headers from its facts, a page of objects, or shard ranges.

Layer 3, called in disk threads. Sheet 03 §15.1, §15.5-15.6. What to list is decided by
X-Backend-Record-Type: objects, shard ranges, or `auto` (ranges once the container is sharded).
"""
import json
from dataclasses import dataclass

from swift.common.db.files import Place
from swift.common.db.service import (
    HTML,
    Answer,
    BackendRequest,
    Headers,
    Refused,
    metadata_headers,
    page,
    plain,
)
from swift.common.errors import DatabaseMissing
from swift.container.backend import (
    SHARDED,
    SHARDING,
    UNSHARDED,
    ContainerBroker,
    ContainerInfo,
)
from swift.container.pages import Page, Pages
from swift.core.http_dates import format_http_date
from swift.core.listing import ListingQuery
from swift.core.listing_render import (
    JSON,
    PLAIN,
    container_xml,
    iso_time,
    object_entries,
    objects_json,
    to_text,
)
from swift.core.shard_range import RangeQuery, ShardRange, parse_states
from swift.core.timestamp import Timestamp

FULL, NAMESPACE = 'full', 'namespace'
_NO_TIME = Timestamp(0).internal
_FILLED_STATES = ('listing', 'updating')


@dataclass(frozen=True, slots=True)
class RangeListing:
    """How shard ranges are to be listed, if they are."""

    query: RangeQuery
    shard_format: str
    override_deleted: bool
    override_name_filter: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A whole GET or HEAD. `query` None means HEAD; `record_type` is object, shard or auto."""

    content_type: str
    query: ListingQuery | None = None
    record_type: str = 'object'
    policy_index: int | None = None
    ranges: RangeListing | None = None


def parse_reading(req: BackendRequest, limit_max: int, policy_index: int | None) -> Reading:
    """Check and collect what a request asks for; Refused."""
    if req.method == 'HEAD':
        return Reading(req.listing_format())
    record_type = (req.header('X_BACKEND_RECORD_TYPE') or 'object').lower()
    if record_type not in ('shard', 'auto'):
        record_type = 'object'
    query = req.listing_query(limit_max, with_path=True)
    content_type = req.listing_format()
    ranges = None
    if record_type != 'object':
        ranges = _parse_ranges(req, query, record_type)
    return Reading(content_type, query, record_type, policy_index, ranges)


def _parse_ranges(req: BackendRequest, query: ListingQuery, record_type: str) -> RangeListing:
    shard_format = (req.header('X_BACKEND_RECORD_SHARD_FORMAT') or FULL).lower()
    include_deleted = req.is_true('X_BACKEND_INCLUDE_DELETED')
    words = (req.param('states') or '').split(',')
    states = None
    if words != ['']:
        try:
            states = parse_states(','.join(words))
        except ValueError:
            raise Refused(plain(400, 'Bad state', HTML)) from None
    include_own = 'auditing' in words
    if shard_format == NAMESPACE:
        if include_deleted:
            raise Refused(plain(400, 'No include_deleted for namespace GET', HTML))
        if include_own:
            raise Refused(plain(400, 'No auditing state for namespace GET', HTML))
    else:
        shard_format = FULL
    includes = req.param('includes')
    return RangeListing(
        RangeQuery(query.marker, query.end_marker, includes, states, include_deleted, include_own,
                   any(word in _FILLED_STATES for word in words), query.reverse),
        shard_format, req.is_true('X_BACKEND_OVERRIDE_DELETED'),
        (req.header('X_BACKEND_OVERRIDE_SHARD_NAME_FILTER') or '').lower() == SHARDED)


def read(broker: ContainerBroker, reading: Reading, pages: Pages) -> Answer:
    """Answer a GET or HEAD. Cost of a page that was sent before: that of a HEAD."""
    try:
        info = broker.info(stale_ok=True)
    except DatabaseMissing:
        return page(404, missing_headers())
    return _answer(broker, info, reading, pages)


def read_settled(place: Place, info: ContainerInfo, reading: Reading,
                 pages: Pages) -> Answer | None:
    """Answer the same without the database, from what is known of it; None if that is not enough.

    `info` is the broker's, and still true. Never waits.
    """
    if reading.record_type != 'object' or info.is_deleted or info.db_state != UNSHARDED:
        return None
    shown_type = f'{reading.content_type}; charset=utf-8'
    if reading.query is None:
        return Answer(204, info_headers(info), content_type=shown_type)
    found = pages.get((place.directory, reading), info)
    return found and _page_answer(info, found, shown_type)


def _answer(broker: ContainerBroker, info: ContainerInfo, reading: Reading,
            pages: Pages) -> Answer:
    wants_ranges = reading.record_type == 'shard' or (
        reading.record_type == 'auto' and info.db_state in (SHARDING, SHARDED))
    override = wants_ranges and reading.ranges.override_deleted
    if info.is_deleted and not override:
        return page(404, backend_headers(info))
    shown_type = f'{reading.content_type}; charset=utf-8'
    if reading.query is None:
        return Answer(204, info_headers(info), content_type=shown_type)
    if wants_ranges:
        return _page_answer(info, _list_ranges(broker, info, reading), shown_type, 'GET_shard')
    return _page_answer(info, _object_page(broker, info, reading, pages), shown_type)


def _page_answer(info: ContainerInfo, page_: Page, shown_type: str,
                 work: str = 'GET_object') -> Answer:
    extra, body = page_
    # Compat: the original's status line says OK for empty pages too.
    answer = Answer(200 if body else 204, info_headers(info, extra), body, shown_type, reason='OK')
    answer.work = work
    return answer


def _object_page(broker: ContainerBroker, info: ContainerInfo, reading: Reading,
                 pages: Pages) -> Page:
    """Return a page of objects, the kept one if nothing has changed since."""
    if info.db_state != UNSHARDED:
        # Two files change independently: one info does not stand for both.
        return _list_objects(broker, info, reading)
    key = broker.place.directory, reading
    page_ = pages.get(key, info)
    if page_ is None:
        page_ = _list_objects(broker, info, reading)
        pages.put(key, info, page_)
    return page_


def _list_objects(broker: ContainerBroker, info: ContainerInfo, reading: Reading) -> Page:
    policy_index = reading.policy_index
    if policy_index is None:
        policy_index = info.storage_policy_index
    entries = broker.list_objects(reading.query, policy_index, stale_ok=True)
    if reading.content_type == PLAIN:
        body = to_text(entries)
    elif reading.content_type == JSON:
        body = objects_json(entries)
    else:
        body = container_xml(info.container, object_entries(entries))
    return [('X-Backend-Record-Type', 'object'),
            ('X-Backend-Record-Storage-Policy-Index', str(policy_index))], body


def _list_ranges(broker: ContainerBroker, info: ContainerInfo,
                 reading: Reading) -> tuple[Headers, bytes]:
    listing = reading.ranges
    query = listing.query
    headers = [('X-Backend-Record-Type', 'shard')]
    if listing.override_name_filter and info.db_state == SHARDED:
        query = RangeQuery(states=query.states, include_deleted=query.include_deleted,
                           include_own=query.include_own, fill=query.fill)
        headers.append(('X-Backend-Override-Shard-Name-Filter', 'true'))
    headers.append(('X-Backend-Record-Shard-Format', listing.shard_format))
    entries = [_range_entry(item, listing.shard_format)
               for item in broker.list_shard_ranges(query)]
    if reading.content_type == PLAIN:
        return headers, to_text(entries)
    if reading.content_type == JSON:
        return headers, json.dumps(entries).encode('ascii')
    return headers, container_xml(info.container, entries)


def _range_entry(item: ShardRange, shard_format: str) -> dict:
    if shard_format == NAMESPACE:
        return item.as_namespace()
    return {**item.as_dict(), 'last_modified': iso_time(item.timestamp)}


# -- headers ----------------------------------------------------------------------------------

def missing_headers() -> Headers:
    """What is known of a container without a database."""
    return [('X-Backend-Timestamp', _NO_TIME), ('X-Backend-Put-Timestamp', _NO_TIME),
            ('X-Backend-Delete-Timestamp', _NO_TIME), ('X-Backend-Status-Changed-At', _NO_TIME),
            ('X-Backend-Storage-Policy-Index', '0')]


def backend_headers(info: ContainerInfo) -> Headers:
    """What peers need to know of a container, deleted or not."""
    return [('X-Backend-Timestamp', Timestamp(info.created_at).internal),
            ('X-Backend-Put-Timestamp', Timestamp(info.put_timestamp).internal),
            ('X-Backend-Delete-Timestamp', Timestamp(info.delete_timestamp).internal),
            ('X-Backend-Status-Changed-At', Timestamp(info.status_changed_at).internal),
            ('X-Backend-Storage-Policy-Index', str(info.storage_policy_index))]


def info_headers(info: ContainerInfo, extra: Headers = ()) -> Headers:
    """All headers of a container that is there; made once for each state of the database."""
    rendered = info.rendered.get('headers')
    if rendered is None:
        put_timestamp = Timestamp(info.put_timestamp)
        first = backend_headers(info) + [
            ('X-Container-Object-Count', str(info.object_count)),
            ('X-Container-Bytes-Used', str(info.bytes_used)),
            ('X-Timestamp', Timestamp(info.created_at).normal),
            ('X-Put-Timestamp', put_timestamp.normal),
            ('X-Backend-Sharding-State', info.db_state)]
        last = metadata_headers(info.metadata)
        last.append(('Last-Modified', format_http_date(put_timestamp.ceil())))
        rendered = info.rendered['headers'] = first, last
    first, last = rendered
    return [*first, *extra, *last]
