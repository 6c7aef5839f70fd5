"""Which metadata an object has, given its files; what a POST stores; what PUT keeps of a request.

Layer 0: dicts in, dicts out. Metadata is a dict of Title-Cased header name to WSGI string, plus
``name``. Three files can contribute (sheet 02 §4.4): the .data, the newest .meta, and sometimes an
older .meta that holds a newer content type. A POST replaces everything except what describes the
body itself and system metadata.

Law: the merged result depends on the set of files only, never on the order of their arrival.
"""
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from swift.core.timestamp import ZERO, Timestamp

Metadata = dict[str, str]

USER_META = 'X-Object-Meta-'
SYSMETA = 'X-Object-Sysmeta-'
TRANSIENT_SYSMETA = 'X-Object-Transient-Sysmeta-'
CTYPE = 'Content-Type'
CTYPE_TIME = 'Content-Type-Timestamp'
TIME = 'X-Timestamp'
DELETE_AT = 'X-Delete-At'

# These describe the body and therefore never come from a .meta.
_OF_THE_BODY = frozenset(('content-length', 'deleted', 'etag', 'x-static-large-object'))
# Headers that no configuration may add to those that are stored.
NEVER_ALLOWED = frozenset(('content-length', 'deleted', 'etag'))


@dataclass(frozen=True, slots=True)
class ObjectState:
    """An existing object as merged from its files."""
    metadata: Metadata
    data: Metadata
    meta: Metadata | None
    data_time: Timestamp

    @property
    def time(self) -> Timestamp:
        """When the object was last changed by PUT or POST."""
        return Timestamp(self.metadata[TIME])

    @property
    def ctype_time(self) -> Timestamp:
        value = self.metadata.get(CTYPE_TIME)
        return Timestamp(value) if value else self.data_time

    @property
    def delete_at(self) -> int | None:
        """Seconds since 1970 when the object expires. ValueError if the stored value is bad."""
        value = self.metadata.get(DELETE_AT)
        return None if value is None else int(value)

    @property
    def size(self) -> int:
        return int(self.data['Content-Length'])

    @property
    def etag(self) -> str:
        return self.data['ETag']


def merge(data: Metadata, meta: Metadata | None = None,
          ctype: Metadata | None = None) -> ObjectState:
    """Merge what the files of one object say. `ctype` is a second .meta, or None.

    ValueError or KeyError when a time is missing or bad: the file is damaged.
    """
    data_time = Timestamp(data[TIME])
    if meta is None:
        return ObjectState(data, data, None, data_time)
    merged = {key: value for key, value in meta.items() if key not in (CTYPE, CTYPE_TIME)}
    for key, value in data.items():
        if key.lower() in _OF_THE_BODY or key.startswith(SYSMETA):
            merged[key] = value
    source = ctype or meta
    if _ctype_time(source) >= data_time and CTYPE in source:
        merged[CTYPE] = source[CTYPE]
        merged[CTYPE_TIME] = source[CTYPE_TIME]
    elif CTYPE in data:
        merged[CTYPE] = data[CTYPE]
    merged['name'] = data['name']
    Timestamp(merged[TIME])
    return ObjectState(merged, data, meta, data_time)


def _ctype_time(meta: Metadata) -> Timestamp:
    value = meta.get(CTYPE_TIME)
    return Timestamp(value) if value else ZERO


def is_stored_meta(name: str) -> bool:
    """True iff a Title-Cased header is metadata that a POST may set: user or transient."""
    return (name.startswith(USER_META) and name != USER_META) or (
        name.startswith(TRANSIENT_SYSMETA) and name != TRANSIENT_SYSMETA)


def is_put_meta(name: str) -> bool:
    """True iff a Title-Cased header is metadata that a PUT stores."""
    return is_stored_meta(name) or (name.startswith(SYSMETA) and name != SYSMETA)


def kept_headers(headers: Iterable[tuple[str, str]], allowed: frozenset[str],
                 also: Iterable[str] = (), put: bool = True) -> Metadata:
    """Return the headers of a request that are stored with the object.

    `headers` and the result have Title-Cased names; `allowed` and `also` (the list that
    replication sends along) are lower case.
    """
    wanted = is_put_meta if put else is_stored_meta
    extra = allowed.union(also) if also else allowed
    return {name: value for name, value in headers
            if (name.startswith('X-Object-') and wanted(name)) or name.lower() in extra}


def posted_metadata(state: ObjectState) -> Metadata:
    """Return what a POST has to bring to a replica that has only the data of this object.

    The metadata file, with the content type that counts: that may come from another, older .meta;
    and an outdated one is not worth sending.
    """
    metadata = {name: value for name, value in state.meta.items()
                if name not in (CTYPE, CTYPE_TIME)}
    if CTYPE_TIME in state.metadata:
        metadata[CTYPE] = state.metadata[CTYPE]
        metadata[CTYPE_TIME] = state.metadata[CTYPE_TIME]
    return metadata


@dataclass(frozen=True, slots=True)
class PostRequest:
    """What a POST asks for. `ctype` None: the content type stays as it is."""
    time: Timestamp
    headers: Mapping[str, str]
    ctype: str | None = None
    ctype_time: Timestamp | None = None


@dataclass(frozen=True, slots=True)
class PostPlan:
    """The .meta to write: its content and the two times in its name."""
    metadata: Metadata
    time: Timestamp
    ctype_time: Timestamp | None


def plan_post(state: ObjectState, post: PostRequest) -> PostPlan | None:
    """Return what the POST writes, or None when it is too old to change anything (409).

    Of an old POST with a newer content type only that is taken. Over an object that never had a
    .meta there is nothing to hang it on, so that is refused as well.
    """
    new_ctype_time = post.ctype_time if post.ctype is not None else None
    ctype_wins = new_ctype_time is not None and new_ctype_time > state.ctype_time
    if post.time > state.time:
        time = post.time
        metadata: Metadata = {TIME: time.internal, **post.headers}
    elif ctype_wins and state.meta is not None:
        time = state.time
        metadata = {key: value for key, value in state.meta.items()
                    if key not in (CTYPE, CTYPE_TIME, 'name')}
    else:
        return None
    ctype_time = None
    if ctype_wins:
        ctype_time = new_ctype_time
        metadata[CTYPE] = post.ctype
    elif CTYPE_TIME in state.metadata:
        ctype_time = state.ctype_time
        metadata[CTYPE] = state.metadata[CTYPE]
    if ctype_time is not None:
        metadata[CTYPE_TIME] = ctype_time.internal
    metadata['name'] = state.metadata['name']
    return PostPlan(metadata, time, ctype_time)


def ctype_for_listing(state: ObjectState, ctype: str) -> str:
    """Return the content type as container listings get it after a POST.

    A large object's manifest keeps its total size as a parameter of the content type; a new
    content type inherits it.
    """
    original = state.data.get(CTYPE, '')
    if ctype == original:
        return ctype
    size = [part for part in original.split(';')[1:]
            if part.strip().lower().startswith('swift_bytes=')]
    if not size:
        return ctype
    return '%s;%s' % (ctype, size[-1].strip())
