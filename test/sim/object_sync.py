"""The object-replicator, with SSYNC or rsync.

Follows swift/obj/replication_pass, replication_jobs, partition_files, ssync_sender. Decisions are
core/suffix_diff's and core/sync_offers'.
"""
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from swift.core import hashing, suffix_diff, sync_offers
from swift.core.object_meta import posted_metadata
from swift.core.suffix_diff import InSync, Outcome, PeerRound
from swift.core.sync_offers import Offer, Times
from test.sim.network import Call
from test.sim.objects import (
    Change,
    clean_up,
    get_hashes,
    judged,
    look_up,
    mark_dirty,
    suffixes_of,
    token_of,
)
from test.sim.world import Node, Partition, Path, path_of

Steps = Generator[Any, Any, Any]
FULL_CHECK_S = 3600.0
HANDOFF_DELETE = 0


@dataclass(frozen=True)
class Listed:
    """One hash directory as it was listed."""
    times: Times | None
    names: tuple[str, ...]


def replicate_pass(node: Node, method: str) -> Steps:
    """One pass over all partitions of a node."""
    node.pass_count += 1
    jobs = []
    for number in sorted(node.disk.parts):
        primaries = node.rings['object'].primaries(number)
        peers = [peer for peer in primaries if peer is not node]
        jobs.append((number, peers, len(peers) == len(primaries)))
    unchanged = yield from _find_unchanged(node, [job for job in jobs if not job[2]])
    node.scheduler.rng.shuffle(jobs)
    for number, peers, is_handoff in jobs:
        if number in unchanged or number not in node.disk.parts:
            continue
        if is_handoff:
            yield from _revert(node, number, peers, method)
        else:
            yield from _update(node, number, peers, method)


def _find_unchanged(node: Node, jobs: Sequence[tuple]) -> Steps:
    candidates = []
    for number, peers, _ in jobs:
        token, known = token_of(node, number), node.known_in_sync.get(number)
        if token is not None and suffix_diff.may_skip(known, token, (peer.id for peer in peers),
                                                      node.now(), FULL_CHECK_S):
            candidates.append((number, peers))
    asked: dict[int, tuple[Node, list[int]]] = {}
    for number, peers in candidates:
        for peer in peers:
            asked.setdefault(peer.id, (peer, []))[1].append(number)
    answers = yield [Call(node, peer, 'states', (tuple(parts),))
                     for peer, parts in asked.values()]
    tokens = {(peer.id, part): token
              for (peer, _parts), answer in zip(asked.values(), answers, strict=True)
              if answer is not None and answer[0] == 200 for part, token in answer[1].items()}
    return [number for number, peers in candidates if suffix_diff.still_in_sync(
        node.known_in_sync[number], lambda peer, part=number: tokens.get((peer, part)))]


# -- update ----------------------------------------------------------------------------------------

def _update(node: Node, number: int, peers: list[Node], method: str) -> Steps:
    """Compare a partition with its other primaries and send them what they lack."""
    node.known_in_sync.pop(number, None)
    do_listing = suffix_diff.is_listing_due(number, node.pass_count)
    token = token_of(node, number)
    hashes = yield from get_hashes(node, number, (), do_listing)
    node.scheduler.rng.shuffle(peers)
    handoffs = iter([peer for peer in node.rings['object'].handoffs(number) if peer is not node])
    peer_round = PeerRound(peers, handoffs, 0, HANDOFF_DELETE)
    tokens: dict[int, str | None] = {}
    for peer in peer_round:
        outcome, tokens[peer.id] = yield from _update_peer(node, number, peer, hashes, method)
        peer_round.note(peer, outcome)
    if peer_round.all_primaries_in_sync and token is not None and all(tokens.values()):
        node.known_in_sync[number] = InSync(token, tokens, node.now())


def _update_peer(node: Node, number: int, peer: Node, hashes: dict, method: str) -> Steps:
    answer = yield Call(node, peer, 'replicate', (number,))
    if answer is None or answer[0] != 200:
        unmounted = answer is not None and answer[0] == 507
        return (Outcome.UNMOUNTED if unmounted else Outcome.FAILED), None
    _status, remote, token = answer
    suffixes = suffix_diff.differing(hashes, remote)
    if suffixes:
        fresh = yield from get_hashes(node, number, suffixes)
        hashes.clear()
        hashes.update(fresh)
        suffixes = suffix_diff.differing(hashes, remote)
    if not suffixes:
        return Outcome.IN_SYNC, token
    node.scheduler.note('%s sends part %s suffixes %s to %s', node, number, suffixes, peer)
    if method == 'rsync':
        is_sent = yield from _rsync(node, number, peer, suffixes)
    else:
        snapshot = yield from _list(node, number, suffixes)
        result = yield from _ssync(node, number, peer, snapshot)
        is_sent = result is not None
    return (Outcome.SENT if is_sent else Outcome.FAILED), None


# -- revert ----------------------------------------------------------------------------------------

