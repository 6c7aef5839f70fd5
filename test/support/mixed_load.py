"""A mixed load whose ledger knows of every name in which states it may be.

Each client thread owns its names, so that the order of operations on a name is known. What was
acknowledged is the state of a name; what was refused, or lost its answer, may have happened or
not and adds a state. The next acknowledged operation has the newer time and settles it, but for
a POST, which says nothing about the body below it.

    object state      (ETag, size, X-Object-Meta-Gen) or None: deleted
    container state   X-Container-Meta-Gen or None: deleted

Containers that come and go stay empty: one that has rows may not be deleted, and whether rows
have arrived everywhere is not promised.
"""
import hashlib
import http.client
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from test.support.client import Client
from test.support.load import body_of

SIZES = (0, 1, 100, 4096, 4096, 65536, 65537, 300_000)
SIZE_LARGE, LARGE_SHARE = 3_000_000, 0.02
NAMES_PER_CLIENT, CONTAINERS_PER_CLIENT = 30, 3
METHODS = ('PUT', 'POST', 'DELETE', 'GET', 'CONTAINER')
WEIGHTS = (45, 15, 15, 15, 10)
CONTAINER_METHODS, CONTAINER_WEIGHTS = ('PUT', 'POST', 'DELETE'), (5, 2, 3)

Name = tuple[str, ...]                           # (container[, object])
NO_ANSWER, NOT_SENT = 0, -1                      # beside statuses of HTTP
ACKNOWLEDGED = {'PUT': (201, 202), 'POST': (202, 204), 'DELETE': (204,)}


def md5_of(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


@dataclass
class Ledger:
    """What is promised: the states in which each name may be. One thread notes one name."""

    states: dict[Name, list[Any]] = field(default_factory=dict)
    etags: dict[Name, set[str]] = field(default_factory=dict)   # all that were ever sent
    mixed_up: list[str] = field(default_factory=list)           # answers that nobody ever wrote
    outcomes: Counter = field(default_factory=Counter)          # (method, status or error)

    def settled(self) -> dict[Name, Any]:
        return {name: found[0] for name, found in self.states.items() if len(found) == 1}

    def note(self, name: Name, after: list[Any], acknowledged: bool) -> None:
        """An operation leads to ``after``, or may have, if it was not acknowledged."""
        before = [] if acknowledged else self.states.get(name, [None])
        self.states[name] = list(dict.fromkeys([*before, *after]))

    def posted(self, name: Name, generation: str) -> list[Any]:
        """Return what a POST makes of the states of a name: it brings nothing into being."""
        return [self._with(state, generation) for state in self.states.get(name, [None])]

    @staticmethod
    def _with(state: Any, generation: str) -> Any:
        if state is None:
            return None
        return (*state[:2], generation) if isinstance(state, tuple) else generation


class MixedLoad:
    """`clients` threads against some containers, from entering to leaving the `with` block."""

    def __init__(self, client: Client, containers: list[str], seed: int, clients: int = 12):
        self.client = client
        self.ledger = Ledger()
        self._containers = containers
        self._stop = threading.Event()
        self._lock = threading.Lock()            # of the counters; names have one thread each
        self._threads = [threading.Thread(target=self._work, args=(number, f'{seed}/{number}'))
                         for number in range(clients)]

    def __enter__(self) -> 'MixedLoad':
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, number: int, seed: str) -> None:
        worker = _Worker(self, number, random.Random(seed))
        while not self._stop.is_set():
            if not worker.one():
                self._stop.wait(0.05)            # a dead proxy refuses faster than it starts
        worker.close()

    def count(self, method: str, outcome: Any) -> None:
        with self._lock:
            self.ledger.outcomes[method, outcome] += 1

    def container_of(self, number: int) -> str:
        return self._containers[number % len(self._containers)]


class _Worker:
    """One client: one connection, its own names."""

    def __init__(self, load: MixedLoad, number: int, choice: random.Random):
        self._load, self._ledger = load, load.ledger
        self._number, self._choice = number, choice
        self._generation = 0
        self._conn: http.client.HTTPConnection | None = None

    def close(self) -> None:
        if self._conn:
            self._conn.close()
            self._conn = None

    def one(self) -> bool:
        """Do one operation; False when it got no answer."""
        self._generation += 1
        (method,) = self._choice.choices(METHODS, WEIGHTS)
        if method == 'CONTAINER':
            return self._container()
        index = self._choice.randrange(NAMES_PER_CLIENT)
        name = (self._load.container_of(index), f'w{self._number}/o{index}')
        if method == 'GET':
            return self._get(name)
        return self._write(name, method, 'X-Object-Meta-Gen')

    def _container(self) -> bool:
        name = (f't{self._number}-{self._choice.randrange(CONTAINERS_PER_CLIENT)}',)
        (method,) = self._choice.choices(CONTAINER_METHODS, CONTAINER_WEIGHTS)
        return self._write(name, method, 'X-Container-Meta-Gen')

    def _write(self, name: Name, method: str, header: str) -> bool:
        generation, body = str(self._generation), b''
        if method == 'PUT':
            body = self._body(name) if len(name) == 2 else b''
            after = [(md5_of(body), len(body), generation) if len(name) == 2 else generation]
            self._ledger.etags.setdefault(name, set()).add(md5_of(body))
        else:
            after = self._ledger.posted(name, generation) if method == 'POST' else [None]
        kind = 'object' if len(name) == 2 else 'container'
        status, _headers, _body = self._send(f'{method} {kind}', name, body, {header: generation})
        if status == NOT_SENT:
            return False
        done = status in ACKNOWLEDGED[method] or (
            # Object servers write a tombstone before they say that there was nothing.
            (kind, method, status) == ('object', 'DELETE', 404))
        self._ledger.note(name, after, done)
        return status != NO_ANSWER

    def _body(self, name: Name) -> bytes:
        large = self._choice.random() < LARGE_SHARE
        size = SIZE_LARGE if large else self._choice.choice(SIZES)
        return body_of('/'.join(name), self._generation, size)

    def _get(self, name: Name) -> bool:
        """Read an object: what arrives whole must be something that was written there."""
        status, headers, body = self._send('GET object', name, b'', {})
        if status == 200 and (md5_of(body) != headers['Etag'] or
                              headers['Etag'] not in self._ledger.etags.get(name, ())):
            self._ledger.mixed_up.append(f'{name}: {md5_of(body)} came as {dict(headers)}')
        return status > 0

    def _send(self, what: str, name: Name, body: bytes, headers: dict) -> tuple[int, Any, bytes]:
        client = self._load.client
        self._conn = self._conn or http.client.HTTPConnection(
            urlsplit(client.auth_url).netloc, timeout=60)
        target = '/'.join([client.storage_path, *(quote(part) for part in name)])
        try:
            self._conn.request(what.split()[0], target, body or None,
                               {'X-Auth-Token': client.token, 'Content-Length': str(len(body)),
                                **headers})
            answer = self._conn.getresponse()
            found = answer.status, answer.headers, answer.read()
            self._load.count(what, answer.status)
        except (OSError, http.client.HTTPException) as problem:
            self.close()
            self._load.count(what, type(problem).__name__)
            refused = isinstance(problem, ConnectionRefusedError)
            found = NOT_SENT if refused else NO_ANSWER, {}, b''
        return found
