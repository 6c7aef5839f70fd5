"""Tell containers about changes of objects: send now, or leave a note on disk for the updater.

Layer 3. After an object was written, and before its request is answered, every container server
that the proxy named is told, side by side. Within ``container_update_timeout`` each update is
either acknowledged or on disk as an async pending: a row may come late, it is never lost. One
pending file serves all servers that failed; it tells the updater to try them all again.

The same goes for the rows of the expirer's queue (sheet 02 §15.3): new ones are sent, old ones
are always left to the updater.
"""
import os
from dataclasses import dataclass, field
from typing import Any

from swift.common.codecs.async_update import DELETE, PUT, PendingUpdate
from swift.common.errors import TransportError
from swift.common.green import Pile, Timeout
from swift.core.constraints import config_true_value
from swift.core.container_update import (
    Targets,
    parse_container_path,
    parse_targets,
    redirected_path,
)
from swift.core.expiring import clamp_delete_at, queue_object
from swift.core.hashing import expirer_container
from swift.core.headers import bounded_referer
from swift.core.names import quote
from swift.core.timestamp import Timestamp
from swift.obj.placement import Placement
from swift.obj.store import Store

EMPTY_ETAG = 'd41d8cd98f00b204e9800998ecf8427e'
_PARALLEL_MAX = 16


def _agent() -> str:
    return 'object-server %d' % os.getpid()


def _referer(req: Any) -> str:
    """Return method and URL of a request, as the requests that follow from it name it."""
    environ = req.environ
    path = environ.get('RAW_PATH_INFO')
    if path is None or environ.get('QUERY_STRING'):
        return bounded_referer(req.as_referer())
    return bounded_referer('%s %s%s' % (environ['REQUEST_METHOD'], req.host_url, path))


@dataclass(slots=True)
class Row:
    """One row to change: what to do, where, with which headers."""
    op: str
    account: str
    container: str
    obj: str
    headers: dict[str, str]
    container_path: str | None = None
    db_state: str | None = None

    @property
    def time(self) -> Timestamp:
        """The time that names the pending file."""
        return Timestamp(self.headers.get('X-Meta-Timestamp') or self.headers['X-Timestamp'])


@dataclass(slots=True)
class Job:
    """Rows to be told to targets, and what became of it."""
    row: Row
    targets: Targets
    done: int = 0
    redirect: str | None = None
    redirect_time: Timestamp | None = field(default=None)


