"""object-expirer: deletes objects whose time is over, and what was marked for deletion.

Layer 3. Sheet 02 §21, §23.7. The work stands in the queue account that object servers fill; which
rows are due and what an answer means is decided in core.expirer_queue. A pass:

    HEAD .expiring_objects -> containers, until the first that is not due
      -> rows, until the first that is not due -> mine? delayed? -> mixed over target containers
        -> HEAD the newest version, DELETE the object, both through the internal client
          -> DELETE the row on all its primaries

Two ways to be configured: by [object-expirer] in object-server.conf, which does nothing until
`dequeue_from_legacy = true`, or by a file of its own whose path contains `expirer`, which also
holds the pipeline of the internal client.

Safe to kill at any moment: a row goes only after its object.
"""
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swift.common import recon_cache
from swift.common.client_daemon import ClientDaemon
from swift.common.config.common import DaemonOptions
from swift.common.config.options import Bool, Float, Integer, Prefixed, Seconds, Text
from swift.common.config.parser import readconf
from swift.common.direct_client import DirectError
from swift.common.errors import ConfigError, TransportError
from swift.common.green import Pile, Pool
from swift.common.internal_client import UnexpectedResponse, conf_for, make_path
from swift.core import expirer_queue
from swift.core.expirer_queue import Delays, Fate, Task
from swift.core.pending_update import Rate
from swift.core.timestamp import Timestamp

AGENT = 'Swift Object Expirer'
# Answers that say something about the object. Others are errors, tried again at once.
_ANSWERS = (2, 404, 409, 412)


