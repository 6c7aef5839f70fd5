"""One run: a cluster, a storm, calm, and whether everything that was promised holds.

    twice: storm -> repair -> daemons until nothing changes -> checks
    -> all that expires has expired -> again -> the reclaim age has passed -> again, last checks
"""
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from test.sim import expirer, invariants, updaters
from test.sim.clients import Clients, Proxy
from test.sim.db_server import Server
from test.sim.invariants import KNOWN_LIMITS, Broken
from test.sim.ledger import Fate, Write
from test.sim.network import CALM, Network
from test.sim.scheduler import Scheduler
from test.sim.storm import Plan, Storm, daemon
from test.sim.world import ACCOUNT, PART_COUNT, Node, Path, Ring, object_names, path_of

STEPS = 3000
STORM_SHARES = (0.8, 0.2)
NODE_COUNT = 5
PROXY_COUNT = 2
CONTAINERS = ('c', 'd')
NAMES_PER_CONTAINER = 5
RECLAIM_AGE_S = 10 * 86400.0
EXPIRY_S = 3000.0
NO_CONDITIONS: Mapping[str, Any] = {}
# Passes of all daemons until nothing changes; more is a failure of its own.
ROUNDS_MAX = 25
ROUND_S = 90.0
DAEMONS = ('object-updater', 'container-updater', 'db-replicator', 'object-auditor',
           'object-replicator')


@dataclass
class Result:
    """How a run ended: `problem` None means well."""
    seed: int
    problem: str | None
    event_count: int
    write_count: int
    done_count: int


class Cluster:
    """Everything in a simulated world."""

    def __init__(self, seed: int, trace: Callable[[str], None] | None = None,
                 forgiven: frozenset[str] = KNOWN_LIMITS,
                 conditions: Mapping[str, Any] = NO_CONDITIONS):
        self.scheduler = Scheduler(seed, trace)
        rng = self.scheduler.rng
        self.plan = replace(Plan.draw(rng), **conditions)
        self.network = Network(self.scheduler, CALM)
        self.reclaim_age_s = RECLAIM_AGE_S
        self.has_lost_device = False
        self.lost_notes: dict[Path, None] = {}
        self.is_reclaimed = False
        self.row_promises: dict[Path, bool] = {}
        self._forgiven = forgiven
        skew = self.plan.skew_s
        self.nodes = [Node(number, self.scheduler, rng.uniform(-skew, skew), RECLAIM_AGE_S)
                      for number in range(NODE_COUNT)]
        for node in self.nodes:
            node.server = Server(node)
        self.proxies = [Proxy(number, PROXY_COUNT, self.scheduler, rng.uniform(-skew, skew))
                        for number in range(PROXY_COUNT)]
        self.owners = [*self.nodes, *self.proxies]
        self.rings = {name: self._make_ring(rng) for name in ('db', 'object')}
        for owner in self.owners:
            owner.rings = self.rings
        names = {name: object_names(name, NAMES_PER_CONTAINER) for name in CONTAINERS}
        self.clients = Clients(self.scheduler, self.proxies, names, self.plan.expires)
        self.scheduler.note('%s', self.plan)

    def _make_ring(self, rng: random.Random) -> Ring:
        orders = {part: tuple(rng.sample(range(NODE_COUNT), NODE_COUNT))
                  for part in range(PART_COUNT)}
        return Ring(orders, self.nodes)

    def create_containers(self) -> None:
        """Make the account and the containers, in calm weather: all replicas have them."""
        scheduler = self.scheduler
        scheduler.is_calm = True
        # Later than any clock that is behind may show for the first writes.
        account = path_of(ACCOUNT)
        for node in self.rings['db'].primaries(account.part):
            node.server.create(account, self.proxies[0].timestamp().internal)
        for name in CONTAINERS:
            proxy = self.proxies[0]
            write = self.clients.ledger.add(Write('PUT', path_of(ACCOUNT, name),
                                                  proxy.timestamp(), {}))
            write.status = scheduler.run_now(proxy.container_write(write))
            write.fate = Fate.DONE
        scheduler.is_calm = False

    def forgives(self, limit: str) -> bool:
        """Tell whether a known limit of the rules is no failure in this run."""
        return limit in self._forgiven

    # -- calm ----------------------------------------------------------------------------------

    def settle(self) -> None:
        """Run all daemons until a round changes nothing. Raises Broken if that never comes."""
        before, is_full = None, False
        for _round in range(ROUNDS_MAX):
            state = self._state()
            if state == before:
                if is_full:
                    return
                is_full = True
                # A day passes: every container repeats its report.
                for node in self.nodes:
                    self.scheduler.run_now(updaters.container_pass(
                        node, node.now() - updaters.REPORT_AGAIN_S))
            before = state
            self._one_round()
        raise Broken('the daemons do not come to rest: %d rounds were not enough' % ROUNDS_MAX)

    def _one_round(self) -> None:
        scheduler = self.scheduler
        for name in DAEMONS:
            nodes = list(self.nodes)
            scheduler.rng.shuffle(nodes)
            for node in nodes:
                scheduler.run_now(daemon(node, name, self.plan.sync_method))
        if self.plan.expires:
            scheduler.run_now(expirer.expire_pass(self.proxies[0], RECLAIM_AGE_S))
        scheduler.now += ROUND_S

    def _state(self) -> tuple:
        """Return all that counts on all disks, to be compared."""
        return tuple((tuple((number, tuple((hash_, tuple(content))
                                           for hash_, content in part.dirs.items()))
                            for number, part in sorted(node.disk.parts.items())),
                      tuple(sorted(node.disk.asyncs)),
                      tuple((path.text, db.id, db.hash, db.times, db.max_row, db.reported,
                             tuple(db.incoming.items()))
                            for path, db in sorted(node.disk.dbs.items(),
                                                   key=lambda item: item[0].text)))
                     for node in self.nodes)


def run(seed: int, steps: int = STEPS, trace: Callable[[str], None] | None = None,
        forgiven: frozenset[str] = KNOWN_LIMITS,
        conditions: Mapping[str, Any] = NO_CONDITIONS) -> Result:
    """Do one run. The same arguments give the same run; `conditions` replace parts of its plan."""
    cluster = Cluster(seed, trace, forgiven, conditions)
    scheduler = cluster.scheduler
    problem = None
    try:
        cluster.create_containers()
        for share in STORM_SHARES:
            # The second one is short: few writes meet a cluster that knows itself to be in sync.
            storm = Storm(cluster, cluster.plan)
            storm.begin()
            scheduler.run(int(steps * share))
            storm.end()
            cluster.settle()
            cluster.row_promises.clear()
            invariants.check_converged(cluster)
        if cluster.plan.expires:
            scheduler.now += EXPIRY_S
            cluster.settle()
            invariants.check_converged(cluster)
        cluster.is_reclaimed = True
        for _time in range(2):
            # The expirer gives up after the reclaim age; what it removes then has one of its own.
            scheduler.now += 2 * RECLAIM_AGE_S
            cluster.settle()
        invariants.check_converged(cluster)
        invariants.check_reclaimed(cluster)
    except Broken as broken:
        problem = str(broken)
        scheduler.note('BROKEN: %s', problem)
    writes = [write for group in cluster.clients.ledger.writes.values() for write in group]
    return Result(seed, problem, scheduler.event_count, len(writes),
                  sum(write.fate is Fate.DONE for write in writes))
