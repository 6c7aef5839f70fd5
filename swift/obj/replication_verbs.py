"""The object server's side of replication: REPLICATE and SSYNC.

Layer 3 (sheet 02 §14, §16).

    REPLICATE /<device>/<partition>                 suffix hashes of the partition, pickled
    REPLICATE /<device>/<partition>/<suf>-<suf>…    mark those suffixes dirty
    REPLICATE /<device>/states                      body: partitions, one a line;
                                                    answer: `<partition> <token>` a line
    SSYNC     /<device>/<partition>                 a session, see ssync_receiver

The third form is ours. Answers to the first carry the partition's token in STATE_HEADER, which
tells replicators that they may ask for tokens of many partitions at once and leave those alone
that are unchanged since both sides were found alike (core/suffix_diff.InSync). A token costs one
system call, against some fifteen for hashes; nodes of the original never see this request.
"""
from typing import Any

from swift.common.codecs.hashes import encode_hashes, is_suffix
from swift.common.swob import HTTPBadRequest, HTTPRequestEntityTooLarge, Request, Response
from swift.core.names import split_backend_path
from swift.core.policy import StoragePolicy
from swift.core.wsgi_text import wsgi_to_str
from swift.obj.partition_hashes import Rules, get_hashes, state_token
from swift.obj.placement import Placement
from swift.obj.replication_locks import SessionSlots
from swift.obj.request_parts import bad_request, find_policy
from swift.obj.ssync_receiver import SessionLimits, SsyncReceiver
from swift.obj.store import Store
from swift.obj.suffix_hashes import mark_suffixes_dirty

STATES = 'states'
STATE_HEADER = 'X-Backend-Partition-State'
STATES_BYTES_MAX = 1 << 20
CONCURRENCY_DEFAULT = 4


class ReplicationVerbs:
    """Answers both verbs for one object server. ``server`` is its ObjectController."""

    def __init__(self, store: Store, server: Any):
        options = server.options
        self._store = store
        self._policies = server.cluster.policies
        self._clock = server.clock
        slots = SessionSlots(_concurrency(options), options.devices, options.bind_ip,
                             options.bind_port)
        self._receiver = SsyncReceiver(store, server, slots, SessionLimits.of(options))

    def replicate(self, req: Request) -> Response:
        """Answer REPLICATE."""
        policy = find_policy(req, self._policies)
        place, suffixes = self._find_partition(req, policy, suffixes=True)
        if place.part == STATES and suffixes is None:
            return self._states(req, place)
        if suffixes is not None:
            wanted = [suffix for suffix in suffixes.split('-') if is_suffix(suffix)]
            if wanted:
                self._store.run(place, _mark, wanted)
            return Response(request=req, body=encode_hashes(None))
        rules = Rules(self._clock.time(), self._store.rules.reclaim_age_s)
        token, hashes = self._store.run(place, _hash, rules)
        headers = {STATE_HEADER: token} if token else {}
        return Response(request=req, body=encode_hashes(hashes), headers=headers)

    def _states(self, req: Request, place: Placement) -> Response:
        body = req.environ['wsgi.input'].read(STATES_BYTES_MAX + 1)
        if len(body) > STATES_BYTES_MAX:
            return HTTPRequestEntityTooLarge(request=req)
        parts = body.decode('ascii', 'replace').split()
        if not all(part.isascii() and part.isdigit() for part in parts):
            return HTTPBadRequest(request=req, body='Invalid partition')
        lines = self._store.run(place, _read_states, parts, self._clock.time())
        return Response(request=req, body=lines, content_type='text/plain')

    def ssync(self, req: Request) -> Response:
        """Answer SSYNC: the session runs while the answer is being sent."""
        policy = find_policy(req, self._policies)
        place, _none = self._find_partition(req, policy, suffixes=False)
        self._store.run(place, lambda _place: None)
        return self._receiver.answer(req, place)

    def _find_partition(self, req: Request, policy: StoragePolicy, suffixes: bool
                        ) -> tuple[Placement, str | None]:
        try:
            device, part, *rest = split_backend_path(
                wsgi_to_str(req.environ['PATH_INFO']), 2, 3 if suffixes else 2)
        except ValueError as error:
            raise bad_request(req, str(error)) from None
        place = Placement(device, self._store.device_path(device), part, policy, '', '', '', '')
        return place, rest[0] if rest else None


def _concurrency(options: Any) -> int:
    # Compat: an empty value has always meant the default.
    text = options.replication_concurrency.strip()
    return int(text) if text else CONCURRENCY_DEFAULT


def _mark(place: Placement, suffixes: list[str]) -> None:
    mark_suffixes_dirty(place.part_path, suffixes, place.device_path)


def _hash(place: Placement, rules: Rules) -> tuple[str | None, dict]:
    # The token first: what changes while we hash must not look unchanged later.
    token = state_token(place.part_path, rules.now)
    return token, get_hashes(place.part_path, place.device_path, rules).hashes


def _read_states(place: Placement, parts: list[str], now: float) -> bytes:
    top = '%s/%s' % (place.device_path, place.datadir)
    tokens = ((part, state_token('%s/%s' % (top, part), now)) for part in parts)
    return b''.join(b'%b %b\n' % (part.encode('ascii'), token.encode('ascii'))
                    for part, token in tokens if token)
