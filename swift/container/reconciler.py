"""container-reconciler: moves objects that were written into the wrong storage policy.

Layer 3. Sheet 03 §18.3, §26.6. Container replicators queue rows of objects whose policy is not
their container's; what to do with one is decided in core.reconciler_plan, here it is done:

    queue containers, the current hour first, then newest first -> rows, several at a time
      -> the container's policy, by a majority of its servers
        -> HEAD in the destination -> GET in the source -> PUT | DELETE in the destination
          -> DELETE in the source -> pop the row on all its servers

Its configuration file holds the pipeline of the internal client too, which must have no
encryption: objects move as they are stored. Safe to kill at any moment: see core.reconciler_plan.
"""
from collections.abc import Mapping
from typing import Any

from swift.common.client_daemon import ClientDaemon
from swift.common.config.common import DaemonOptions
from swift.common.config.options import Integer, Seconds, refuse_unless
from swift.common.green import Pool
from swift.common.internal_client import UnexpectedResponse
from swift.container.reconciling import ContainerPolicies, Move, pop
from swift.core import reconciler_plan
from swift.core.reconciler_plan import QUEUE_ACCOUNT, Entry, Step

AGENT = 'Swift Container Reconciler'
# What an old queue container may answer to its DELETE: gone, or in use again.
_REMOVAL_ANSWERS = (2, 404, 409, 412)


class ContainerReconcilerOptions(DaemonOptions, section='container-reconciler'):
    """Moves objects that were written into another policy than their container has."""

    interval = Seconds(30, 'Rest between two passes.')
    reclaim_age = Seconds(604800, 'After so long an object that cannot be found is given up, and '
                                  'an empty queue container removed.')
    request_tries = Integer(3, 'How often a request is tried.', at_least=1)
    concurrency = Integer(1, 'Objects moved at the same time.', at_least=1)
    processes = Integer(0, 'Number of reconcilers that share the work; 0 = this one does all.',
                        at_least=0)
    process = Integer(0, 'Which of them this is, from 0.', at_least=0)
    ring_check_interval = Seconds(15, 'How often ring files are checked for changes.')

    rules = (refuse_unless(lambda o: not o.processes or o.process < o.processes,
                           'process must be less than processes'),)


class ContainerReconciler(ClientDaemon):
    """The daemon. Tests give it an internal client and a pool."""

    options_class = ContainerReconcilerOptions
    jitter = False
    rest_full_interval = True

    agent = AGENT
    statsd_name = 'container-reconciler'

    def __init__(self, conf: Mapping[str, str], logger: Any = None, **parts: Any):
        super().__init__(conf, logger, **parts)
        self.policies = ContainerPolicies(self.cluster, self.direct, self.clock)
        self.counts: dict[str, int] = {}

    def client_path(self) -> str | None:
        """Return where the pipeline is: in the reconciler's own file."""
        return self.conf.get('__file__')

    # -- a pass --------------------------------------------------------------------------------

    def run_pass(self, **words: Any) -> None:
        """Visit every queue container once."""
        # Without it every row would be "retry later".
        assert self.cluster.container_ring
        began = self.clock.monotonic()
        self.counts = {}
        self.logger.debug('Begin reconciler pass')
        names = [entry.get('name', '') for entry in self.client.iter_containers(QUEUE_ACCOUNT)]
        for container in reconciler_plan.visiting_order(names, self.clock.time()):
            self._visit(container)
        said = ', '.join(f'{name}={count}' for name, count in sorted(self.counts.items()))
        self.logger.info('Reconciler pass completed: %.02fs; %s',
                         self.clock.monotonic() - began, said or 'nothing to do')

    def _visit(self, container: str) -> None:
        pool = Pool(self.options.concurrency)
        is_empty = True
        try:
            for row in self.client.iter_objects(QUEUE_ACCOUNT, container):
                is_empty = False
                entry = self._parsed(container, row)
                if entry is not None:
                    pool.spawn(self._process_guarded, entry)
            pool.waitall()
            if is_empty and reconciler_plan.is_obsolete(container, self.clock.time(),
                                                        self.options.reclaim_age):
                self.client.delete_container(QUEUE_ACCOUNT, container,
                                             acceptable=_REMOVAL_ANSWERS)
        except UnexpectedResponse as err:
            self.count('errors')
            self.logger.error('Cannot work on queue container %s/%s: %s', QUEUE_ACCOUNT,
                              container, err)
        finally:
            pool.waitall()

    def _parsed(self, container: str, row: Mapping[str, Any]) -> Entry | None:
        """Return the entry of a row if it is this process's; others and bad ones stay."""
        try:
            entry = reconciler_plan.parse_entry(container, row)
        except ValueError as err:
            self.count('invalid_record')
            self.logger.error('Invalid row in queue container %s/%s: %s', QUEUE_ACCOUNT,
                              container, err)
            return None
        path_hash = self.cluster.hash_path(*entry.names)
        options = self.options
        return entry if reconciler_plan.is_mine(path_hash, options.process,
                                                options.processes) else None

    # -- one row -------------------------------------------------------------------------------

    def _process_guarded(self, entry: Entry) -> None:
        try:
            self.process(entry)
        except UnexpectedResponse as err:
            self.count('unhandled_error')
            self.logger.error('Cannot reconcile %s (policy %d): %s', entry.path,
                              entry.policy_index, err)
        except Exception:  # the item boundary of a daemon
            self.count('unhandled_error')
            self.logger.exception('Exception while reconciling %s (policy %d)', entry.path,
                                  entry.policy_index)

    def process(self, entry: Entry) -> Step:
        """Do what is to be done for one row; return how it ended: DONE, GIVE_UP or RETRY.

        Raises UnexpectedResponse; the row then stays.
        """
        move = Move(self, entry)
        ended = move.run()
        if ended is Step.RETRY:
            self.count('retry')
            return ended
        if ended is Step.GIVE_UP:
            self.count('lost_source')
            self.logger.critical(
                'lost_source: %s (policy %d) was written at %s and cannot be found after %ss',
                entry.path, entry.policy_index, entry.time.internal, self.options.reclaim_age)
        else:
            self.count('success')
        pop(self, entry, move.base)
        return ended

    def count(self, name: str) -> None:
        """Count something in the summary of the pass and in the metrics."""
        self.counts[name] = self.counts.get(name, 0) + 1
        self.statsd.increment(name)

    def are_rings_steady(self, *policy_indexes: int) -> bool:
        """False while one of the policies changes its partition power, or is not known."""
        for index in policy_indexes:
            try:
                if self.cluster.object_ring(index).next_part_power is not None:
                    return False
            except KeyError:
                self.logger.error('No policy with index %s', index)
                return False
        return True
