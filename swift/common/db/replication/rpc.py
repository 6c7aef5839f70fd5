"""REPLICATE on account and container servers: what a replica answers to its peers' replicators.

Layer 1.   REPLICATE /<device>/<partition>/<hash>     body: ["operation", argument, ...]

    sync               merge the peer's times and metadata; answer with facts, and how far we are
    merge_items        merge rows, note how far we are now
    merge_syncs        what the peer has of others, we have too
    complete_rsync     the file that landed in <device>/tmp is the database from now on
    rsync_then_merge   the same, after our rows were merged into it

Two more are ours, offered to those who ask for them in EXTENSIONS_HEADER (peers of other releases
ignore that header, and never see an answer to it):

    upload             the body is a database file that lands in <device>/tmp; no rsync needed
    sync_many          `sync` for several databases of this server in one request

Whatever a replica says is input: what is no id, no row or no time is refused with a 400, and
nothing of it is stored. Source: sheet 03 §16, golden replication_rpc.
"""
import json
import os
import uuid
from collections.abc import Callable
from typing import Any

from swift.common import fs
from swift.common.db.files import Place
from swift.common.db.replicated import ReplicatedBroker
from swift.common.db.replication import landed
from swift.common.db.service import (
    HTML,
    Answer,
    BackendRequest,
    DatabaseServer,
    Refused,
    page,
    plain,
)
from swift.common.errors import DamagedDatabase, DatabaseFault, DatabaseMissing, SwiftError
from swift.core import db_metadata
from swift.core.db_sync import NOWHERE, Log, Times, point_after_sync
from swift.core.row_merge import is_storable
from swift.core.timestamp import Timestamp

JSON_TYPE = 'application/json'
EXTENSIONS_HEADER = 'X-Backend-Replication-Extensions'
LANDING_HEADER = 'X-Backend-Landing-Id'
EXTENSIONS = 'upload sync_many'
SYNC_MANY_MAX = 256
UPLOAD_CHUNK = 1 << 20
HASH_DIGITS = frozenset('0123456789abcdef')
# Arguments of `sync`: six that everybody sends, three of container replicators.
SYNC_ARGUMENTS = 7
SYNC_ARGUMENTS_WITH_POLICY = 10


