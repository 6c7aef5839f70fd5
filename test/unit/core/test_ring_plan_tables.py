"""Tables: the first one, rearranging, measuring. Properties checked on random device lists."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swift.common.ring.files import read_ring
from swift.core.ring_plan import LEVELS, make_plan, quotas
from swift.core.ring_plan_fill import fill_table, mix
from swift.core.ring_plan_measure import (
    device_balance,
    max_allowed,
    measure_dispersion,
    ring_balance,
    tier_counts,
)
from swift.core.ring_plan_moves import rearrange
from swift.core.ring_plan_table import Task
from test.support.golden_rings import FOLDER, cases
from test.support.ring_devices import dev, device_lists, numbered

REPLICAS = st.sampled_from([1, 2, 2.5, 3, 3.25, 4])


def most_per_tier(plan, table):
    """Return, per level, by how much a tier exceeds the plan's bound in any partition."""
    excess = []
    for level in range(len(LEVELS)):
        tiers, counts = tier_counts(plan.tree.node_of[level][table])
        bound = np.append(plan.bounds(level)[1], 0)[tiers]
        excess.append(int(np.where(counts > 0, counts - bound, 0).max()))
    return excess


def held(table, devs):
    return np.bincount(table[table >= 0], minlength=len(devs) + 1)


def first_table(devs, replicas, power, key=1, overload=0.0):
    plan = make_plan(devs, replicas, overload)
    parts = 1 << power
    quota = quotas(plan, parts, np.zeros(len(devs) + 1))
    return plan, quota, fill_table(plan, quota, parts, key)


def distinct(table):
    return all(len(set(column[column >= 0])) == (column >= 0).sum() for column in table.T)


@given(device_lists(least=4), REPLICAS, st.integers(0, 8), st.sampled_from([0.0, 0.1, 1.0]))
def test_first_table_meets_quotas_and_plan(devs, replicas, power, overload):
    devs = numbered(devs)
    plan, quota, table = first_table(devs, replicas, power, overload=overload)
    assert held(table, devs).tolist() == quota.tolist()
    assert distinct(table)
    assert max(most_per_tier(plan, table)) <= 0
    short = int(replicas * (1 << power)) - (len(table) - 1) * (1 << power)
    assert (table[:-1] >= 0).all()
    assert (table[-1, :short] >= 0).all() and (table[-1, short:] == -1).all()


def test_first_table_depends_on_the_key_only():
    devs = numbered(dev(number, zone=number % 4) for number in range(8))
    one, again, other = (first_table(devs, 3, 8, key)[2] for key in (5, 5, 6))
    assert (one == again).all() and (one != other).any()


def test_many_replicas_need_the_slow_sort():
    devs = numbered(dev(number) for number in range(80))
    _plan, quota, table = first_table(devs, 70, 3)
    assert distinct(table) and held(table, devs).tolist() == quota.tolist()