class ObjectExpirerOptions(DaemonOptions, section='object-expirer'):
    """Deletes objects whose X-Delete-At is over."""

    interval = Seconds(300, 'Passes start at least this far apart on average.')
    report_interval = Seconds(300, 'Progress is logged this often during a pass.')
    dequeue_from_legacy = Bool(False, 'In object-server.conf: true makes this daemon work. Only '
                                      'some nodes of a cluster should.')
    processes = Integer(0, 'Number of expirers that share the work; 0 = this one does all.',
                        at_least=0)
    process = Integer(0, 'Which of them this is, from 0.', at_least=0)
    internal_client_conf_path = Text('', 'Pipeline for requests to the cluster; default '
                                         'internal-client.conf in swift_dir, or else a built-in '
                                         'one.')
    request_tries = Integer(3, 'How often a request is tried.', at_least=1)
    concurrency = Integer(1, 'Objects deleted at the same time.', at_least=1)
    tasks_per_second = Float(50.0, 'Objects deleted per second; 0 = no limit.', at_least=0)
    reclaim_age = Seconds(604800, 'After so long a row whose object cannot be found is given up.')
    round_robin_task_cache_size = Integer(
        100000, 'Rows held in memory to mix those of different containers.', at_least=1)
    delay_reaping = Prefixed('delay_reaping_', 'Seconds that objects of an account, or of '
                                               'account/container, stay after their time; names '
                                               'are URL-quoted.')
    auto_create_account_prefix = Text('.', 'Deprecated; set it in swift.conf.')
    expiring_objects_account_name = Text('expiring_objects', 'Deprecated.')
    expiring_objects_container_divisor = Integer(86400, 'Deprecated.', at_least=1)


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of the rows this daemon works on."""

    process: int
    processes: int

    @classmethod
    def of(cls, process: int, processes: int) -> 'Share':
        """Raises ConfigError for a share that does not exist."""
        if process < 0 or processes < 0 or (processes and process >= processes):
            raise ConfigError('process must be at least 0 and less than processes, not '
                              f'{process} of {processes}')
        return cls(process, processes)


class ObjectExpirer(ClientDaemon):
    """The daemon. Tests give it an internal client and a pool."""

    options_class = ObjectExpirerOptions

    agent = AGENT
    statsd_name = 'object-expirer'

    def __init__(self, conf: Mapping[str, str], logger: Any = None, **parts: Any):
        super().__init__(conf, logger, **parts)
        options = self.options
        try:
            self.delays = Delays(options.delay_reaping)
        except ValueError as err:
            raise ConfigError(str(err)) from err
        Share.of(options.process, options.processes)
        self.own_file = own_file(conf)
        self.queue_account = (options.auto_create_account_prefix
                              + options.expiring_objects_account_name)
        self.expired = 0

    @property
    def is_active(self) -> bool:
        """Whether the configuration lets this daemon work."""
        return bool(self.own_file) or self.options.dequeue_from_legacy

    def client_path(self) -> str | None:
        """Return where the pipeline is: in a file that is the expirer's own, or elsewhere."""
        options = self.options
        return self.own_file or conf_for(options.internal_client_conf_path, options.swift_dir)

    def rest_after(self, took_s: float) -> float:
        """Rest a random part of what is left: several expirers must not work in step."""
        return self._rng() * max(0.0, self.options.interval - took_s)

    # -- a pass --------------------------------------------------------------------------------

    def run_forever(self, **words: Any) -> None:
        """Do passes until the process ends. Raises ConfigError for an impossible share."""
        self.share(words.get('processes'), words.get('process'))
        super().run_forever(**words)

    def share(self, processes: int | None, process: int | None) -> Share:
        """Return this daemon's share; what the command line says beats the configuration."""
        options = self.options
        return Share.of(options.process if process is None else process,
                        options.processes if processes is None else processes)

    def run_pass(self, processes: int | None = None, process: int | None = None,
                 **words: Any) -> None:
        """Work off all rows that are due. The words are those of the command line."""
        share = self.share(processes, process)
        if not self.is_active:
            self.logger.info('Nothing is expired here: set dequeue_from_legacy = true in '
                             '[object-expirer] to work on the queue of account %s',
                             self.queue_account)
            return
        began = self.clock.monotonic()
        self.expired = 0
        containers, rows = self.client.get_account_info(self.queue_account)
        self.logger.info('Pass beginning for task account %s; %s possible containers; %s '
                         'possible objects', self.queue_account, containers, rows)
        self._work_off(self._due_tasks(share, self.clock.time()), began)
        took = self.clock.monotonic() - began
        self.logger.info('Pass completed in %ds; %d objects expired', took, self.expired)
        self.dump_recon(recon_cache.OBJECT_FILE, {
            'object_expiration_pass': took, 'expired_last_pass': self.expired})

    def _work_off(self, tasks: Iterator[Task], began: float) -> None:
        rate = Rate(self.options.tasks_per_second)
        pool = Pool(self.options.concurrency)
        reported = began
        for task in expirer_queue.round_robin(tasks, self.options.round_robin_task_cache_size):
            now = self.clock.monotonic()
            wait = rate.take(now)
            if wait > 0:
                self._sleep(wait)
            if now - reported >= self.options.report_interval:
                self.logger.info('Pass so far %ds; %d objects expired', now - began, self.expired)
                reported = now
            pool.spawn(self._carry_out_guarded, task)
        pool.waitall()

    # -- reading the queue -------------------------------------------------------------------------

    def _due_tasks(self, share: Share, now: float) -> Iterator[Task]:
        """Yield the tasks of this share that are due, in the order of the queue."""
        for container in self._due_containers(now):
            try:
                yield from self._tasks_of(container, share, now)
            except UnexpectedResponse as err:
                self._count_error('Cannot read task container %s/%s: %s', self.queue_account,
                                  container, err)

    def _due_containers(self, now: float) -> Iterator[str]:
        unexpected = 0
        for entry in self.client.iter_containers(self.queue_account):
            name = entry.get('name', '')
            time = expirer_queue.container_time(name)
            if time is None:
                self.logger.error('Task container %s/%s is not named after a time; left alone',
                                  self.queue_account, name)
                continue
            if time > now:
                break
            divisor = self.options.expiring_objects_container_divisor
            unexpected += not expirer_queue.is_expected_time(time, divisor)
            yield name
        if unexpected:
            self.logger.info('Processed %d unexpected task containers', unexpected)

    def _tasks_of(self, container: str, share: Share, now: float) -> Iterator[Task]:
        is_empty = True
        for entry in self.client.iter_objects(self.queue_account, container):
            is_empty = False
            name = entry.get('name', '')
            try:
                task = expirer_queue.parse_task(container, name, entry.get('content_type'))
            except ValueError as err:
                self.statsd.increment('tasks.parse_errors')
                self.logger.error('Invalid task %s/%s/%s: %s', self.queue_account, container,
                                  name, err)
                continue
            if float(task.time) > now:
                return
            if not expirer_queue.is_mine(container, name, share.process, share.processes):
                self.statsd.increment('tasks.skipped')
            elif self.delays.is_delayed(task, now):
                self.statsd.increment('tasks.delayed')
            else:
                self.statsd.increment('tasks.assigned')
                yield task
        if is_empty:
            self._remove_container(container)

    def _remove_container(self, container: str) -> None:
        """Remove an empty task container. One that got rows meanwhile refuses (409)."""
        try:
            self.client.delete_container(self.queue_account, container,
                                           acceptable=(2, 404, 409))
        except UnexpectedResponse as err:
            self._count_error('Cannot delete task container %s/%s: %s', self.queue_account,
                              container, err)

    # -- one task ------------------------------------------------------------------------------

    def _carry_out_guarded(self, task: Task) -> None:
        started = self.clock.time()
        try:
            self.carry_out(task)
        except UnexpectedResponse as err:
            self._count_error('Cannot delete object %s of task %s/%s: %s', task.path,
                              task.queue_container, task.name, err)
        except Exception:  # the item boundary of a daemon
            self.statsd.increment('errors')
            self.logger.exception('Exception while deleting object %s', task.path)
        self.statsd.timing_since('timing', started)

    def carry_out(self, task: Task) -> Fate:
        """Delete one object, then its row. Raises UnexpectedResponse for errors."""
        refusal = None if task.is_async_delete else self._refusal(task)
        resp = None
        if refusal is None:
            resp = self._ask('DELETE', task, expirer_queue.delete_headers(task), _ANSWERS)
        status = refusal or resp.status_int
        fate = expirer_queue.judge(task, status, self.clock.time(), self.options.reclaim_age)
        if fate is Fate.DONE:
            self.expired += 1
            self.statsd.increment('objects')
        elif fate is Fate.WAITING:
            self.logger.debug('Object %s is not there to be deleted (%d); will look again',
                              task.path, status)
        elif fate is Fate.FAILED:
            raise UnexpectedResponse(f'Unexpected response: {resp.status}', resp)
        if fate in (Fate.DONE, Fate.DROPPED):
            self._pop(task)
        return fate

    def _ask(self, method: str, task: Task, headers: Mapping[str, str],
             acceptable: Sequence[int]) -> Any:
        resp = self.client.make_request(
            method, make_path(task.account, task.container, task.obj), headers, acceptable)
        resp.close()
        return resp

    def _refusal(self, task: Task) -> int | None:
        """Return the status with which the newest version refuses to be deleted, None if none."""
        resp = self._ask('HEAD', task, expirer_queue.newest_headers(), (2, 404))
        if resp.status_int == 404:
            return None                          # deleted, or not here yet: the DELETE will say
        delete_at = resp.headers.get('X-Delete-At')
        return expirer_queue.foresee(task, Timestamp(resp.headers['X-Timestamp']),
                                     int(delete_at) if delete_at else None)

    def _pop(self, task: Task) -> None:
        """Remove a row on all its primaries; what fails is found again, or replicated."""
        part, nodes = self.cluster.container_ring.get_nodes(self.queue_account,
                                                            task.queue_container)
        headers = {'X-Timestamp': Timestamp(self.clock.time()).internal,
                   'X-Backend-Storage-Policy-Index': '0',
                   'X-Backend-Use-Replication-Network': 'true'}
        with Pile(len(nodes)) as pile:
            for node in nodes:
                pile.spawn(self._pop_on, node, part, task, headers)
            for _answer in pile:
                pass

    def _pop_on(self, node: Any, part: int, task: Task, headers: dict[str, str]) -> None:
        try:
            self.direct.delete_container_object(
                node, part, (self.queue_account, task.queue_container, task.name), headers)
        except (DirectError, TransportError) as err:
            self.logger.warning('Cannot remove task %s/%s: %s', task.queue_container, task.name,
                                err)

    def _count_error(self, text: str, *values: Any) -> None:
        self.statsd.increment('errors')
        self.logger.error(text, *values)


def own_file(conf: Mapping[str, str]) -> str:
    """Return the path of a configuration that belongs to the expirer alone, '' for another.

    Compat: the path is what distinguishes them; but a directory above may have any name.
    """
    path = conf.get('__file__', '')
    if 'expirer' not in path or 'app:object-server' in readconf(path, raw=True):
        return ''
    return path


def add_arguments(parser: Any) -> None:
    """Add the expirer's own options to its command line."""
    parser.add_argument('--processes', type=int, metavar='PROCESSES',
                        help='number of processes that share the work')
    parser.add_argument('--process', type=int, metavar='PROCESS',
                        help='number of this process, from 0')
