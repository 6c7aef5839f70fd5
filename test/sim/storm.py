"""The faults of a run, drawn from its seed: how bad the weather is, and what breaks when.

Only what the cluster promises to survive is injected (the fault atlas), so that a failure is
always a bug:

    messages     lost, late by up to a minute, delivered twice, answered in any order, cut off
    nodes        crash between any two durable steps, one or all at once, and come back after up to
                 a minute
    proxies      crash in the middle of a write: its client hears nothing
    devices      one per storm is lost with all that is on it and replaced by an empty one; rows
                 that only its async pendings knew are not asked for (doc/durability.md)
    clocks       off by up to two minutes either way
    rings        a primary of a partition is exchanged for a handoff; everybody hears of it later
"""
from dataclasses import dataclass
from typing import Any

from test.sim import db_sync, expirer, object_sync, objects, updaters
from test.sim.network import Weather
from test.sim.world import PART_COUNT, REPLICAS, Node, Owner

OUTAGE_SECONDS_MAX = 60.0
RING_DELAY_SECONDS_MAX = 60.0
POWER_CUT_SHARE = 0.1
SPLIT_MEAN_S = 60.0
RING_MEAN_S = 50.0
HANDOVER_LOSS_CHANCE = 0.3
PROMISE_LOSS_CHANCE = 0.05


@dataclass(frozen=True)
class Plan:
    """What a seed has in store."""
    weather: Weather
    crash_rate: float
    skew_s: float
    crash_mean_s: float
    write_mean_s: float
    has_splits: bool
    loses_device: bool
    has_ring_changes: bool
    expires: bool
    sync_method: str

    @classmethod
    def draw(cls, rng: Any) -> 'Plan':
        """Most seeds have some of each; a few are fair weather or one trouble alone."""
        def sometimes(chance: float) -> bool:
            return rng.random() < chance
        weather = Weather(rng.choice((0.0, 0.02, 0.15)), rng.choice((0.0, 0.02, 0.1)),
                          rng.choice((0.0, 0.02, 0.1)), rows_lost=rng.choice((0.0, 0.0, 0.95)))
        return cls(weather, crash_rate=rng.choice((0.0, 0.001, 0.01)),
                   skew_s=rng.choice((0.0, 1.0, 120.0)), crash_mean_s=rng.choice((0.0, 12.0, 60.0)),
                   write_mean_s=rng.choice((1.5, 4.0)), has_splits=sometimes(0.5),
                   loses_device=sometimes(0.5), has_ring_changes=sometimes(0.4),
                   expires=sometimes(0.4), sync_method=rng.choice(('ssync', 'ssync', 'rsync')))