class ReplicationRpc:
    """The operations, for one server. Containers add some (container/replication.py)."""

    def __init__(self, server: DatabaseServer) -> None:
        self.server = server
        self.operations: dict[str, Callable[[ReplicatedBroker, list], Answer]] = {
            'sync': self._sync, 'merge_items': self._merge_items,
            'merge_syncs': self._merge_syncs, 'complete_rsync': self._complete,
            'rsync_then_merge': self._merge_landed}

    def answer(self, req: BackendRequest) -> Answer:
        """Serve one request. Raises Refused, SwiftErrors."""
        offers = req.header(_environ_name(EXTENSIONS_HEADER)) is not None
        try:
            answer = self._answer(req)
        except Refused as refusal:
            if not offers:
                raise
            answer = refusal.answer
        if offers:
            answer.headers.append((EXTENSIONS_HEADER, EXTENSIONS))
        return answer

    def _answer(self, req: BackendRequest) -> Answer:
        landing_id = req.header(_environ_name(LANDING_HEADER))
        if landing_id is not None:
            return self._upload(req, self._place(req.device, req.part, req.account), landing_id)
        # Compat: the body is judged before the path.
        words = _parse(req.body())
        place = self._place(req.device, req.part, req.account)
        if words[0] == 'sync_many':
            return self._sync_many(req, words[1:])
        return self.server.on_disk(req, self._run, place, words)

    def _place(self, device: str, part: Any, hex_hash: Any) -> Place:
        if not (isinstance(hex_hash, str) and len(hex_hash) == 32 and HASH_DIGITS >= set(hex_hash)
                and str(part).isdecimal()):
            raise Refused(plain(400, f'Invalid path: {part}/{hex_hash}'))
        return Place.of(self.server.kind, f'{self.server.options.devices}/{device}', part, hex_hash)

    def _run(self, place: Place, words: list) -> Answer:
        operation = self.operations.get(words[0])
        if operation is None:
            raise Refused(plain(400, f'Unknown operation {words[0]}'))
        broker = self.server.brokers.get(place)
        if words[0] not in ('complete_rsync', 'rsync_then_merge'):
            # Whatever the answer is, the peer may send a file next.
            landed.make_landing(place.device_path)
            if not broker.exists():
                raise Refused(page(404))
        try:
            return operation(broker, words[1:])
        except landed.NotUsable as reason:
            self.server.logger.debug('%s refused: %s', words[0], reason)
            raise Refused(page(404)) from None
        except (TypeError, ValueError, KeyError, IndexError, OverflowError) as err:
            raise Refused(plain(400, f'Invalid {words[0]}: {err!r}')) from err

    # -- sync ---------------------------------------------------------------------------------

    def _sync(self, broker: ReplicatedBroker, args: list) -> Answer:
        try:
            return _json(200, self.sync_facts(broker, args), HTML)
        except DamagedDatabase:
            raise Refused(page(404)) from None           # it was moved to quarantine
        except DatabaseFault as err:
            if 'no such table' not in str(err):
                raise
            broker.quarantine(str(err))
            raise Refused(page(404)) from err

    def sync_facts(self, broker: ReplicatedBroker, args: list) -> dict[str, Any]:
        """Merge what the peer says of itself; return our facts of before, and our point of it."""
        sync = parse_sync(args)
        self.adopt(broker, sync)
        info = broker.replication_info()
        updates = db_metadata.parse(sync['metadata'])
        if updates:
            broker.update_metadata(_checked_metadata(updates))
        times = Times(sync['created_at'], sync['put_timestamp'], sync['delete_timestamp'])
        if times != Times(info['created_at'], info['put_timestamp'], info['delete_timestamp']):
            broker.merge_times(times)
        points = {remote_id: point for remote_id, point, _ in broker.syncs()}
        point = points.get(sync['id'], NOWHERE)
        later = point_after_sync(point, info['hash'], Log(sync['max_row'], sync['hash']))
        if later != point:
            broker.merge_syncs([(sync['id'], later)])
        return {**info, 'point': later}

    def adopt(self, broker: ReplicatedBroker, sync: dict[str, Any]) -> None:
        """Take over what else the peer knows better; containers do."""

    def _sync_many(self, req: BackendRequest, args: list) -> Answer:
        """Answer `sync` for each database with [status, facts or None], in order.

        Entries: [device, partition, hash, [arguments of `sync`]].
        """
        try:
            requests, = args
            by_device: dict[str, list[int]] = {}
            for number, (device, _part, _hash, _words) in enumerate(requests):
                by_device.setdefault(_text(device), []).append(number)
        except (TypeError, ValueError) as err:
            raise Refused(plain(400, f'Invalid sync_many: {err!r}')) from err
        if len(requests) > SYNC_MANY_MAX:
            raise Refused(plain(400, f'More than {SYNC_MANY_MAX} databases'))
        answers: list = [[507, None]] * len(requests)
        for req.device, numbers in by_device.items():
            try:
                found = self.server.on_disk(req, self._sync_each, req.device,
                                            [requests[number] for number in numbers])
            except Refused:
                continue                                 # the device is not there
            for number, answer in zip(numbers, found, strict=True):
                answers[number] = answer
        return _json(200, answers, JSON_TYPE)

    def _sync_each(self, device: str, requests: list) -> list:
        answers = []
        for _device, part, hex_hash, words in requests:
            try:
                answer = self._run(self._place(device, part, hex_hash), ['sync', *words])
                answers.append([answer.status, json.loads(answer.body)])
            except Refused as refusal:
                answers.append([refusal.answer.status, None])
            except SwiftError as err:
                self.server.logger.error('ERROR REPLICATE /%s/%s/%s: %s', device, part, hex_hash,
                                         err)
                answers.append([404 if isinstance(err, DatabaseMissing) else 500, None])
        return answers

    # -- rows ---------------------------------------------------------------------------------

    @staticmethod
    def _merge_items(broker: ReplicatedBroker, args: list) -> Answer:
        items, source = args
        broker.merge_items(items, _text(source))
        return page(202)

    @staticmethod
    def _merge_syncs(broker: ReplicatedBroker, args: list) -> Answer:
        broker.merge_syncs([(_text(item['remote_id']), _number(item['sync_point']))
                            for item in args[0]])
        return page(202)

    # -- whole files --------------------------------------------------------------------------

    def _is_right(self, place: Place) -> landed.NamesCheck:
        return lambda account, container: (
            self.server.cluster.hash_path(account, container) == place.hash)

    def _complete(self, broker: ReplicatedBroker, args: list) -> Answer:
        name = args[1] if len(args) > 1 else f'{broker.place.hash}.db'
        if not name.startswith(broker.place.hash) or not name.endswith('.db') or '/' in name:
            raise ValueError(f'{name} is no name of a database')
        landed.complete(broker, args[0], name, self._is_right(broker.place))
        return page(204)

    def _merge_landed(self, broker: ReplicatedBroker, args: list) -> Answer:
        landed.merge(broker, args[0], self._is_right(broker.place))
        return page(204)

    def _upload(self, req: BackendRequest, place: Place, sender: str) -> Answer:
        """Let the body land. A file that is cut short never gets its name."""
        try:
            path = landed.landing_path(place.device_path, sender)
        except landed.NotUsable as reason:
            raise Refused(plain(400, str(reason))) from None
        on_disk = self.server.on_disk
        on_disk(req, landed.make_landing, place.device_path, writes=True)
        part = f'{path}.{uuid.uuid4().hex}'
        file = on_disk(req, landed.open_new, part)
        try:
            # The body is received by the event loop, and written in the device's threads.
            while chunk := req.env['wsgi.input'].read(UPLOAD_CHUNK):
                on_disk(req, fs.write_all, file.fileno(), chunk)
            on_disk(req, os.rename, part, path)
        except BaseException:
            on_disk(req, fs.unlink_if_there, part)
            raise
        finally:
            file.close()
        return page(201)


