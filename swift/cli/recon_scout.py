"""Asking many hosts at once over plain HTTP, for swift-recon (layer 4).

Threads of the standard library: the program starts fast, and error texts are those that operators
know. A host is an (ip, port); answers come back in the order of the hosts.
"""
from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TextIO

from swift.common.ring.utils import bracketed

CONCURRENCY = 30
ANSWER_SIZE_MAX = 64 << 20

Host = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Scouted:
    """One answer. ``value`` is the decoded JSON, or the server's name, or the error."""
    host: Host
    url: str
    value: Any
    is_good: bool
    sent: float = 0.0
    received: float = 0.0

    @property
    def node(self) -> str:
        """The host as people write it."""
        return '%s:%s' % (bracketed(self.host[0]), self.host[1])

    @property
    def base_url(self) -> str:
        return 'http://' + self.node


@dataclass(frozen=True)
class Scout:
    """Sends the requests. ``progress`` is told on if it is a terminal."""
    timeout_s: float = 5
    progress: TextIO | None = None

    def recon(self, hosts: Sequence[Host], path: str) -> Iterator[Scouted]:
        """Ask recon filters for a path."""
        return self._all(hosts, '/recon/' + path, 'GET', lambda answer: json.loads(
            answer.read(ANSWER_SIZE_MAX)))

    def server_types(self, hosts: Sequence[Host]) -> Iterator[Scouted]:
        """Ask for the names of servers."""
        return self._all(hosts, '/', 'OPTIONS', lambda answer: answer.headers.get('Server'))

    def _all(self, hosts: Sequence[Host], path: str, method: str,
             decode: Callable[[Any], Any]) -> Iterator[Scouted]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            answers = pool.map(lambda host: self._ask(opener, host, path, method, decode), hosts)
            yield from self._with_progress(answers, len(hosts))

    def _ask(self, opener: Any, host: Host, path: str, method: str,
             decode: Callable[[Any], Any]) -> Scouted:
        url = 'http://%s:%s%s' % (bracketed(host[0]), host[1], path)
        sent = time.time()
        try:
            request = urllib.request.Request(url, method=method)
            with opener.open(request, timeout=self.timeout_s) as answer:
                value = decode(answer)
            return Scouted(host, url, value, True, sent, time.time())
        except (OSError, ValueError) as error:         # URLError and HTTPError are OSErrors
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            return Scouted(host, url, error, False, sent, time.time())

    def _with_progress(self, answers: Iterable[Scouted], total: int) -> Iterator[Scouted]:
        stream = self.progress
        shown = stream is not None and stream.isatty() and total > CONCURRENCY
        for number, answer in enumerate(answers, 1):
            if shown:
                stream.write('\r%d of %d hosts' % (number, total) if number < total
                             else '\r' + ' ' * 40 + '\r')
                stream.flush()
            yield answer


def default_scout(timeout_s: float) -> Scout:
    """Return the scout of the command line."""
    return Scout(timeout_s, sys.stderr)
