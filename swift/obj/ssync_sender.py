"""The sending side of an SSYNC session: offers what a partition holds, sends what is wanted.

Layer 3. One HTTP request, its body and its answer at once (core/sync_offers has the dialogue):

    connect -> offers -> wants -> sub-requests -> verdict -> end

``SsyncSender(...).sync(...)`` never raises for what a peer, a network or a disk does: the result
says whether the session was good, and which objects the peer is known to have. Those, and no
others, may be removed from a handoff.

Offers and small sub-requests are joined to chunks of JOIN_BYTES: a receiver sees the same bytes,
and a partition of a million objects costs a thousand writes instead of a million.
Memory: the offers of one session and one step of a body.
"""
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from swift.common.errors import DiskError, SwiftError, TransportError
from swift.common.transport import NodeTransport, target_of
from swift.core import sync_offers
from swift.core.names import quote
from swift.core.object_meta import Metadata, posted_metadata
from swift.core.sync_offers import Offer, Times, Want
from swift.obj.partition_files import Snapshot, list_objects
from swift.obj.partition_hashes import Rules
from swift.obj.placement import Placement
from swift.obj.reading import Body, Kind, Lookup, fetch_by_hash
from swift.obj.store import Store

JOIN_BYTES = 16384
LINE_SIZE_MAX = 1 << 16
_NAME = 'name'


class SessionError(SwiftError):
    """The session cannot go on; the text is for the log."""


@dataclass(frozen=True, slots=True)
class SyncTimeouts:
    """Seconds for: connecting (that of the transport), each send and the head of the answer, each
    wait for lines of the answer."""
    node_timeout: float
    http_timeout: float


@dataclass(slots=True)
class SyncResult:
    """How a session went. ``in_sync``: objects the peer has, by hash."""
    ok: bool = False
    in_sync: dict[str, Times] = field(default_factory=dict)


class SsyncSender:
    """Runs sessions; one per process is enough, sessions do not share anything."""

    def __init__(self, store: Store, transport: NodeTransport, timeouts: SyncTimeouts,
                 chunk_size: int, logger: Any):
        self.store = store
        self.transport = transport
        self.timeouts = timeouts
        self.chunk_size = chunk_size
        self.logger = logger

    def batches(self, place: Placement, suffixes: Sequence[str]
                ) -> Iterator[tuple[Sequence[str], Snapshot]]:
        """Yield some suffixes at a time with what they hold. Raises DiskError."""
        while suffixes:
            rules = Rules(self.store.clock.time(), self.store.rules.reclaim_age_s)
            snapshot, used = self.store.run(place, list_batch, suffixes, rules)
            yield suffixes[:used], snapshot
            suffixes = suffixes[used:]

    def sync(self, place: Placement, node: Any, snapshot: Snapshot,
             only_check: bool = False) -> SyncResult:
        """Bring the objects of a snapshot to a node, or only ask which it has."""
        try:
            with _Session(self, place, node) as session:
                return session.run(snapshot, only_check)
        except (TransportError, SessionError, DiskError) as error:
            self.logger.error('%s:%s/%s/%s %s', node.replication_ip, node.replication_port,
                              node.device, place.part, error)
        return SyncResult()


