"""The verdict of a small write, for every mix of three nodes' answers."""

from itertools import product

from swift.core.put_round import Step
from swift.core.quorum import DELETE_OVERRIDES
from swift.core.write_round import WriteRound


def test_server_errors_move_the_slot_on():
    round_ = WriteRound(3)
    assert round_.on_answer(0, 507) is Step.LIMIT_NODE
    assert round_.on_answer(0, 503) is Step.COUNT_ERROR
    assert round_.on_failure(0) is Step.COUNT_ERROR
    assert not round_.is_done


def test_quorum_of_a_class_hurries_and_the_last_answer_finishes():
    round_ = WriteRound(3)
    assert round_.on_answer(2, 204) is Step.WAIT
    assert round_.on_answer(0, 204) is Step.HURRY
    assert round_.on_answer(1, 404) is Step.FINISH
    assert round_.is_done and round_.best() == 0


def test_time_runs_out_with_what_is_there():
    round_ = WriteRound(3)
    round_.on_answer(1, 201)
    assert round_.on_out_of_time() is Step.FINISH
    assert round_.statuses() == [503, 201, 503] and round_.best() is None


def test_every_mix_settles_exactly_with_its_last_slot():
    for answers in product((201, 404, None), repeat=3):
        round_ = WriteRound(3)
        steps = [round_.on_no_more_nodes(slot) if status is None
                 else round_.on_answer(slot, status) for slot, status in enumerate(answers)]
        assert [step is Step.FINISH for step in steps] == [False, False, True]
        best = round_.best()
        if answers.count(201) >= 2 or answers.count(404) >= 2:
            assert answers[best] == max(201 * (answers.count(201) >= 2),
                                        404 * (answers.count(404) >= 2))
        else:
            assert best is None


def test_overrides_let_a_real_answer_speak():
    round_ = WriteRound(3)
    for slot, status in enumerate((404, 204)):
        round_.on_answer(slot, status)
    round_.on_no_more_nodes(2)
    assert round_.best() is None
    assert round_.best(DELETE_OVERRIDES) == 1


def test_larger_quorum_can_be_asked_for():
    round_ = WriteRound(1, quorum=2)
    assert round_.on_answer(0, 202) is Step.FINISH
    assert round_.best() is None
