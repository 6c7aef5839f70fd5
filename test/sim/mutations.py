"""Broken rules: each must be noticed by some of the first seeds, or the simulator proves nothing.

A mutation replaces one function of the rules (or of a driver) by a plausible mistake.
"""
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from swift.core import (
    db_sync,
    expirer_queue,
    fileset,
    pending_update,
    row_merge,
    suffix_diff,
    sync_offers,
)
from test.sim import clients, object_sync, objects, updaters
from test.sim.network import Call, Weather
from test.sim.run import STEPS, Result, run

DEAF = {'weather': Weather(rows_lost=0.95), 'crash_mean_s': 12.0, 'crash_rate': 0.01,
        'loses_device': False, 'expires': False}
MOVING = {'weather': Weather(lost=0.02), 'crash_mean_s': 12.0, 'loses_device': True,
          'has_ring_changes': True, 'has_splits': True, 'sync_method': 'ssync', 'expires': False}
EXPIRING = {'weather': Weather(lost=0.15), 'expires': True}


@dataclass(frozen=True)
class Mutation:
    """`make(original)` returns what takes the place of `holder.name`."""
    title: str
    holder: Any
    name: str
    make: Callable[[Any], Any]
    # Some mistakes hardly show unless the storm is of the right kind.
    conditions: Mapping[str, Any] = field(default_factory=dict)
    # Some are hidden by everything else that keeps copies: they take thousands of runs.
    is_rare: bool = False

    @contextmanager
    def applied(self) -> Iterator[None]:
        original = self.holder.__dict__[self.name]
        setattr(self.holder, self.name, self.make(original))
        try:
            yield
        finally:
            setattr(self.holder, self.name, original)


def _tombstone_hides_nothing(judge: Any) -> Any:
    def judge_without(names: Any) -> Any:
        names = list(names)
        has_data = any(name.endswith('.data') for name in names)
        return judge([name for name in names if not (has_data and name.endswith('.ts'))])
    return judge_without


def _remove_then_send(_object_pass: Any) -> Any:
    def object_pass(node: Any) -> Any:
        rows, node.disk.asyncs = node.disk.asyncs, {}
        yield
        for name, row in rows.items():
            peers = node.rings['db'].primaries(row.container.part)
            answers = yield [Call(node, peer, 'row', (row,)) for peer in peers]
            if not all(answer is not None and answer[0] // 100 == 2 for answer in answers):
                node.disk.asyncs[name] = row
                yield
    return object_pass


def _trust_for_ever(_find_unchanged: Any) -> Any:
    def find_unchanged(node: Any, jobs: Any) -> Any:
        yield
        return [number for number, _peers, _ in jobs if number in node.known_in_sync]
    return find_unchanged


def _forgetful_mark(_mark: Any) -> Any:
    def mark_dirty(node: Any, part_number: int, suffix: str) -> Any:
        node.disk.part(part_number).touch(node.now())
        yield
    return mark_dirty


def _without_metadata(want: Any) -> Any:
    def without(offer: Any, local: Any, is_deleted: bool = False) -> Any:
        return replace(want(offer, local, is_deleted), meta=False)
    return without


def _claim_everything(ssync: Any) -> Any:
    def claim(node: Any, number: int, peer: Any, snapshot: dict) -> Any:
        yield from ssync(node, number, peer, snapshot)
        return list(snapshot)
    return claim


MUTATIONS = (
    Mutation('a tombstone does not hide older data', fileset, 'judge', _tombstone_hides_nothing),
    Mutation('tombstones are reclaimed at once', fileset, 'disposable', lambda disposable: (
        lambda files, now, reclaim_age: disposable(files, now, -1e9))),
    Mutation('suffix hashes ignore metadata', fileset, 'hash_inputs', lambda inputs: (
        lambda files: inputs(replace(files, meta=None)))),
    Mutation('merging rows ignores times', row_merge, 'merge_object', lambda _merge: (
        lambda existing, item: row_merge.settle(item))),
    Mutation('the updater removes its notes before the answers', updaters, 'object_pass',
             _remove_then_send, DEAF),
    Mutation('the updater is content with any answer', pending_update, 'judge', lambda judge: (
        lambda path, successes, history, answers: replace(
            judge(path, successes, history, answers), fate=pending_update.Fate.DONE))),
    Mutation('any newer note overtakes an older one', pending_update, 'overtakes', lambda _over: (
        lambda newer, op, older: True)),
    Mutation('a handoff goes after one success', suffix_diff, 'handoff_may_go', lambda _may_go: (
        lambda results, enough: any(results)), MOVING),
    Mutation('a handoff goes whatever was answered', suffix_diff, 'handoff_may_go',
             lambda _may_go: (lambda results, enough: True), MOVING),
    Mutation('a partition once in sync is never compared again', object_sync, '_find_unchanged',
             _trust_for_ever),
    Mutation('suffixes that the peer lacks are not sent', suffix_diff, 'differing',
             lambda _differing: (lambda local, remote: sorted(
                 suffix for suffix, digest in local.items()
                 if remote.get(suffix, digest) != digest))),
    Mutation('metadata of a POST is never wanted', sync_offers, 'decide', _without_metadata),
    Mutation('what was not sent is dropped', object_sync, '_ssync', _claim_everything,
             MOVING),
    Mutation('writes do not mark their suffix', objects, 'mark_dirty', _forgetful_mark),
    Mutation('a quorum is one', clients, 'quorum_size', lambda _size: (lambda count: 1), MOVING),
    Mutation('removed rows are forgotten at once', db_sync.Horizons, 'of', lambda of: classmethod(
        lambda cls, now, reclaim_age_s: of.__func__(cls, now + 1e6, 0))),
    Mutation('points run ahead of the rows', db_sync, 'point_after_sync', lambda _after: (
        lambda point, own_hash, sender: max(point, sender.max_row))),
    Mutation('a database on a handoff goes at once', db_sync, 'may_leave_handoff',
             lambda _may_leave: (lambda results, enough, is_unchanged: True),
             MOVING, is_rare=True),
    Mutation('a database on a handoff goes although it changed', db_sync, 'may_leave_handoff',
             lambda may_leave: (lambda results, enough, is_unchanged: may_leave(
                 results, enough, True)), MOVING, is_rare=True),
    Mutation('databases do not exchange their times', db_sync.Times, 'merged', lambda _merged: (
        lambda self, other: self)),
    Mutation('the expirer takes a refusal for success', expirer_queue, 'judge', lambda _judge: (
        lambda task, status, now, reclaim_age_s: expirer_queue.Fate.DONE),
             EXPIRING, is_rare=True),
)


def first_failure(mutation: Mutation, seeds: Iterable[int], steps: int = STEPS) -> Result | None:
    """Return the first run that goes wrong with a mutation; an exception in the rules counts."""
    with mutation.applied():
        return next((result for seed in seeds
                     if (result := _try(seed, steps, mutation.conditions)).problem), None)


def _try(seed: int, steps: int, conditions: Mapping[str, Any]) -> Result:
    try:
        return run(seed, steps, conditions=conditions)
    except Exception as error:  # noqa: BLE001 - a broken rule may break anything
        return Result(seed, repr(error), 0, 0, 0)
