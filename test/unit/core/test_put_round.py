"""The verdict of a replicated PUT, for every mix of three replicas' behaviour."""

from itertools import permutations, product

import pytest

from swift.core.put_round import PutRound, State, Step, Verdict


def _open(statuses, **options):
    """Run the opening phase: one first answer (or None: no node left) for each slot."""
    round_ = PutRound(len(statuses), **options)
    for slot, status in enumerate(statuses):
        if status is None:
            round_.on_no_more_nodes(slot)
        else:
            round_.on_answer(slot, status)
    return round_


@pytest.mark.parametrize('status,step', [
    (507, Step.LIMIT_NODE), (500, Step.COUNT_ERROR), (529, Step.COUNT_ERROR),
    (404, Step.ASK_NEXT), (412, Step.ASK_NEXT), (400, Step.ASK_NEXT)])
def test_refusal_in_the_dialogue_moves_the_slot_on(status, step):
    round_ = PutRound(3)
    assert round_.on_answer(0, status) is step
    assert round_.on_failure(0) is Step.COUNT_ERROR
    assert round_.on_answer(0, 100) is Step.WAIT


def test_opening_waits_for_all_slots_then_sends():
    round_ = PutRound(3)
    assert round_.on_answer(0, 100) is Step.WAIT
    assert round_.on_answer(1, 100) is Step.WAIT
    assert round_.on_answer(2, 100) is Step.SEND
    assert round_.live_slots == {0, 1, 2}
    assert round_.state is State.SENDING


def test_opening_verdicts_for_every_mix_of_answers():
    for statuses in product((100, 201, 409, 412, 422, None), repeat=3):
        if 412 in statuses:
            continue
        round_ = _open(statuses)
        connected = [s for s in statuses if s is not None]
        if 409 in statuses:
            assert round_.verdict == Verdict(202)
        elif len(connected) < 2:
            assert round_.verdict == Verdict(503)
        elif 100 in statuses:
            assert round_.state is State.SENDING and round_.verdict is None
        else:
            assert round_.verdict is not None


def test_412_decides_only_when_the_client_asked_for_absence():
    for statuses in permutations((100, 409, 412)):
        assert _open(statuses, only_if_absent=True).verdict == Verdict(412)


def test_losing_replicas_while_sending_below_quorum_ends_in_503():
    round_ = _open((100, 100, 100))
    assert round_.on_failure(1) is Step.WAIT
    assert round_.on_failure(0) is Step.FINISH
    assert round_.verdict == Verdict(503)


def test_closing_hurries_at_quorum_and_finishes_with_all():
    round_ = _open((100, 100, 100))
    assert round_.on_body_sent() is Step.WAIT
    assert round_.on_answer(2, 201) is Step.WAIT
    assert round_.on_answer(0, 201) is Step.HURRY
    assert round_.on_answer(1, 503) is Step.FINISH
    assert round_.verdict == Verdict(201, 0)


def test_closing_out_of_time_counts_missing_answers_as_503():
    round_ = _open((100, 100, 100))
    round_.on_body_sent()
    round_.on_answer(1, 201)
    assert round_.on_out_of_time() is Step.FINISH
    assert round_.verdict == Verdict(503)
    assert round_.on_out_of_time() is Step.FINISH


def test_closing_verdicts_for_every_mix_of_final_answers():
    for statuses in product((201, 422, 499, 503, 'lost'), repeat=3):
        round_ = _open((100, 100, 100))
        round_.on_body_sent()
        for slot, status in enumerate(statuses):
            if status == 'lost':
                round_.on_failure(slot)
            else:
                round_.on_answer(slot, status)
        if statuses.count(201) >= 2:
            expected = 201
        else:
            refused = [s for s in statuses if s in (422, 499)]
            expected = max(refused) if len(refused) >= 2 else 503
        assert round_.verdict is not None and round_.verdict.status == expected


def test_closing_after_a_replica_was_lost_while_sending():
    round_ = _open((100, 100, 100))
    round_.on_failure(0)
    round_.on_body_sent()
    round_.on_answer(1, 201)
    assert round_.on_answer(2, 201) is Step.FINISH
    assert round_.verdict == Verdict(201, 1)


def test_whole_body_hurries_at_quorum_and_a_late_409_counts():
    round_ = PutRound(3, whole=True)
    assert round_.on_answer(0, 201) is Step.WAIT
    assert round_.on_answer(1, 201) is Step.HURRY
    assert round_.on_answer(2, 409) is Step.FINISH
    assert round_.verdict == Verdict(202)


def test_whole_body_refusals_are_final_but_server_errors_move_on():
    round_ = PutRound(3, whole=True)
    assert round_.on_answer(0, 507) is Step.LIMIT_NODE
    assert round_.on_answer(0, 422) is Step.WAIT
    assert round_.on_answer(1, 422) is Step.HURRY
    assert round_.on_out_of_time() is Step.FINISH
    assert round_.verdict == Verdict(422, 0)


def test_whole_body_verdicts_for_every_mix():
    for statuses in product((201, 409, 422, None), repeat=3):
        round_ = _open(statuses, whole=True)
        present = [s for s in statuses if s is not None]
        if 409 in statuses:
            expected = 202
        elif len(present) < 2:
            expected = 503
        elif statuses.count(201) >= 2:
            expected = 201
        elif statuses.count(422) >= 2:
            expected = 422
        else:
            expected = 503
        assert round_.verdict is not None and round_.verdict.status == expected


def test_one_replica_needs_only_itself():
    round_ = PutRound(1)
    assert round_.on_answer(0, 100) is Step.SEND
    assert round_.on_body_sent() is Step.WAIT
    assert round_.on_answer(0, 201) is Step.FINISH
    assert round_.verdict == Verdict(201, 0)