def _revert(node: Node, number: int, peers: list[Node], method: str) -> Steps:
    """Give everything in a handoff partition to its primaries, then remove what they have."""
    if ('replicating', number) in node.locked:
        return
    node.locked['replicating', number] = None
    suffixes = suffixes_of(node.disk.parts[number])
    snapshot = yield from _list(node, number, suffixes)
    if snapshot:
        held = set(snapshot)
        results = []
        for peer in peers:
            if method == 'rsync':
                is_sent = yield from _rsync(node, number, peer, suffixes)
                got = set(snapshot) if is_sent else None
            else:
                got = yield from _ssync(node, number, peer, snapshot)
            results.append(got is not None)
            if got is not None:
                held &= set(got)
        if suffix_diff.handoff_may_go(results, HANDOFF_DELETE):
            yield from _drop(node, number, snapshot, sorted(held))
            node.on_handover(peers)
    node.locked.pop(('replicating', number), None)
    part = node.disk.parts.get(number)
    if part is not None and not part.dirs:
        node.scheduler.note('%s removes part %s', node, number)
        del node.disk.parts[number]
        yield


def _drop(node: Node, number: int, snapshot: dict[str, Listed], hashes: Sequence[str]) -> Steps:
    for hash_ in hashes:
        yield from mark_dirty(node, number, hashing.suffix_of(hash_))
        content = node.disk.part(number).dirs.get(hash_, {})
        for name in snapshot[hash_].names:
            content.pop(name, None)
            yield
        if not content:
            node.disk.part(number).dirs.pop(hash_, None)


def _list(node: Node, number: int, suffixes: Sequence[str]) -> Steps:
    """Return what is in some suffixes, cleaned up."""
    found: dict[str, Listed] = {}
    part = node.disk.parts.get(number)
    for suffix in suffixes:
        count = len(found)
        for hash_ in _hashes_of(part, suffix):
            files = yield from clean_up(node, part, hash_)
            chosen = (files.data, files.meta, files.ctype, files.tombstone, *files.reclaimable)
            names = tuple(dict.fromkeys(file.name for file in chosen if file))
            if names:
                found[hash_] = Listed(Times.of(files), names)
        if len(found) == count and number in node.disk.parts:
            yield from mark_dirty(node, number, suffix)
    return found


def _hashes_of(part: Partition | None, suffix: str) -> list[str]:
    hashes = part.dirs if part else ()
    return sorted(hash_ for hash_ in hashes if hashing.suffix_of(hash_) == suffix)


# -- SSYNC -----------------------------------------------------------------------------------------

def _ssync(node: Node, number: int, peer: Node, snapshot: dict[str, Listed]) -> Steps:
    """Bring the objects of a snapshot to a peer; return those it then has, None on failure."""
    offers = [Offer(hash_, listed.times) for hash_, listed in snapshot.items()
              if listed.times is not None]
    answer = yield Call(node, peer, 'missing_check', ([offer.encode() for offer in offers],))
    if answer is None or answer[0] != 200:
        return None
    wanted = dict(sync_offers.decode_want(line) for line in answer[1])
    unsent = []
    failures = 0
    for offer in offers:
        want = wanted.get(offer.hash)
        if not want:
            continue
        requests = _requests_for(node, number, offer.hash, want)
        if not requests:
            unsent.append(offer.hash)
        for method, change in requests:
            answer = yield Call(node, peer, 'ssync_update', (method, change))
            if answer is None or answer[0] == 507:
                return None                          # the session broke
            failures += answer[0] // 100 != 2 and answer[0] != 404
    if failures:
        return None
    return sync_offers.safe_to_drop(offers, wanted, unsent, False)


def _requests_for(node: Node, number: int, hash_: str, want: Any) -> list[tuple[str, Change]]:
    """Return the sub-requests for an object as it is now; none if it is gone."""
    part = node.disk.parts.get(number)
    content = part.dirs.get(hash_) if part else None
    files = judged(content or ())
    if files.data is None and files.tombstone is None:
        return []
    path = _path_in(content)
    found = look_up(node.disk, path, 0.0)
    has_meta = found.state is not None and found.state.meta is not None
    requests = []
    for method in sync_offers.requests_for(want, found.state is None, has_meta):
        if method == sync_offers.DELETE:
            change = Change(path, files.tombstone.time, {}, is_replication=True)
        elif method == sync_offers.PUT:
            change = Change(path, found.state.data_time, _without_time(found.state.data),
                            is_replication=True)
        else:
            change = Change(path, files.meta.time, _without_time(posted_metadata(found.state)),
                            is_replication=True)
        requests.append((method, change))
    return requests


def _path_in(content: dict[str, dict]) -> Path:
    name = next(iter(content.values()))['name']
    return path_of(*name.split('/', 2))


def _without_time(metadata: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in metadata.items() if name not in ('X-Timestamp', 'name')}


# -- rsync -----------------------------------------------------------------------------------------

def _rsync(node: Node, number: int, peer: Node, suffixes: Sequence[str]) -> Steps:
    """Copy the files of some suffixes, then tell the peer to look at them."""
    part = node.disk.parts.get(number)
    is_good = True
    for hash_ in [hash_ for suffix in suffixes for hash_ in _hashes_of(part, suffix)]:
        for name, metadata in list(part.dirs.get(hash_, {}).items()):
            answer = yield Call(node, peer, 'rsync', (number, hash_, name, metadata))
            if answer is None or answer[0] != 200:
                is_good = False
                break
        if not is_good:
            break
    yield Call(node, peer, 'replicate', (number, tuple(suffixes)))
    return is_good


