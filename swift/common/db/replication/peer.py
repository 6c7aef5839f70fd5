"""Requests to the peers of a database, and what is known of the servers behind them.

Layer 1, event loop. Every answer is a Reply; a peer that does not answer is one with status 0,
logged here. Servers that offer extensions (rpc.py) say so in every answer, and get `sync` of many
databases in one request and whole files without rsync from the second request on. All others are
asked the way the original asks.
"""
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from swift.common.db.replication.rpc import (
    EXTENSIONS_HEADER,
    JSON_TYPE,
    LANDING_HEADER,
    SYNC_MANY_MAX,
    UPLOAD_CHUNK,
)
from swift.common.disk_threads import run_in_thread
from swift.common.errors import TransportError
from swift.common.green import Pile
from swift.common.transport import NodeTransport, node_address, target_of

NO_ANSWER = 0
UNMOUNTED = 507
# Servers that are asked for many databases at the same time.
SERVERS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Reply:
    """What a peer said. `value`: the JSON of its body, None if there is none."""

    status: int
    value: Any = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Question:
    """A `sync` that is due: which node, which database, with which arguments."""

    node: Any
    part: int
    hash: str
    words: tuple

    @property
    def key(self) -> tuple[int, str]:
        return self.node.id, self.hash


class Peers:
    """The servers that a replicator talks to."""

    def __init__(self, transport: NodeTransport, node_timeout_s: float, user_agent: str,
                 logger: Any) -> None:
        self._transport = transport
        self._timeout_s = node_timeout_s
        self._headers = {'Content-Type': JSON_TYPE, 'User-Agent': user_agent,
                         EXTENSIONS_HEADER: 'ask'}
        self._logger = logger
        self._offers: dict[tuple[str, int], frozenset[str]] = {}

    def offers(self, node: Any, extension: str) -> bool:
        """Tell whether a node's server is known to offer an extension."""
        return extension in self._offers.get(node_address(node, True), ())

    # -- requests -----------------------------------------------------------------------------

    def ask(self, node: Any, part: int, hex_hash: str, words: Iterable[Any],
            timeout_s: float = 0) -> Reply:
        """Send one operation with its arguments and return the answer."""
        body = json.dumps(list(words)).encode('ascii')
        try:
            response = self._transport.request(
                node, 'REPLICATE', target_of(node.device, part, '/' + hex_hash), self._headers,
                body=body, timeout_s=max(timeout_s, self._timeout_s), replication=True)
            return self._reply_of(node, response)
        except TransportError as err:
            return self._silent(node, err)

    def _reply_of(self, node: Any, response: Any) -> Reply:
        try:
            data = response.read()
        finally:
            response.close()
        offered = response.headers.get(EXTENSIONS_HEADER)
        self._offers[node_address(node, True)] = frozenset((offered or '').split())
        if response.status != 200:
            return Reply(response.status)
        try:
            return Reply(200, json.loads(data))
        except ValueError:
            self._logger.error('ERROR %s:%s/%s answered REPLICATE with no JSON',
                               node.replication_ip, node.replication_port, node.device)
            return Reply(NO_ANSWER)

    def _silent(self, node: Any, err: TransportError) -> Reply:
        self._logger.error('ERROR reading HTTP response from %s:%s/%s: %s', node.replication_ip,
                           node.replication_port, node.device, err)
        return Reply(NO_ANSWER)

    # -- many at once -------------------------------------------------------------------------

    def ask_many(self, questions: Iterable[Question]) -> dict[tuple[int, str], Reply]:
        """Send what can be sent together; return the answers by the keys of their questions.

        Questions to servers that do not offer it, or that fail, have no answer yet.
        """
        groups: dict[tuple[str, int], list[Question]] = {}
        for question in questions:
            if self.offers(question.node, 'sync_many'):
                groups.setdefault(node_address(question.node, True), []).append(question)
        batches = [group[start:start + SYNC_MANY_MAX] for group in groups.values()
                   for start in range(0, len(group), SYNC_MANY_MAX)]
        found: dict[tuple[int, str], Reply] = {}
        if batches:
            with Pile(SERVERS_AT_ONCE) as pile:
                for batch in batches:
                    pile.spawn(self._ask_batch, batch)
                for answers in pile:
                    found.update(answers)
        return found

    def _ask_batch(self, batch: list[Question]) -> dict[tuple[int, str], Reply]:
        first = batch[0]
        reply = self.ask(first.node, first.part, first.hash, ('sync_many', [
            [question.node.device, question.part, question.hash, question.words]
            for question in batch]))
        if reply.status != 200 or not _are_answers(reply.value, len(batch)):
            self._offers.pop(node_address(first.node, True), None)
            return {}
        return {question.key: Reply(status, value)
                for question, (status, value) in zip(batch, reply.value, strict=True)}

    # -- files --------------------------------------------------------------------------------

    def upload(self, node: Any, part: int, hex_hash: str, database_id: str, path: str) -> bool:
        """Send a file to where files land on the node; tell whether it is there."""
        file = run_in_thread(open, path, 'rb', 0)
        try:
            size = run_in_thread(file.seek, 0, 2)
            run_in_thread(file.seek, 0)
            headers = {'User-Agent': self._headers['User-Agent'], LANDING_HEADER: database_id,
                       'Content-Type': 'application/octet-stream', 'Content-Length': str(size)}
            return self._send_file(node, target_of(node.device, part, '/' + hex_hash), headers,
                                   file)
        except TransportError as err:
            return self._silent(node, err).is_success
        finally:
            file.close()

    def _send_file(self, node: Any, target: str, headers: dict[str, str], file: Any) -> bool:
        exchange = self._transport.open(node, self._timeout_s, replication=True)
        try:
            exchange.send_head('REPLICATE', target, headers)
            while chunk := run_in_thread(file.read, UPLOAD_CHUNK):
                exchange.send(chunk)
            exchange.end()
            with exchange.response(self._timeout_s) as response:
                response.read()
                return response.status == 201
        finally:
            exchange.close()


def _are_answers(value: Any, count: int) -> bool:
    return (isinstance(value, list) and len(value) == count
            and all(isinstance(item, list) and len(item) == 2 for item in value))
