"""A bounded write load that remembers every acknowledged operation, and checks them afterwards.

Each client thread keeps one connection and puts objects of mixed sizes with bodies that follow
from their names; some are overwritten or deleted. What the cluster acknowledged is the truth
that `verify` holds it to. An operation whose answer was an error or got lost may or may not
have happened: its object is then not checked.
"""

import hashlib
import http.client
import threading
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from test.support.client import Client

SIZES = (0, 1, 100, 4096, 65536, 65537, 300_000)


def body_of(name: str, generation: int, size: int) -> bytes:
    seed = hashlib.sha256(f'{name}/{generation}'.encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


@dataclass
class Load:
    """Run `clients` threads against a container until `stop()`; at most `limit` operations each."""

    client: Client
    container: str
    clients: int = 16
    limit: int = 500
    acknowledged: dict[str, str | None] = field(default_factory=dict)  # name -> md5, None: deleted
    unsure: set[str] = field(default_factory=set)
    refused: list[tuple] = field(default_factory=list)
    done: int = 0

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._milestones: list[tuple[int, threading.Event]] = []
        self._threads = [
            threading.Thread(target=self._work, args=(i,)) for i in range(self.clients)
        ]

    def __enter__(self) -> 'Load':
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, operations: int, timeout_s: float = 120) -> None:
        """Wait until that many more operations were answered."""
        event = threading.Event()
        with self._lock:
            self._milestones.append((self.done + operations, event))
        assert event.wait(timeout_s), f'the load stands still at {self.done} operations'

    def _work(self, number: int) -> None:
        conn, address = None, urlsplit(self.client.auth_url).netloc
        for count in range(self.limit):
            if self._stop.is_set():
                break
            name = f'w{number}/o{count - count % 3}'  # every third put is an overwrite
            conn = conn or http.client.HTTPConnection(address, timeout=60)
            delete = count % 7 == 6
            body = b'' if delete else body_of(name, count, SIZES[count % len(SIZES)])
            if not self._one(conn, 'DELETE' if delete else 'PUT', name, body):
                conn.close()
                conn = None
                self._stop.wait(0.02)  # a proxy that is down refuses faster than it starts
        if conn:
            conn.close()

    def _one(self, conn, method: str, name: str, body: bytes) -> bool:
        """Send one operation and note its outcome; False when the connection is of no more use."""
        target = f'{self.client.storage_path}/{self.container}/{quote(name)}'
        try:
            conn.request(method, target, body, {'X-Auth-Token': self.client.token})
            answer = conn.getresponse()
            text = answer.read()
            outcome = answer.status
        except (OSError, http.client.HTTPException) as err:
            outcome, text = type(err).__name__, str(err).encode()
        with self._lock:
            self._note(method, name, body, outcome, text)
        return isinstance(outcome, int)

    def _note(self, method: str, name: str, body: bytes, outcome, text: bytes) -> None:
        self.done += 1
        if outcome == 201 and method == 'PUT':
            self.acknowledged[name] = hashlib.md5(body, usedforsecurity=False).hexdigest()
            self.unsure.discard(name)
        elif outcome in (204, 404) and method == 'DELETE':
            self.acknowledged[name] = None
            self.unsure.discard(name)
        else:
            self.unsure.add(name)
            self.refused.append((method, name, outcome, text[:200]))
        for target, event in self._milestones:
            if self.done >= target:
                event.set()


def wrong_objects(load: Load, newest: bool = False) -> list[str]:
    """Read every acknowledged object back; return what is missing, wrong or back from the dead.

    With `newest` all replicas are asked: a node that was away keeps older ones for a while.
    """
    wrong = []
    for name, digest in load.acknowledged.items():
        if name in load.unsure:
            continue
        answer = load.client.get(
            f'{load.container}/{name}', headers={'X-Newest': 'true'} if newest else None)
        if digest is None:
            if answer.status != 404:
                wrong.append(f'{name}: deleted, but answers {answer.status}')
        elif answer.status != 200:
            wrong.append(f'{name}: acknowledged, but answers {answer.status}')
        elif hashlib.md5(answer.body, usedforsecurity=False).hexdigest() != digest:
            wrong.append(f'{name}: other bytes than acknowledged')
    return wrong


def listing_differences(load: Load) -> set[str]:
    """Names by which the container's listing differs from what was acknowledged."""
    listed = set(load.client.get(load.container, query='?limit=10000').lines)
    present = {name for name, digest in load.acknowledged.items() if digest is not None}
    return (listed ^ present) - load.unsure