def _environ_name(header: str) -> str:
    return header.upper().replace('-', '_')


def _parse(body: bytes) -> list:
    """Return operation and arguments; Refused."""
    try:
        words = json.loads(body)
    except ValueError as err:
        raise Refused(plain(400, str(err))) from None
    if not isinstance(words, list) or not words or not isinstance(words[0], str):
        raise Refused(plain(400, 'Not an array with an operation'))
    return words


def parse_sync(args: list) -> dict[str, Any]:
    """Return the arguments of `sync` by name. Raises ValueError and its kind for nonsense."""
    if len(args) < SYNC_ARGUMENTS:
        raise ValueError('too few arguments')
    sync = {'max_row': _number(args[0]), 'hash': _text(args[1]), 'id': _text(args[2]),
            'created_at': _time(args[3]), 'put_timestamp': _time(args[4]),
            'delete_timestamp': _time(args[5]), 'metadata': _text(args[6] or '')}
    if len(args) >= SYNC_ARGUMENTS_WITH_POLICY:
        sync.update(status_changed_at=_time(args[7]), count=_number(args[8]),
                    storage_policy_index=_number(args[9]))
    return sync


def _checked_metadata(metadata: db_metadata.Metadata) -> db_metadata.Metadata:
    for key, (value, timestamp) in metadata.items():
        _text(key), _text(value), _time(timestamp)
    return metadata


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f'{value!r} is no text')
    value.encode('utf-8')
    return value


def _number(value: Any) -> int:
    if type(value) is not int or not is_storable(value):
        raise TypeError(f'{value!r} is no number')
    return value


def _time(value: Any) -> str:
    """Return a time as it was written; it must be one."""
    Timestamp(_text(value))
    return value


def _json(status: int, value: Any, content_type: str) -> Answer:
    return Answer(status, (), json.dumps(value).encode('ascii'), content_type)