class Storm:
    """Lets clients work, daemons run and things break, until it is told to end."""

    def __init__(self, cluster: Any, plan: Plan):
        self._cluster = cluster
        self._scheduler = cluster.scheduler
        self._rng = cluster.scheduler.rng
        self._plan = plan
        self._is_over = False
        self._has_lost_device = False

    def begin(self) -> None:
        cluster, plan = self._cluster, self._plan
        self._scheduler.is_calm = False
        cluster.network.weather = plan.weather
        self._scheduler.crash_rate = plan.crash_rate
        self._every(plan.write_mean_s, cluster.clients.start_one)
        for node in cluster.nodes:
            self._every(25.0, self._start_daemon, node, 'object-replicator')
            self._every(15.0, self._start_daemon, node, 'object-updater')
            self._every(25.0, self._start_daemon, node, 'db-replicator')
            self._every(20.0, self._start_daemon, node, 'container-updater')
        if plan.expires:
            for proxy in cluster.proxies:
                self._every(60.0, self._start_expirer, proxy)
        # Nodes that crash by themselves at some step come back the same way.
        self._every(10.0, self._raise_the_dead)
        if plan.crash_mean_s:
            self._every(plan.crash_mean_s, self._crash)
        if plan.has_splits:
            self._every(SPLIT_MEAN_S, self._split)
        # The worst moments to lose a device: after a handover, after an acknowledgement.
        for node in cluster.nodes:
            node.on_handover = lambda nodes: self._tempt_fate(nodes, HANDOVER_LOSS_CHANCE)
        cluster.clients.on_promise = lambda path: self._tempt_fate(
            cluster.rings['object' if path.obj else 'db'].primaries(path.part),
            PROMISE_LOSS_CHANCE)
        if plan.has_ring_changes:
            self._every(RING_MEAN_S, self._change_ring)

    def _every(self, mean_s: float, action: Any, *args: Any) -> None:
        """Do something again and again, at random times."""
        def again() -> None:
            if not self._is_over:
                action(*args)
                self._scheduler.at(self._rng.random() * 2 * mean_s, again)
        self._scheduler.at(self._rng.random() * 2 * mean_s, again)

    def end(self) -> None:
        """Repair everything; what is under way comes to its end."""
        self._is_over = True
        cluster, scheduler = self._cluster, self._scheduler
        scheduler.note('the storm is over')
        scheduler.crash_rate = 0.0
        cluster.network.weather = Weather()
        cluster.network.sides.clear()
        for owner in cluster.owners:
            if not owner.is_mounted:
                owner.replace_disk()
            owner.is_up = owner.is_mounted = True
        scheduler.drain()
        for owner in cluster.owners:
            # Last, because older rings may have been on their way.
            owner.rings = cluster.rings
        scheduler.is_calm = True

    # -- daemons -------------------------------------------------------------------------------

    def _start_daemon(self, node: Node, name: str) -> None:
        key = ('daemon', name)
        if not node.is_up or not node.is_mounted or key in node.locked:
            return
        node.locked[key] = None
        self._scheduler.spawn(node, daemon(node, name, self._plan.sync_method),
                              lambda _result: node.locked.pop(key, None))

    def _start_expirer(self, proxy: Any) -> None:
        if proxy.is_up:
            self._scheduler.spawn(proxy, expirer.expire_pass(
                proxy, self._cluster.reclaim_age_s))

    # -- faults --------------------------------------------------------------------------------

    def _crash(self) -> None:
        owners = [self._rng.choice(self._cluster.owners)]
        if self._rng.random() < POWER_CUT_SHARE:
            self._scheduler.note('power cut')
            owners = self._cluster.owners
        for owner in owners:
            if owner.is_up:
                owner.crash()
                self._scheduler.at(self._rng.random() * OUTAGE_SECONDS_MAX, self._restart, owner)

    def _restart(self, owner: Owner) -> None:
        if not owner.is_up:
            self._scheduler.note('%s is back', owner)
            owner.is_up = True

    def _raise_the_dead(self) -> None:
        for owner in self._cluster.owners:
            if not owner.is_up and self._rng.random() < 0.3:
                self._restart(owner)

    def _split(self) -> None:
        sides = self._cluster.network.sides
        if sides:
            self._scheduler.note('the network is whole again')
            sides.clear()
            return
        sides.update((owner, self._rng.randrange(2)) for owner in self._cluster.owners)
        self._scheduler.note('the network splits: %s against the rest', [
            str(owner) for owner, side in sides.items() if side])

    def _tempt_fate(self, nodes: Any, chance: float) -> None:
        """Lose one of these devices now and then: something was just entrusted to them."""
        if self._plan.loses_device and not self._is_over and self._rng.random() < chance:
            self._lose_device(self._rng.choice(list(nodes)))

    def _lose_device(self, node: Node) -> None:
        if self._has_lost_device or not node.is_up:
            return
        self._has_lost_device = True
        self._cluster.has_lost_device = True
        for row in node.disk.asyncs.values():
            self._cluster.lost_notes[row.path] = None
        self._scheduler.note('%s loses its device', node)
        node.crash()
        node.is_up, node.is_mounted = True, False
        self._scheduler.at(self._rng.random() * OUTAGE_SECONDS_MAX, self._replace, node)

    def _replace(self, node: Node) -> None:
        if not node.is_mounted:
            self._scheduler.note('%s gets an empty device', node)
            node.replace_disk()
            node.is_mounted = True

    def _change_ring(self) -> None:
        rings, rng = self._cluster.rings, self._rng
        name = rng.choice(sorted(rings))
        part = rng.randrange(PART_COUNT)
        rings = {**rings, name: rings[name].moved(part, rng.randrange(REPLICAS))}
        self._scheduler.note('new %s ring: part %s is on %s', name, part, [
            str(node) for node in rings[name].primaries(part)])
        self._cluster.rings = rings
        for owner in self._cluster.owners:
            self._scheduler.at(rng.random() * RING_DELAY_SECONDS_MAX, self._adopt, owner, rings)

    @staticmethod
    def _adopt(owner: Owner, rings: Any) -> None:
        owner.rings = rings


def daemon(node: Node, name: str, sync_method: str) -> Any:
    """Return one pass of a daemon of a node."""
    if name == 'object-replicator':
        return object_sync.replicate_pass(node, sync_method)
    return {'object-updater': updaters.object_pass, 'db-replicator': db_sync.replicate_pass,
            'container-updater': updaters.container_pass,
            'object-auditor': objects.audit_pass}[name](node)