def test_partners_of_a_device_are_spread():
    devs = numbered(dev(number, zone=number // 10) for number in range(30))
    _plan, _quota, table = first_table(devs, 3, 10)
    partners = {other for column in table.T if 0 in column for other in column} - {0}
    assert len(partners) == 20, 'all devices of the other zones'


def test_mix_is_a_permutation_on_small_numbers():
    assert len(set(mix(3, np.arange(10000)).tolist())) == 10000


@pytest.mark.parametrize('name', [
    name for name, case in cases().items() if 'builder' in case and 'rings' in case])
def test_measures_of_golden_rings(name):
    builder = cases()[name]['builder']
    ring = read_ring(str(FOLDER / name / 'v1/object.ring.gz'))
    table = np.full((len(ring.rows), ring.partition_count), -1, np.int32)
    for row, values in zip(table, ring.rows, strict=True):
        row[:len(values)] = values
    found = measure_dispersion(table, builder['devs'], builder['replicas'])
    assert ring_balance(builder['devs'], ring.partition_count * builder['replicas']) == (
        pytest.approx(builder['balance']))
    if name == 'removed_pending':
        assert found.percent == pytest.approx(25), 'devices without weight may hold nothing'
        return
    assert found.percent == pytest.approx(builder['dispersion'])
    # The original looks at the partitions of the short row only, and not after doubling them.
    if builder['replicas'] == int(builder['replicas']) and not name.startswith('power_'):
        assert found.graph == {tuple(tier): counts for tier, counts in builder['dispersion_graph']}


def test_dispersion_counts_the_worst_level_once():
    devs = numbered([dev(0, 1), dev(1, 1), dev(2, 2), dev(3, 2)])
    table = np.array([[0, 0], [1, 2]], np.int32)
    found = measure_dispersion(table, devs, 2)
    assert found.percent == 25.0
    assert found.graph[(1,)] == [0, 1, 1] and (2,) in found.graph
    assert (2, 1, '10.0.0.1', 3) not in found.graph


def test_max_allowed():
    devs = numbered([dev(0, 1), dev(1, 1, ip='b'), dev(2, 2), dev(3, 3, weight=0.0)])
    allowed = max_allowed(devs, 3)
    assert [allowed[tier] for tier in ((), (1,), (1, 1, 'b'), (2,), (3,))] == [3, 2, 1, 2, 0]


def test_balance():
    assert device_balance({'weight': 0, 'parts': 1}, 5.0) == 999.99
    assert device_balance({'weight': 0, 'parts': 0}, 5.0) == 0
    assert device_balance({'weight': 2.0, 'parts': 12}, 5.0) == pytest.approx(20)
    assert ring_balance([None, {'weight': 0, 'parts': 0}], 10) is None


def change(devs, kind, draw_index):
    """Return the device list after an operator's change."""
    devs = [dict(one) for one in devs]
    if kind == 'add':
        devs.append(dict(dev(99, 1, 1 + draw_index % 3, '10.0.0.9'), id=len(devs), parts=0))
    elif kind == 'weight':
        devs[draw_index % len(devs)]['weight'] = 300.0
    elif kind == 'drain':
        devs[draw_index % len(devs)]['weight'] = 0.0
    return devs


@settings(max_examples=150)
@given(device_lists(least=6), REPLICAS, st.integers(2, 7), st.sampled_from(
    ['add', 'weight', 'drain', 'nothing']), st.integers(0, 20), st.booleans())
def test_rearranging(devs, replicas, power, kind, index, all_movable):
    """One replica of a partition at most, only of movable ones, nearer to plan and quota."""
    devs = numbered(devs)
    _plan, _quota, before = first_table(devs, replicas, power)
    devs = change(devs, kind, index)
    plan = make_plan(devs, replicas, 0.0)
    quota = quotas(plan, 1 << power, held(before, devs))
    movable = np.full(1 << power, True) if all_movable else np.arange(1 << power) % 2 == 0
    after = before.copy()
    short = int((before[-1] >= 0).sum())
    rearrange(Task(after, short, plan, quota, movable, 7))
    moved = after != before
    assert distinct(after) and ((after >= 0) == (before >= 0)).all()
    assert moved.sum(axis=0).max() <= 1
    assert not moved[:, ~movable].any()
    for better, worse in zip(most_per_tier(plan, after), most_per_tier(plan, before), strict=True):
        assert better <= max(worse, 0)
    off_before = np.abs(held(before, devs) - quota).sum()
    off_after = np.abs(held(after, devs) - quota).sum()
    # A drained or over-full tier comes before balance.
    assert off_after <= off_before + 2 * moved.sum()
    if kind == 'nothing':
        assert not moved.any()


@settings(max_examples=60)
@given(device_lists(least=6), st.integers(3, 7), st.integers(0, 20))
def test_repeated_rearranging_reaches_plan_and_quotas(devs, power, index):
    devs = numbered(devs)
    _plan, _quota, table = first_table(devs, 3, power)
    devs = change(devs, 'add', index)
    plan = make_plan(devs, 3, 0.0)
    for round_ in range(8):
        quota = quotas(plan, 1 << power, held(table, devs))
        rearrange(Task(table, 1 << power, plan, quota, np.full(1 << power, True), round_))
    assert max(most_per_tier(plan, table)) <= 0
    assert np.abs(held(table, devs) - quota).sum() <= 2


@given(device_lists(least=6), st.integers(0, 7), st.data())
def test_lost_replicas_are_always_placed(devs, power, data):
    devs = numbered(devs)
    _plan, _quota, before = first_table(devs, 3, power)
    lost = data.draw(st.sets(st.integers(0, len(devs) - 1), max_size=len(devs) - 3))
    for dev_id in lost:
        devs[dev_id]['weight'] = 0.0
    plan = make_plan(devs, 3, 0.0)
    table = before.copy()
    table[np.isin(table, list(lost))] = -1
    quota = quotas(plan, 1 << power, held(table, devs))
    rearrange(Task(table, 1 << power, plan, quota, np.zeros(1 << power, bool), 3))
    assert (table >= 0).all() and distinct(table)
    assert not np.isin(table, list(lost)).any()
    kept = ~np.isin(before, list(lost))
    assert (table == before)[kept].all(), 'nothing is movable but what was lost'


def test_doubled_replicas_are_separated():
    devs = numbered(dev(number) for number in range(4))
    plan = make_plan(devs, 2, 0)
    table = np.array([[0, 1], [0, 2]], np.int32)
    rearrange(Task(table, 2, plan, quotas(plan, 2, held(table, devs)), np.zeros(2, bool), 1))
    assert distinct(table) and table[0].tolist() == [0, 1] and table[1, 1] == 2
