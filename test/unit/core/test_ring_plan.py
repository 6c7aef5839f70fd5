"""The plan: golden overloads, worked examples, sums at every level, exact quotas."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.ring_plan import (
    DEVICE_LEVEL,
    LEVELS,
    PlanError,
    TierTree,
    make_plan,
    quotas,
    tiers_of,
    weighted_replicas,
)
from test.support.golden_rings import cases
from test.support.ring_devices import dev, device_lists, numbered

BUILDERS = [name for name, case in cases().items() if 'builder' in case]


def twelve_twelve_eleven():
    return numbered(dev(number, ip=f'10.0.0.{server}') for server, disks in
                    ((1, 12), (2, 12), (3, 11)) for number in range(disks))


@pytest.mark.parametrize('name', BUILDERS)
def test_required_overload_and_quotas_of_golden_builders(name):
    builder = cases()[name]['builder']
    plan = make_plan(builder['devs'], builder['replicas'], builder['overload'])
    assert plan.required_overload == pytest.approx(builder['required_overload'], abs=1e-12)
    if builder['devs_changed']:
        return
    held = np.array([one['parts'] if one else 0 for one in builder['devs']] + [0])
    wanted = [one['parts'] + one['parts_wanted'] if one and one['weight'] else 0
              for one in builder['devs']]
    assert quotas(plan, 1 << builder['part_power'], held)[:-1].tolist() == (
        wanted if name != 'hole_reused' else held[:-1].tolist())


def test_worked_example_of_overload():
    devs = twelve_twelve_eleven()
    plain = make_plan(devs, 3, 0)
    assert plain.required_overload == pytest.approx(0.0606060606)
    assert plain.target[2] == pytest.approx([1.028571, 1.028571, 0.942857], abs=1e-6)
    some = make_plan(devs, 3, 0.05)
    assert some.target[2] == pytest.approx([1.005, 1.005, 0.99], abs=1e-9)
    assert [bound.tolist() for bound in some.bounds(2)] == [[1, 1, 0], [2, 2, 1]]
    enough = make_plan(devs, 3, 0.07)
    assert [bound.tolist() for bound in enough.bounds(2)] == [[1, 1, 1], [1, 1, 1]]


def test_the_share_of_a_device_is_capped():
    share = weighted_replicas(np.array([400.0, 100, 100, 0]), 2)
    assert share.tolist() == pytest.approx([1, 0.5, 0.5, 0])
    assert weighted_replicas(np.array([5.0, 1]), 2).tolist() == pytest.approx([1, 1])


def test_too_few_devices():
    devs = numbered([dev(0), dev(1), dev(2, weight=0.0)])
    with pytest.raises(PlanError, match='Replica count of 3.0 requires more than 2 devices'):
        make_plan(devs, 3.0, 0)
    assert make_plan(devs, 2.0, 0).target[DEVICE_LEVEL].tolist() == [1, 1, 0]


def test_dispersion_yields_to_the_number_of_devices():
    devs = numbered([dev(0, region=1)] + [dev(number, region=2) for number in range(1, 5)])
    assert make_plan(devs, 4, 10).target[0].tolist() == pytest.approx([1, 3])


def test_tiers():
    one = {'region': 1, 'zone': 2, 'ip': 'x', 'id': 7}
    assert tiers_of(one) == ((1,), (1, 2), (1, 2, 'x'), (1, 2, 'x', 7))
    tree = TierTree([None, dict(one, id=1, weight=2.0)])
    assert tree.tiers[2] == [(1, 2, 'x')] and tree.node_of[0].tolist() == [-1, 0, -1]
    assert tree.sums(1, tree.weights).tolist() == [2.0]


def test_leftovers_go_where_nothing_has_to_move():
    devs = numbered(dev(number) for number in range(3))
    plan = make_plan(devs, 1, 0)
    assert quotas(plan, 16, np.array([5, 5, 6, 0])).tolist() == [5, 5, 6, 0]
    assert quotas(plan, 16, np.array([6, 5, 5, 0])).tolist() == [6, 5, 5, 0]


@given(device_lists(least=4), st.sampled_from([1, 2, 2.5, 3, 3.25, 4]),
       st.sampled_from([0.0, 0.1, 1.0, 10.0]))
def test_targets_add_up_and_stay_within_devices(devs, replicas, overload):
    devs = numbered(devs)
    plan = make_plan(devs, replicas, overload)
    for level in range(len(LEVELS)):
        assert plan.target[level].sum() == pytest.approx(replicas)
        if level:
            by_parent = np.bincount(plan.tree.parents[level], weights=plan.target[level])
            assert by_parent == pytest.approx(plan.target[level - 1])
    assert plan.target[DEVICE_LEVEL].max() <= 1 + 1e-9
    assert plan.target[DEVICE_LEVEL].min() >= 0
    weighted = weighted_replicas(plan.tree.weights, replicas)
    assert (plan.device_target <= weighted * (1 + overload) + 1e-9).all()


@given(device_lists(least=4), st.sampled_from([1, 2, 2.5, 3, 4]), st.integers(2, 9))
def test_quotas_are_exact_and_near_the_targets(devs, replicas, power):
    devs = numbered(devs)
    plan = make_plan(devs, replicas, 0.0)
    parts = 1 << power
    quota = quotas(plan, parts, np.zeros(len(devs) + 1))
    assert quota.sum() == int(replicas * parts) and quota[-1] == 0
    assert quota.max() <= parts
    tree = plan.tree
    for level in range(len(LEVELS)):
        assert (tree.sums(level, quota) <= plan.bounds(level)[1] * parts).all()
        siblings = max(map(len, tree.children[level]))
        assert np.abs(tree.sums(level, quota) - plan.target[level] * parts).max() <= (
            siblings * (level + 1) + 1)
