"""What one node offers another in an SSYNC session, what that one wants, and what is sent then.

Layer 0, pure: texts and times in, texts and verdicts out. The dialogue (sheet 02 §16):

    sender                                     receiver
    :MISSING_CHECK: START
    <hash> <T>[ <k:v,k:v…>]      per object
    :MISSING_CHECK: END
                                               :MISSING_CHECK: START
                                               <hash> [d][m]        per wanted object
                                               :MISSING_CHECK: END
    :UPDATES: START
    PUT, DELETE, POST …          per want
    :UPDATES: END
                                               :UPDATES: START
                                               :UPDATES: END
    T           time of the data file or tombstone
    m:<hex>     how much later the metadata is (10 µs units), `__<hex>`: its offset
    t:<hex>     how much later the content type is; only beside m
    durable:False   a fragment that was not committed

Laws: a receiver never wants what it has or something older; once it has got what it wants it
wants nothing more of the same offer; the order of offers does not matter.
"""
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from swift.core.fileset import FileSet
from swift.core.names import quote
from swift.core.timestamp import Timestamp
from swift.core.wsgi_text import wsgi_unquote

MISSING_START = ':MISSING_CHECK: START'
MISSING_END = ':MISSING_CHECK: END'
UPDATES_START = ':UPDATES: START'
UPDATES_END = ':UPDATES: END'
ERROR = ':ERROR:'
PUT, POST, DELETE = 'PUT', 'POST', 'DELETE'
_FALSE = frozenset(('false', 'no', 'f', 'n', 'off', '0'))


@dataclass(frozen=True, slots=True)
class Times:
    """When an object's parts were set. Of a tombstone all three are the same."""
    data: Timestamp
    meta: Timestamp
    ctype: Timestamp

    @classmethod
    def of(cls, files: FileSet) -> 'Times | None':
        """Return the times of a hash directory, None if it holds no object and no tombstone."""
        if files.data is None:
            return cls.at(files.tombstone.time) if files.tombstone else None
        data = files.data.time
        return cls(data, files.meta.time if files.meta else data,
                   files.ctype.ctype_time if files.ctype else data)

    @classmethod
    def at(cls, time: Timestamp) -> 'Times':
        return cls(time, time, time)

    @property
    def has_meta(self) -> bool:
        """Is there metadata of a later POST?"""
        return self.meta != self.data


@dataclass(frozen=True, slots=True)
class Offer:
    """One object that the sender has."""
    hash: str
    times: Times
    durable: bool = True

    def encode(self) -> str:
        """Return the line, without its end."""
        times = self.times
        items = []
        if times.meta != times.data:
            delta = 'm:%x' % (times.meta.raw - times.data.raw)
            items.append(delta + ('__%x' % times.meta.offset if times.meta.offset else ''))
            if times.ctype != times.data:
                items.append('t:%x' % (times.ctype.raw - times.data.raw) + (
                    '__%x' % times.ctype.offset if times.ctype.offset else ''))
        if not self.durable:
            items.append('durable:False')
        line = '%s %s' % (quote(self.hash, ''), quote(times.data.internal, ''))
        return '%s %s' % (line, ','.join(items)) if items else line


@dataclass(frozen=True, slots=True)
class Want:
    """Which parts of an offered object the receiver lacks."""
    data: bool = False
    meta: bool = False

    def __bool__(self) -> bool:
        return self.data or self.meta


NOTHING = Want()
EVERYTHING = Want(True, True)


def decode_offer(line: str) -> Offer:
    """Return the offer in a line (a WSGI string without its end); ValueError if it is none.

    Unknown items are ignored, so that later releases can add some.
    """
    fields = line.split()
    if len(fields) < 2:
        raise ValueError('bad offer: %r' % line)
    data = Timestamp(wsgi_unquote(fields[1]))
    meta = ctype = data
    durable = True
    for item in fields[2].split(',') if len(fields) > 2 else ():
        key, _, value = item.strip().partition(':')
        if key == 'm':
            meta = _moved(data, value)
        elif key == 't':
            ctype = _moved(data, value)
        elif key == 'durable':
            durable = value.strip().lower() not in _FALSE
    return Offer(wsgi_unquote(fields[0]), Times(data, meta, ctype), durable)


def _moved(time: Timestamp, value: str) -> Timestamp:
    delta, _, offset = value.partition('__')
    return Timestamp.from_raw(time.raw + int(delta, 16), int(offset, 16) if offset else 0)


def decide(offer: Offer, local: Times | None, is_deleted: bool = False) -> Want:
    """Say what of an offer is wanted by a node with ``local`` (None: it has nothing).

    ``is_deleted``: ``local`` is a tombstone. It has no metadata to compare, so that metadata is
    wanted if and only if the data is, and there is any.
    """
    if local is None:
        return EVERYTHING
    remote = offer.times
    data = remote.data > local.data
    if is_deleted:
        # Compat: other receivers ask for the data alone here, and for the rest the next time.
        return Want(data, data and remote.has_meta)
    meta = remote.meta > local.meta or (
        remote.ctype > local.ctype and remote.ctype > remote.data)
    return Want(data, meta)


def encode_want(hash_: str, want: Want) -> str:
    """Return the line for a want, without its end."""
    return '%s %s%s' % (quote(hash_, ''), 'd' if want.data else '', 'm' if want.meta else '')


def decode_want(line: str) -> tuple[str, Want]:
    """Return hash and want of a line; ValueError if it is none.

    Compat: receivers of releases before 2.3 send the hash alone and mean the data.
    """
    fields = line.split()
    if not fields:
        raise ValueError('empty want')
    letters = fields[1] if len(fields) > 1 else ''
    want = Want('d' in letters, 'm' in letters) if letters else Want(data=True)
    return wsgi_unquote(fields[0]), want


def requests_for(want: Want, is_deleted: bool, has_meta: bool) -> tuple[str, ...]:
    """Return the sub-requests that bring a want, given what the object is when it is sent."""
    if is_deleted:
        # A tombstone is data; a receiver that wants only metadata met the object just deleted.
        return (DELETE,)
    return ((PUT,) if want.data else ()) + ((POST,) if want.meta and has_meta else ())


def safe_to_drop(offers: Iterable[Offer], wanted: Mapping[str, Want], unsent: Iterable[str],
                 only_checked: bool) -> dict[str, Times]:
    """Return the objects, by hash, that the receiver is known to have after a good session.

    ``unsent`` are wanted ones that could not be read; in a session that only checked, all that
    are wanted are missing there.
    """
    missing = set(unsent)
    if only_checked:
        missing.update(wanted)
    return {offer.hash: offer.times for offer in offers
            if offer.hash not in missing and not _is_half_wanted(offer, wanted.get(offer.hash))}


def _is_half_wanted(offer: Offer, want: Want | None) -> bool:
    """Data without metadata that we have: a receiver with a tombstone may ask for that later."""
    return want is not None and want.data and not want.meta and offer.times.has_meta


def is_hopeless(failures: int, successes: int, threshold: int, ratio: float) -> bool:
    """Tell whether a receiver should end a session because too many updates fail."""
    return failures >= threshold and (not successes or failures / successes > ratio)
