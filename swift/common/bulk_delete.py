"""Deleting many things, a few at a time: one deleter for bulk deletes and for large objects.

Layer 1. Targets come one by one from an iterable, which may read manifests to find the next; what
comes as a Failed goes into the report as it is. Sub-requests enter the pipeline at the caller's
right neighbour with the client's own rights.

Invariants: at most `concurrency` requests are under way; once the tally says it is over, those are
awaited and none is begun; a name that comes twice is deleted once and reported as if the second
request had come after the first.
Source: sheet 05 sections 14.2 (DELETE) and 15.2.
"""
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from swift.common import green
from swift.common.subrequest import make_subrequest
from swift.common.swob import Request, str_to_wsgi, wsgi_quote
from swift.core.bulk_tally import DeleteTally
from swift.core.bulk_targets import Target, is_storable

UNUSABLE_NAME = '412 Precondition Failed'
GONE = '404 Not Found'
RETRY_PAUSE_BASE_S = 1.5


@dataclass(frozen=True, slots=True)
class Failed:
    """Something that cannot be deleted, and why."""

    name: str
    problem: str


class Barrier:
    """What follows is begun only after all that came before was answered."""


@dataclass(frozen=True, slots=True)
class Asker:
    """In whose name sub-requests are made, and how they appear in logs."""

    env: dict
    root: str              # /v1/account, a WSGI string
    agent: str             # suffix of the client's user agent; '' for the cluster's own name
    source: str

    def request(self, method: str, path: str, query: str = '',
                headers: dict | None = None) -> Request:
        """Return a sub-request for `path`, text below the account."""
        url = wsgi_quote(self.root + str_to_wsgi(path))
        own = dict(headers or {})
        token = self.env.get('HTTP_X_AUTH_TOKEN')
        if token is not None:
            own['X-Auth-Token'] = token
        return make_subrequest(self.env, method, f'{url}?{query}', headers=own,
                               agent=f'%(orig)s {self.agent}' if self.agent else 'Swift',
                               swift_source=self.source)


class _Run:
    """Which names one deletion has met, and what became of them."""

    def __init__(self, tally: DeleteTally):
        self._tally = tally
        self._answers: dict[tuple, str] = {}
        self._waiting: dict[tuple, list[int]] = {}

    def begin(self, number: int, target: Target) -> bool:
        """Return whether the target is to be deleted; else it was met before."""
        key = target.path, target.version_id
        if key in self._answers:
            self._tally.note(number, target.name, self._answers[key])
        elif key in self._waiting:
            self._waiting[key].append(number)
        else:
            self._waiting[key] = []
            return True
        return False

    def answered(self, number: int, target: Target, status: str) -> None:
        """Note an answer, for all that waited for it."""
        key = target.path, target.version_id
        self._tally.note(number, target.name, status)
        self._answers[key] = GONE if status.startswith('2') else status
        for twin in self._waiting.pop(key):
            self._tally.note(twin, target.name, self._answers[key])


class BulkDeleter:
    """Deletes targets and tells a tally."""

    def __init__(self, app: Callable, concurrency: int, container_retries: int = 0,
                 sleep: Callable[[float], None] = green.sleep):
        self.app = app
        self._concurrency = max(1, concurrency)
        self._container_retries = container_retries
        self._sleep = sleep

    def delete(self, asker: Asker, targets: Iterable[Target | Failed | Barrier],
               tally: DeleteTally) -> None:
        """Delete all targets, or as many as the tally allows. Blocks until the last answer."""
        run = _Run(tally)
        with green.Pile(self._concurrency) as pile:
            for number, target in enumerate(targets):
                if tally.is_over:
                    break
                if isinstance(target, Failed):
                    tally.fail(number, target.name, target.problem)
                elif isinstance(target, Barrier):
                    for answer in pile:
                        run.answered(*answer)
                elif not is_storable(target.name):
                    tally.fail(number, target.name, UNUSABLE_NAME)
                elif run.begin(number, target):
                    pile.spawn(self._delete, asker, number, target)
                    if pile.pending >= self._concurrency:
                        run.answered(*next(pile))
            for answer in pile:
                run.answered(*answer)

    def _delete(self, asker: Asker, number: int, target: Target) -> tuple[int, Target, str]:
        query = f'version-id={wsgi_quote(target.version_id)}' if target.version_id else ''
        retries = self._container_retries if target.is_container else 0
        for attempt in range(retries + 1):
            if attempt:
                self._sleep(RETRY_PAUSE_BASE_S ** attempt)
            response = asker.request('DELETE', target.path, query).get_response(self.app)
            _ = response.body
            if response.status_int != 409:
                break
        return number, target, response.status
