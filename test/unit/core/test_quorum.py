"""Quorum sizes and best answers, enumerated over small clusters."""

from itertools import permutations, product

import pytest

from swift.core.quorum import (
    DELETE_OVERRIDES,
    Answer,
    best_answer,
    best_index,
    container_update_count,
    has_class_quorum,
    quorum_size,
    spread_updates,
)

STATUSES = (200, 201, 202, 204, 301, 404, 409, 412, 500, 503, 507)


@pytest.mark.parametrize('replicas,expected', [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3)])
def test_quorum_size_is_half_rounded_up(replicas, expected):
    assert quorum_size(replicas) == expected


def _status(statuses, overrides=None):
    index = best_index(statuses, quorum_size(len(statuses)), overrides)
    return 503 if index is None else statuses[index]


# The examples of the specification, for three replicas.
@pytest.mark.parametrize('statuses,overrides,expected', [
    ((204, 404, 404), DELETE_OVERRIDES, 404),
    ((204, 204, 404), DELETE_OVERRIDES, 204),
    ((204, 404, 503), DELETE_OVERRIDES, 204),
    ((404, 204, 503), DELETE_OVERRIDES, 204),
    ((201, 202, 202), None, 202),
    ((404, 404, 503), None, 404),
    ((204, 404, 503), None, 503),
    ((404, 409, 503), None, 409),
])
def test_best_index_examples(statuses, overrides, expected):
    assert _status(statuses, overrides) == expected


def test_best_index_never_shows_an_overridden_answer():
    for statuses in product((204, 404, 503), repeat=3):
        index = best_index(statuses, 2, DELETE_OVERRIDES)
        if index is not None and statuses[index] == 404:
            assert statuses.count(404) >= 2


def test_best_index_is_independent_of_order():
    for statuses in product((201, 202, 404, 409, 503), repeat=3):
        assert len({_status(p, DELETE_OVERRIDES) for p in permutations(statuses)}) == 1


def test_best_index_agrees_with_naive_rule():
    for statuses in product(STATUSES, repeat=3):
        expected = 503
        for low in (200, 300, 400):
            of_class = [s for s in statuses if low <= s < low + 100]
            if len(of_class) >= 2:
                expected = max(of_class)
                break
        assert _status(statuses) == expected


def test_has_class_quorum_ignores_server_errors():
    assert not has_class_quorum([503, 500, 507], 2)
    assert not has_class_quorum([201, 404], 2)
    assert has_class_quorum([404, 201, 409], 2)


def test_best_answer_takes_the_earliest_of_equals():
    first, second = Answer(201, body=b'1'), Answer(201, body=b'2')
    assert best_answer([Answer(503), first, second], 2) is first
    assert best_answer([Answer(503), Answer(404), second], 2) is None


@pytest.mark.parametrize('nodes,replicas,expected', [
    (3, 3, 3), (1, 3, 3), (5, 3, 4), (3, 1, 2), (4, 3, 4), (6, 3, 5), (2, 2, 2)])
def test_container_update_count(nodes, replicas, expected):
    assert container_update_count(nodes, replicas) == expected


def test_container_updates_reach_quorum_whenever_the_object_does():
    for nodes in range(1, 8):
        for replicas in range(1, nodes + 1):
            count = container_update_count(nodes, replicas)
            plan = spread_updates(count, nodes, replicas)
            assert {r for one in plan for r in one} == set(range(replicas))
            carried = sorted(len(one) for one in plan)[:quorum_size(nodes)]
            assert sum(carried) >= quorum_size(replicas)


def test_spread_updates_from_end_starts_with_the_last_request():
    assert spread_updates(3, 3, 3) == ((0,), (1,), (2,))
    assert spread_updates(3, 3, 3, from_end=True) == ((2,), (1,), (0,))
    assert spread_updates(4, 3, 3, from_end=True) == ((2,), (1,), (0, 0))
    assert spread_updates(1, 3, 3, from_end=True) == ((), (), (0,))
