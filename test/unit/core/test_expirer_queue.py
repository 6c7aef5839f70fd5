"""Rows of the expirer's queue: what is a task, whose it is, what answers mean."""
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.expirer_queue import (
    Delays,
    Fate,
    container_time,
    delete_headers,
    foresee,
    is_expected_time,
    is_mine,
    judge,
    parse_task,
    round_robin,
)
from swift.core.expiring import queue_object
from swift.core.hashing import expirer_container, hash_path
from swift.core.timestamp import Timestamp

DAY = 86400
names = st.text(min_size=1, max_size=20).filter(lambda text: '/' not in text)
objects = st.text(min_size=1, max_size=40)


def task(name='1700000000-a/c/o', content_type='text/plain', container='1699919962'):
    return parse_task(container, name, content_type)


@given(st.integers(0, 9999999999), names, names, objects)
def test_what_object_servers_write_is_read_back(delete_at, account, container, obj):
    name = queue_object(delete_at, account, container, obj)
    got = parse_task('x', name, 'text/plain;swift_expirer_bytes=5')
    assert (int(got.time), got.account, got.container, got.obj) == (
        delete_at, account, container, obj)
    assert not got.is_async_delete
    where = expirer_container(hash_path(b'', b's', account, container, obj), delete_at)
    assert is_expected_time(container_time(where), DAY)


@pytest.mark.parametrize('name', [
    '1700000000', '1700000000-', '1700000000-a/c', '1700000000-a/c/', '-a/c/o', 'x-a/c/o',
    '1700000000-/c/o', '1e9-a/c/o', '1700000000-a//o', ''])
def test_other_rows_are_no_tasks(name):
    with pytest.raises(ValueError):
        task(name)


@pytest.mark.parametrize('name, time', [
    ('1699919962', 1699919962), ('-000000050', -50), ('0', 0), ('', None), ('-', None),
    ('x', None), ('17.5', None), ('\u0661', None), ('1_0', None)])
def test_names_of_task_containers(name, time):
    assert container_time(name) == time


def test_names_outside_the_hundred_seconds_are_unexpected():
    expected = [second for second in range(-DAY, DAY + 1) if is_expected_time(second, DAY)]
    assert expected == [*range(-DAY, -DAY + 1), *range(-99, 1), *range(DAY - 99, DAY + 1)]


@given(names, objects, st.integers(0, 9))
def test_every_row_falls_to_exactly_one_process(container, name, processes):
    shares = [is_mine(container, name, process, processes) for process in range(processes)]
    assert sum(shares) == (1 if processes else 0)
    assert is_mine(container, name, 0, 0)


@pytest.mark.parametrize('texts', [
    {'': '1'}, {'/a': '1'}, {'a/': '1'}, {'a/b/c': '1'}, {'a': '-1'}, {'a': 'x'}, {'a': 'nan'},
    {'a': 'inf'}])
def test_bad_delays_are_refused(texts):
    with pytest.raises(ValueError, match='delay_reaping_'):
        Delays(texts)


def test_delay_of_the_container_beats_that_of_the_account():
    delays = Delays({'a': '10', 'a/c': '0', 'a/d%2Fe%20f': '5.5', '%E2%82%AC': '7'})
    assert [delays.of(*path) for path in (
        ('a', 'x'), ('a', 'c'), ('a', 'd/e f'), ('\u20ac', 'c'), ('b', 'c'))] == [
            10, 0, 5.5, 7, 0]


def test_a_delayed_task_is_due_when_its_delay_is_over():
    delays, due = Delays({'a': '10'}), task('1700000000-a/c/o')
    assert [delays.is_delayed(due, 1700000000 + late) for late in (0, 9, 10, 11)] == [
        True, True, False, False]
    wanted = task('1700000000-a/c/o', 'application/async-deleted')
    assert not delays.is_delayed(wanted, 1700000000)


def test_headers():
    assert delete_headers(task()) == {
        'X-Timestamp': '1700000000.00000', 'X-If-Delete-At': '1700000000.00000',
        'X-Backend-Clean-Expiring-Object-Queue': 'no'}
    wanted = task('1700000000.12345-a/c/o', 'application/async-deleted')
    assert delete_headers(wanted) == {'X-Timestamp': '1700000000.12345'}


@pytest.mark.parametrize('status, normal, wanted', [
    (200, Fate.DONE, Fate.DONE), (204, Fate.DONE, Fate.DONE), (409, Fate.DONE, Fate.DONE),
    (404, Fate.WAITING, Fate.DONE), (412, Fate.WAITING, Fate.WAITING),
    (400, Fate.FAILED, Fate.FAILED), (500, Fate.FAILED, Fate.FAILED),
    (503, Fate.FAILED, Fate.FAILED), (507, Fate.FAILED, Fate.FAILED)])
def test_answers(status, normal, wanted):
    young, old = 1700000000 + 100, 1700000000 + 101
    deletion = task(content_type='application/async-deleted')
    assert judge(task(), status, young, 100) is normal
    assert judge(deletion, status, young, 100) is wanted
    late = judge(task(), status, old, 100)
    assert late is (Fate.DROPPED if normal is Fate.WAITING else normal)


@given(st.lists(st.tuples(st.sampled_from('abc'), st.integers(0, 99)), max_size=40),
       st.integers(1, 50))
def test_round_robin_loses_nothing_and_keeps_the_order_of_a_container(rows, cache_size):
    tasks = [task(f'{1700000000 + second}-a/{container}/{number}')
             for number, (container, second) in enumerate(rows)]
    mixed = list(round_robin(tasks, cache_size))
    assert sorted(mixed, key=str) == sorted(tasks, key=str)
    for container in 'abc':
        assert ([one for one in mixed if one.container == container]
                == [one for one in tasks if one.container == container])
    if cache_size >= len(tasks):
        runs = [len(list(run)) for _key, run in groupby(mixed, lambda one: one.container)]
        assert all(run == 1 for run in runs[:-1])


def test_round_robin_reads_no_further_than_its_cache():
    read = []

    def source():
        for number in range(10):
            read.append(number)
            yield task(f'1700000000-a/c{number}/o')
    first = next(round_robin(source(), 3))
    assert first.time == Timestamp(1700000000) and read == [0, 1, 2]


@pytest.mark.parametrize('time, delete_at, wanted', [
    ('1700000000', 1700000100, None), ('1700000099.99999', 1700000100, None),
    ('1700000100', 1700000100, 409), ('1700000200', None, 409), ('1700000200', 1700000100, 409),
    ('1700000000', None, 412), ('1700000000', 1700000101, 412)])
def test_what_servers_with_the_newest_version_will_say(time, delete_at, wanted):
    found = foresee(parse_task('1699919962', '1700000100-a/c/o', None), Timestamp(time), delete_at)
    assert found == wanted
