"""Which answer a read uses: the specification's examples, and every triple of answers."""

from itertools import permutations, product

import pytest

from swift.core.get_race import GetRace, Heard, Outcome, ReadRule, Step, source_timestamp

OBJECT = ReadRule(is_object=True)
NEWEST = ReadRule(is_object=True, newest=True)
OK = Heard(200, timestamp=5)
TOMBSTONE = Heard(404, backend_timestamp=7)
MISSING = Heard(404)
DEAD = None


def run(answers, rule=OBJECT):
    """Give answers in order (None: unreachable); return (outcome, indexes that lost)."""
    race = GetRace(rule)
    for index, heard in enumerate(answers):
        race.on_asked()
        step = race.on_failure() if heard is None else race.on_answer(index, heard)
        if step is Step.FINISH:
            return race.outcome, race.superseded
    race.on_no_more_nodes()
    return race.outcome, race.superseded


@pytest.mark.parametrize('answers,status', [
    ((MISSING, MISSING, MISSING), 404),
    ((DEAD, MISSING, MISSING), 404),
    ((DEAD, DEAD, MISSING), 503),
    ((TOMBSTONE, DEAD, DEAD), 404),
    ((DEAD, DEAD, DEAD), 503),
    ((Heard(503), Heard(507), MISSING), 503),
    ((Heard(412), Heard(412), Heard(412)), 412),
])
def test_refusals_of_three_primaries(answers, status):
    for order in permutations(answers):
        assert run(order)[0].status == status


def test_first_good_answer_wins_and_losers_are_handed_back():
    outcome, lost = run((MISSING, Heard(500), OK, OK))
    assert outcome == Outcome(200, source=2)
    assert sorted(lost) == [0, 1]


@pytest.mark.parametrize('status,is_object,good', [
    (200, True, True), (206, True, True), (304, True, True), (416, True, True),
    (416, False, False), (412, True, False), (401, True, False)])
def test_good_statuses(status, is_object, good):
    outcome, _ = run((Heard(status, timestamp=1),), ReadRule(is_object=is_object))
    assert (outcome.source == 0) is good


def test_source_older_than_a_tombstone_is_none():
    assert run((TOMBSTONE, Heard(200, timestamp=5), MISSING, MISSING))[0].status == 404
    assert run((TOMBSTONE, Heard(200, timestamp=7)))[0].source == 1
    assert run((TOMBSTONE, Heard(200, timestamp=8)))[0].source == 1


def test_tombstones_do_not_bury_containers():
    rule = ReadRule(is_object=False)
    assert run((Heard(404, backend_timestamp=9), Heard(204, timestamp=5)), rule)[0].source == 1


def test_database_that_was_never_put_counts_as_missing():
    rule = ReadRule(is_object=False, suppressed_404_count=0)
    unsynced = Heard(204, timestamp=5, never_put=True)
    assert run((unsynced, unsynced, unsynced), rule)[0].status == 404
    assert run((unsynced, Heard(204, timestamp=4)), rule)[0].source == 1


def test_newest_asks_all_and_takes_the_newest_in_any_order():
    answers = [Heard(200, timestamp=t) for t in (5, 9, 7)] + [MISSING]
    for order in permutations(answers):
        outcome, lost = run(order, NEWEST)
        assert order[outcome.source].timestamp == 9
        assert len(lost) == 3


def test_newest_with_a_newer_tombstone_is_404_in_any_order():
    for order in permutations((OK, OK, TOMBSTONE)):
        outcome, lost = run(order, NEWEST)
        assert outcome.status == 404 and outcome.source is None
        assert len(lost) == 2


def test_every_ticket_is_either_shown_or_handed_back():
    kinds = (OK, TOMBSTONE, MISSING, DEAD, Heard(503), Heard(404, is_handoff=True), Heard(412))
    for rule in (OBJECT, NEWEST):
        for answers in product(kinds, repeat=3):
            race = GetRace(rule)
            given = []
            for index, heard in enumerate(answers):
                race.on_asked()
                if heard is None:
                    step = race.on_failure()
                else:
                    given.append(index)
                    step = race.on_answer(index, heard)
                if step is Step.FINISH:
                    break
            if race.outcome is None:
                race.on_no_more_nodes()
            kept = [t for t in (race.outcome.source, race.outcome.shown) if t is not None]
            assert sorted(race.superseded + kept) == given


def test_handoffs_without_proof_are_ignored():
    handoff = Heard(404, is_handoff=True)
    assert run((DEAD, DEAD, DEAD, handoff, handoff))[0].status == 503
    proof = Heard(404, backend_timestamp=3, is_handoff=True)
    assert run((DEAD, DEAD, DEAD, proof))[0].status == 404
    assert run((DEAD, DEAD, DEAD, Heard(507, is_handoff=True)))[0].status == 503


def test_suppression_never_ignores_all_primaries():
    rule = ReadRule(is_object=True, suppressed_404_count=9, primary_count=3)
    assert run((MISSING, MISSING, MISSING), rule)[0].status == 404
    assert run((DEAD, MISSING, MISSING), rule)[0].status == 503
    alone = ReadRule(is_object=True, suppressed_404_count=1, primary_count=1)
    assert run((MISSING,), alone)[0].status == 404


def test_silence_asks_one_more_node_up_to_the_concurrency():
    race = GetRace(ReadRule(is_object=True, concurrency=2))
    assert race.on_asked() is Step.WAIT
    assert race.on_silence() is Step.ASK_NEXT
    race.on_asked()
    assert race.on_silence() is Step.WAIT
    assert race.on_failure() is Step.ASK_NEXT
    assert race.on_no_more_nodes() is Step.WAIT
    assert race.on_answer('late', OK) is Step.FINISH
    assert race.outcome == Outcome(200, source='late')


@pytest.mark.parametrize('headers,expected', [
    ({'X-Backend-Data-Timestamp': '3', 'X-Backend-Timestamp': '4'}, '3'),
    ({'X-Backend-Timestamp': '4', 'X-Timestamp': '1'}, '4'),
    ({'X-Put-Timestamp': '2', 'X-Timestamp': '1'}, '2'),
    ({'X-Timestamp': '1'}, '1'), ({}, '0')])
def test_source_timestamp_prefers_the_data(headers, expected):
    assert source_timestamp(headers.get) == expected