class _Session:
    """One session with one node."""

    def __init__(self, sender: SsyncSender, place: Placement, node: Any):
        self._sender = sender
        self._store = sender.store
        self._place = place
        self._node = node
        self._exchange: Any = None
        self._answer: Any = None
        self._held: list[bytes] = []
        self._held_size = 0
        self._received = b''

    def __enter__(self) -> '_Session':
        return self

    def __exit__(self, *exc_info: Any) -> None:
        if self._answer is not None:
            self._answer.close()
        if self._exchange is not None:
            self._exchange.close()

    def run(self, snapshot: Snapshot, only_check: bool) -> SyncResult:
        """Do the whole session. Raises what went wrong."""
        offers = [Offer(hash_, listed.times) for hash_, listed in snapshot.items()
                  if listed.times is not None]
        self._connect()
        wanted = self._check_missing(offers)
        unsent: list[str] = []
        if not only_check:
            unsent = self._send_updates(offers, wanted)
        self._exchange.end()
        return SyncResult(True, sync_offers.safe_to_drop(offers, wanted, unsent, only_check))

    # -- the connection ------------------------------------------------------------------------

    def _connect(self) -> None:
        place, timeouts = self._place, self._sender.timeouts
        self._exchange = self._sender.transport.open(self._node, timeouts.node_timeout,
                                                     replication=True)
        self._exchange.send_head('SSYNC', target_of(self._node.device, place.part, ''), {
            'Transfer-Encoding': 'chunked',
            'X-Backend-Storage-Policy-Index': str(place.policy.index)})
        self._answer = self._exchange.response(timeouts.node_timeout)
        if self._answer.status != 200:
            raise SessionError('Expected status 200; got %s' % self._answer.status)

    def _say(self, data: bytes) -> None:
        self._held.append(data)
        self._held_size += len(data)
        if self._held_size >= JOIN_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        data = b''.join(self._held)
        self._held, self._held_size = [], 0
        try:
            self._exchange.send(data)
        except TransportError:
            # A receiver that gives up says why before it closes.
            self._raise_reported()
            raise

    def _raise_reported(self) -> None:
        try:
            while True:
                self._read_line()
        except TransportError:
            return

    def _say_line(self, line: str) -> None:
        self._say(line.encode('ascii') + b'\r\n')

    def _read_line(self) -> str:
        """Return the next line of the answer, without its end. Raises SessionError."""
        while b'\n' not in self._received:
            if len(self._received) > LINE_SIZE_MAX:
                raise SessionError('line too long in answer')
            data = self._answer.read_some(timeout=self._sender.timeouts.http_timeout)
            if not data:
                raise SessionError('Early disconnect')
            self._received += data
        line, _, self._received = self._received.partition(b'\n')
        text = line.decode('latin-1').strip()
        if text.startswith(sync_offers.ERROR):
            raise SessionError('Unexpected response: %r' % text)
        return text

    def _await(self, token: str) -> None:
        """Read up to a token; only empty lines may come before it."""
        while (line := self._read_line()) != token:
            if line:
                raise SessionError('Unexpected response: %r' % line[:1024])

    # -- what is missing -----------------------------------------------------------------------

    def _check_missing(self, offers: list[Offer]) -> dict[str, Want]:
        self._say_line(sync_offers.MISSING_START)
        for offer in offers:
            self._say_line(offer.encode())
        self._say_line(sync_offers.MISSING_END)
        self._flush()
        self._await(sync_offers.MISSING_START)
        known = {offer.hash for offer in offers}
        wanted: dict[str, Want] = {}
        while (line := self._read_line()) != sync_offers.MISSING_END:
            if not line:
                continue
            hash_, want = sync_offers.decode_want(line)
            if hash_ not in known:
                raise SessionError('Unexpected response: %r' % line[:1024])
            wanted[hash_] = want
        return wanted

    # -- updates -------------------------------------------------------------------------------

    def _send_updates(self, offers: list[Offer], wanted: dict[str, Want]) -> list[str]:
        """Send what is wanted; return the hashes of what could not be read."""
        self._say_line(sync_offers.UPDATES_START)
        unsent = [offer.hash for offer in offers
                  if (want := wanted.get(offer.hash)) and not self._send_object(offer.hash, want)]
        self._say_line(sync_offers.UPDATES_END)
        self._flush()
        self._await(sync_offers.UPDATES_START)
        self._await(sync_offers.UPDATES_END)
        return unsent

    def _send_object(self, hash_: str, want: Want) -> bool:
        """Send what is wanted of one object as it is now; False if it cannot be read."""
        try:
            place, found = self._store.run(self._place.with_hash(hash_), fetch_by_hash,
                                           self._store.cluster.hash_path, self._store.verified)
        except DiskError as error:
            self._sender.logger.warning('cannot send %s: %s', hash_, error)
            return False
        if found.problem:
            self._store.note_quarantine(place, found.problem)
        if found.kind is Kind.ABSENT:
            return False
        try:
            self._send_parts(place, found, want)
        finally:
            if found.body is not None:
                found.body.close()
        return True

    def _send_parts(self, place: Placement, found: Lookup, want: Want) -> None:
        path = quote(place.name)
        is_deleted = found.kind is Kind.DELETED
        has_meta = not is_deleted and found.state.meta is not None
        for method in sync_offers.requests_for(want, is_deleted, has_meta):
            if method == sync_offers.DELETE:
                self._say(_head(method, path, {'X-Timestamp': found.time.internal}))
            elif method == sync_offers.PUT:
                self._say(_head(method, path, found.state.data))
                for piece in self._pieces(found.body):
                    self._say(piece)
            else:
                self._say(_head(method, path, posted_metadata(found.state)))

    def _pieces(self, body: Body) -> Iterator[bytes]:
        """Yield a body. The session ends if it is not as long as was promised."""
        if body.small is not None:
            yield body.small
            return
        body.start(0, self._store.verified)
        left = body.size
        while left > 0:
            data = self._store.read_step(body, min(left, self._sender.chunk_size))
            if not data:
                raise SessionError('%s ends early' % body.path)
            left -= len(data)
            yield data


def list_batch(place: Placement, suffixes: Sequence[str], rules: Rules) -> tuple[Snapshot, int]:
    """Return what the first of some suffixes hold, and how many these are. For disk threads."""
    return list_objects(place.part_path, suffixes, place.device_path, rules)


def _head(method: str, path: str, metadata: Metadata) -> bytes:
    lines = ['%s %s' % (method, path)]
    lines += ['%s: %s' % item for item in sorted(metadata.items()) if item[0] != _NAME]
    # Metadata are WSGI strings: a character is a byte.
    return ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1')
