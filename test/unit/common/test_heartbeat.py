"""Bodies that beat while work is under way: order of beats and document, errors, giving up."""
import pytest

from swift.common import green
from swift.common.heartbeat import Heartbeat, flushed


def test_quick_work_is_a_plain_document():
    body = Heartbeat(lambda: b'done', 10, separator=b'|')
    assert list(body) == [b'done'] and list(body) == []


def test_a_beat_at_once_brings_the_separator():
    assert list(Heartbeat(lambda: b'done', 10, at_once=True, separator=b'|')) == [b' ', b'|done']


def test_beats_go_on_until_the_work_is_done():
    gate = green.Queue()
    body = Heartbeat(lambda: gate.get(), 0.001, first_beat=b'<?xml?>', separator=b'|')
    assert [next(body) for _ in range(3)] == [b'<?xml?>', b' ', b' ']
    gate.put(b'done')
    rest = b''.join(body)
    assert rest.strip(b' ') == b'|done'


def test_what_the_work_raises_reading_raises():
    def work():
        raise ValueError('why')
    with pytest.raises(ValueError, match='why'):
        list(Heartbeat(work, 10))


def test_close_ends_the_work_and_tells():
    ended = []

    def work():
        try:
            green.Queue().get()
        finally:
            ended.append('work')
    body = Heartbeat(work, 0.001, at_once=True, on_close=lambda: ended.append('told'))
    assert next(body) == b' ' and next(body) == b' '
    body.close()
    assert sorted(ended) == ['told', 'work']


def test_close_before_the_first_read_begins_nothing():
    body = Heartbeat(lambda: pytest.fail('begun'), 1, at_once=True)
    body.close()


def test_flushed_asks_for_small_chunks():
    env = {}
    flushed(env)
    assert env == {'eventlet.minimum_write_chunk_size': 0}
