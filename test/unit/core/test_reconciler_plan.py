"""Moving misplaced objects: parsing, single decisions, and whole moves under any interruption."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.reconciler_plan import (
    CONTENT_TYPES,
    DELETE,
    PUT,
    Entry,
    Plan,
    Step,
    after_destination,
    after_source,
    compare_policies,
    copied_headers,
    is_cleaned,
    is_mine,
    is_obsolete,
    is_trace,
    misplaced_record,
    parse_entry,
    pop_time,
    queue_container,
    queue_name,
    visiting_order,
)
from swift.core.row_merge import ObjectRecord
from swift.core.timestamp import Timestamp, encode_timestamps

T = [Timestamp(1700000000 + second) for second in range(10)]
ZERO = Timestamp(0)
NOW, AGE = 1700000100.0, 1000.0


def entry(op=PUT, time=T[1], record=None, index=1):
    return Entry('1699999200', queue_name(index, 'a', 'c', 'o'), index, 'a', 'c', 'o', op, time,
                 record or T[1])


def row(**changes):
    return {'name': '1:/AUTH_a/c/o/p', 'content_type': 'application/x-put', 'hash': T[1].internal,
            'last_modified': T[2].isoformat, 'bytes': 0, **changes}


def test_rows_are_read():
    got = parse_entry('1699999200', row())
    assert got == Entry('1699999200', '1:/AUTH_a/c/o/p', 1, 'AUTH_a', 'c', 'o/p', PUT, T[1], T[2])
    assert got.path == '/AUTH_a/c/o/p' and got.names == ('AUTH_a', 'c', 'o/p')
    packed = encode_timestamps(Timestamp(T[1], offset=1), T[2], T[3])
    got = parse_entry('x', row(hash=packed, content_type='application/x-delete'))
    assert got.op == DELETE and got.time == Timestamp(T[1], offset=1)


@given(st.integers(0, 99), st.text(min_size=1).filter(lambda text: '/' not in text),
       st.text(min_size=1))
def test_names_are_read_back(index, container, obj):
    got = parse_entry('x', row(name=queue_name(index, 'a', container, obj)))
    assert (got.policy_index, got.container, got.obj) == (index, container, obj)


@pytest.mark.parametrize('changes', [
    {'name': '/a/c/o'}, {'name': ':/a/c/o'}, {'name': 'x:/a/c/o'}, {'name': '1:a/c/o'},
    {'name': '1:/a/c'}, {'name': '1:/a/c/'}, {'name': '-1:/a/c/o'}, {'name': '\u0661:/a/c/o'},
    {'content_type': 'text/plain'}, {'hash': 'd41d8cd98f00b204e9800998ecf8427e'},
    {'last_modified': 'today'}])
def test_other_rows_are_refused(changes):
    with pytest.raises(ValueError):
        parse_entry('x', row(**changes))


def test_a_prefix_in_a_listing_is_refused():
    with pytest.raises(ValueError):
        parse_entry('x', {'subdir': 'a'})


def test_queue_containers():
    assert queue_container(Timestamp(1700000001)) == '1699999200'
    assert visiting_order(['900', 'x', '1699992000', '1699995600', '1699999200'],
                          1700000001.0) == [
        '1699999200', '1699995600', '1699992000', '900', 'x']
    assert [is_obsolete(name, 2000.0, 1000) for name in ('999', '1000', 'x')] == [
        True, False, False]


@given(st.binary(min_size=16, max_size=16), st.integers(1, 9))
def test_every_object_falls_to_one_process(digest, processes):
    assert sum(is_mine(digest.hex(), process, processes) for process in range(processes)) == 1
    assert is_mine(digest.hex(), 0, 0)


@pytest.mark.parametrize('policy, steady, step', [
    (None, True, Step.RETRY), (1, True, Step.DONE), (1, False, Step.DONE), (0, True, None),
    (0, False, Step.RETRY)])
def test_policies(policy, steady, step):
    assert compare_policies(entry(), policy, steady) is step


@pytest.mark.parametrize('destination, step', [
    (ZERO, Step.LOOK_AT_SOURCE), (T[0], Step.LOOK_AT_SOURCE), (T[1], Step.CLEAN_SOURCE),
    (T[2], Step.CLEAN_SOURCE)])
def test_destination(destination, step):
    assert after_destination(entry(), destination) == Plan(step, T[1])


@pytest.mark.parametrize('op, status, source, now, step, base', [
    (PUT, 200, T[1], NOW, Step.COPY, T[1]), (PUT, 200, T[3], NOW, Step.COPY, T[3]),
    (DELETE, 200, T[3], NOW, Step.COPY, T[3]),
    (PUT, 200, T[0], NOW, Step.RETRY, T[1]), (DELETE, 200, T[0], NOW, Step.RETRY, T[1]),
    (PUT, 404, T[3], NOW, Step.RETRY, T[1]), (PUT, 503, ZERO, NOW, Step.RETRY, T[1]),
    (DELETE, 503, ZERO, NOW, Step.RETRY, T[1]),
    (DELETE, 404, ZERO, NOW, Step.DELETE_DESTINATION, T[1]),
    (DELETE, 404, T[1], NOW + AGE, Step.DELETE_DESTINATION, T[1]),
    (PUT, 404, ZERO, NOW + AGE, Step.GIVE_UP, T[1]),
    (PUT, 200, T[0], NOW + AGE, Step.GIVE_UP, T[1]),
    (PUT, 200, T[1], NOW + AGE, Step.COPY, T[1])])
def test_source(op, status, source, now, step, base):
    assert after_source(entry(op), status, source, now, AGE) == Plan(step, base)


def test_a_tombstone_of_a_move_never_deletes_the_copy():
    trace = entry(DELETE, Plan(Step.COPY, T[1]).tombstone_time)
    assert is_trace(trace) and not is_trace(entry(DELETE)) and not is_trace(entry(PUT))
    assert not is_trace(entry(DELETE, Plan(Step.DELETE_DESTINATION, T[1]).copy_time))
    assert after_source(trace, 404, ZERO, NOW, AGE).step is Step.CLEAN_SOURCE


def test_times_of_a_move_are_ordered():
    plan = Plan(Step.COPY, T[3])
    pop = pop_time(entry(), plan.base)
    assert T[3] < plan.tombstone_time < pop < plan.copy_time < Timestamp(T[3], delta=1)
    assert pop_time(entry(record=T[5]), T[3]) == Timestamp(T[5], offset=2)
    assert pop_time(entry(time=T[4]), T[3]) == Timestamp(T[4], offset=2)


@pytest.mark.parametrize('status, cleaned', [(204, True), (404, True), (409, False), (503, False)])
def test_cleaned(status, cleaned):
    assert is_cleaned(status) is cleaned


def test_a_copy_takes_the_object_and_not_the_answer():
    source = {'Content-Type': 'text/plain', 'Content-Length': '3', 'Etag': 'e', 'Date': 'today',
              'X-Object-Meta-A': '1', 'X-Object-Sysmeta-B': '2', 'X-Timestamp': T[1].normal,
              'X-Backend-Timestamp': T[1].internal, 'Last-Modified': 'x', 'X-Delete-At': '99',
              'X-Object-Transient-Sysmeta-C': '3', 'Accept-Ranges': 'bytes', 'X-Trans-Id': 'tx'}
    expected = {'Content-Type': 'text/plain', 'Content-Length': '3', 'Etag': 'e',
                'X-Object-Meta-A': '1', 'X-Object-Sysmeta-B': '2', 'X-Delete-At': '99',
                'X-Object-Transient-Sysmeta-C': '3',
                'X-Timestamp': Timestamp(T[1], offset=3).internal}
    plan = Plan(Step.COPY, T[1])
    assert copied_headers(source, plan, 98.0) == expected
    assert copied_headers(source, plan, 99.0) == {**expected, 'X-Backend-Replication': 'true'}


# -- whole moves over a model of two policies and the queue ----------------------------------------

class World:
    """Two policies and the queue, each with the newest word that it heard: (time, is it there)."""

    def __init__(self, writes):
        self.policies = {0: (ZERO, False), 1: (ZERO, False)}
        self.queue = (ZERO, None, None)
        self.writes = writes
        for policy, time, there in writes:
            self.write(policy, time, there)

    def write(self, policy, time, there):
        if time <= self.policies[policy][0]:
            return 409 if self.policies[policy][1] else 404
        had = self.policies[policy][1]
        self.policies[policy] = (time, there)
        if policy == 1:                    # misplaced: its row gets queued, newest wins
            self.merge(time, PUT if there else DELETE, time)
        return 204 if had or there else 404

    def merge(self, time, op, of):
        if time > self.queue[0]:
            self.queue = (time, op, of)

    def reconcile(self, budget):
        """Work on the row with at most `budget` writes; tell whether the row is popped."""
        record, op, time = self.queue
        if op is None:
            return True
        one = entry(op, time, Timestamp(record.normal))
        plan = after_destination(one, self.policies[0][0])
        if plan.step is Step.LOOK_AT_SOURCE:
            time, there = self.policies[1]
            plan = after_source(one, 200 if there else 404, time, NOW, AGE)
        steps = []
        if plan.step in (Step.COPY, Step.DELETE_DESTINATION):
            steps.append(lambda: self.write(0, plan.copy_time, plan.step is Step.COPY))
        if plan.step in (Step.COPY, Step.DELETE_DESTINATION, Step.CLEAN_SOURCE):
            steps.append(lambda: is_cleaned(self.write(1, plan.tombstone_time, False)))
            steps.append(lambda: self.merge(pop_time(one, plan.base), None, None))
        for step in steps[:budget]:
            if step() is False:
                break
        return False


writes = st.lists(st.tuples(st.integers(0, 1), st.sampled_from(T), st.booleans()),
                  min_size=1, max_size=5, unique_by=lambda write: write[1])


@given(writes, st.lists(st.integers(0, 3), max_size=6), writes)
def test_the_newest_write_ends_in_the_destination_and_nowhere_else(before, budgets, later):
    world = World(before)
    for budget in budgets:                 # killed after so many requests
        world.reconcile(budget)
    for policy, time, there in later:      # clients go on
        world.write(policy, time, there)
    for _ in range(10):
        if world.reconcile(3):
            break
    else:
        raise AssertionError(f'never done: {world.queue} {world.policies}')
    newest = max((*before, *later), key=lambda write: write[1])
    assert world.policies[0][1] is newest[2]
    assert not world.policies[1][1]


def test_content_types_are_those_of_the_queue():
    assert CONTENT_TYPES == {'PUT': 'application/x-put', 'DELETE': 'application/x-delete'}


# -- what is queued about a row (03 §18.2) --------------------------------------------------------

def misplaced(created_at='1700000001.00000', deleted=0):
    return ObjectRecord('a/photo é', created_at, 7, 'image/jpeg', 'tag', deleted, 3)


@pytest.mark.parametrize('created_at, container', [
    ('1700000001.00000', '1699999200'), ('1699999200.00000', '1699999200'),
    ('1699999199.99999', '1699995600'), ('1699999199.99999_2', '1699995600'),
    # The last of the three times counts: two hours after the data.
    ('1700000001.00000+0+2aea5400', '1700006400')])
def test_queue_container_is_of_the_hour(created_at, container):
    assert misplaced_record(misplaced(created_at), 'a', 'c')[0] == container


@pytest.mark.parametrize('deleted, kind', [(0, 'application/x-put'), (1, 'application/x-delete')])
def test_queue_row_of_a_misplaced_row(deleted, kind):
    _, entry = misplaced_record(misplaced('1700000001.00000+1+2', deleted), 'AUTH_test', 'c')
    assert entry == ObjectRecord('3:/AUTH_test/c/a/photo é', '1700000001.00000+1+2', 0, kind,
                                 '1700000001.00000+1+2', 0, 0)