class Updates:
    """Sends and defers the container updates of one object server."""

    def __init__(self, store: Store, pool: Any, options: Any, logger: Any):
        self._store = store
        self._pool = pool
        self._options = options
        self._logger = logger
        longest = options.container_update_timeout
        self._conn_timeout = min(options.conn_timeout, longest)
        self._answer_timeout = min(options.node_timeout, longest)
        prefix = options.auto_create_account_prefix
        self.queue_account = prefix + options.expiring_objects_account_name

    # -- the row of the object -----------------------------------------------------------------

    def container_rows(self, req: Any, place: Placement, op: str,
                       fields: dict[str, str]) -> list[Job]:
        """Return the update of the object's own container; none unless the proxy asked for it.

        ``fields`` are the headers with the content of the row.
        """
        get = req.headers.get
        targets = parse_targets(get('X-Container-Host') or '', get('X-Container-Device') or '',
                                get('X-Container-Partition') or '')
        if targets.problem:
            self._logger.error('ERROR Container update failed: %s', targets.problem)
        if not targets.targets and not (targets.problem and targets.partition):
            return []
        path = None
        try:
            path = parse_container_path(get('X-Backend-Quoted-Container-Path'),
                                        get('X-Backend-Container-Path'))
        except ValueError as error:
            self._logger.warning('Invalid X-Backend-Container-Path, using the root: %s', error)
        headers = {**fields, 'X-Trans-Id': get('X-Trans-Id') or '-',
                   'Referer': _referer(req),
                   'X-Backend-Storage-Policy-Index': str(place.policy.index),
                   'User-Agent': _agent()}
        row = Row(op, place.account, place.container, place.obj, headers, path,
                  get('X-Container-Root-Db-State'))
        return [Job(row, targets)]

    # -- rows of the expirer's queue -----------------------------------------------------------

    def queue_rows(self, req: Any, place: Placement, time: Timestamp, old: int | None,
                   new: int | None, size: int = 0,
                   data_time: Timestamp | None = None) -> list[Job]:
        """Return the updates of the expirer's queue for a change of X-Delete-At."""
        if old == new or config_true_value(req.headers.get('X-Backend-Replication')):
            return []
        jobs = []
        if new:
            job = self._new_queue_row(req, place, time, new, size, data_time or time)
            if job is not None:
                jobs.append(job)
        clean = req.headers.get('X-Backend-Clean-Expiring-Object-Queue')
        if old and (clean is None or config_true_value(clean)):
            headers = {**self._queue_headers(req, time), 'User-Agent': _agent()}
            jobs.append(Job(self._queue_row(DELETE, place, old, headers, None), Targets()))
        return jobs

    def _new_queue_row(self, req: Any, place: Placement, time: Timestamp, delete_at: int,
                       size: int, data_time: Timestamp) -> Job | None:
        get = req.headers.get
        hosts = get('X-Delete-At-Host')
        if not hosts:
            return None
        container = get('X-Delete-At-Container')
        if not container:
            self._logger.warning(
                'X-Delete-At-Container header must be specified for expiring objects background '
                'PUT to work properly. Making best guess as to the container name for now.')
        targets = parse_targets(hosts, get('X-Delete-At-Device') or '',
                                get('X-Delete-At-Partition') or '')
        if targets.problem:
            self._logger.error('ERROR Container update failed: %s', targets.problem)
        headers = {**self._queue_headers(req, time), 'X-Size': '0',
                   'X-Content-Type': 'text/plain;swift_expirer_bytes=%d' % size,
                   'X-Etag': EMPTY_ETAG, 'X-Content-Type-Timestamp': data_time.internal,
                   'User-Agent': _agent()}
        return Job(self._queue_row(PUT, place, delete_at, headers, container), targets)

    def _queue_headers(self, req: Any, time: Timestamp) -> dict[str, str]:
        return {'X-Backend-Storage-Policy-Index': '0', 'X-Timestamp': time.internal,
                'X-Trans-Id': req.headers.get('X-Trans-Id') or '-',
                'Referer': _referer(req)}

    def _queue_row(self, op: str, place: Placement, delete_at: int, headers: dict[str, str],
                   container: str | None) -> Row:
        delete_at = clamp_delete_at(delete_at)
        return Row(op, self.queue_account, container or expirer_container(
            place.hash, delete_at, self._options.expiring_objects_container_divisor),
            queue_object(delete_at, place.account, place.container, place.obj), headers)

    # -- sending -------------------------------------------------------------------------------

    def carry_out(self, place: Placement, jobs: list[Job]) -> None:
        """Tell everybody or leave notes; when this returns every row is safe.

        A job without targets is only noted. Blocks for at most ``container_update_timeout`` (each
        for sending and for the answer, if there is only one target) and a disk write.
        """
        calls = [(job, target) for job in jobs for target in job.targets.targets]
        if len(calls) == 1:
            # The usual case needs no helper threads and no clock of its own.
            self._call(*calls[0])
        elif calls:
            with Pile(_PARALLEL_MAX) as pile:
                with Timeout(self._options.container_update_timeout, False):
                    for job, target in calls:
                        pile.spawn(self._call, job, target)
                    for _result in pile:
                        pass
        for job in jobs:
            if job.done < len(job.targets.targets) or not job.targets.targets:
                self._defer(place, job)

    def _call(self, job: Job, target: Any) -> None:
        row = job.row
        container = row.container_path or '%s/%s' % (row.account, row.container)
        path = '/%s/%s/%s/%s' % (quote(target.device), job.targets.partition, quote(container),
                                 quote(row.obj))
        try:
            response = self._pool.request(
                target.address, row.op, path, row.headers,
                conn_timeout=self._conn_timeout, timeout=self._answer_timeout)
            try:
                self._note_answer(job, target, response)
            finally:
                response.close()
        except TransportError as error:
            self._logger.error(
                'ERROR container update failed with %s:%s/%s (saving for async update later): %s',
                target.ip, target.port, target.device, error)

    def _note_answer(self, job: Job, target: Any, response: Any) -> None:
        response.read()
        if response.status // 100 == 2:
            job.done += 1
        elif response.status == 301:
            self._note_redirect(job, response.headers)
        else:
            self._logger.error(
                'ERROR Container update failed (saving for async update later): %d response from '
                '%s:%s/%s', response.status, target.ip, target.port, target.device)

    @staticmethod
    def _note_redirect(job: Job, headers: Any) -> None:
        """The object belongs to a shard: remember the newest word about which."""
        path = redirected_path(headers.get('Location') or '',
                               config_true_value(headers.get('X-Backend-Location-Is-Quoted')))
        try:
            time = Timestamp(headers.get('X-Backend-Redirect-Timestamp') or '')
        except ValueError:
            return
        if path and (job.redirect_time is None or time > job.redirect_time):
            job.redirect, job.redirect_time = path, time

    def _defer(self, place: Placement, job: Job) -> None:
        row = job.row
        path = job.redirect or row.container_path
        pending = PendingUpdate(row.op, row.account, row.container, row.obj, row.headers,
                                row.db_state, path)
        self._store.defer(place, pending, row.time)
