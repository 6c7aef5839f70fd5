"""Group appends: what joins what, who gets which outcome."""
import pytest

from swift.common import green
from swift.common.db.group import GROUP_RECORDS_MAX, AppendAbandoned, GroupAppend


class SlowDisk:
    """Appends that end when the test says so."""

    def __init__(self):
        self.batches = []
        self.gates = []

    def append(self, key, data):
        gate = green.Event()
        self.batches.append((key, data))
        self.gates.append(gate)
        error = gate.wait()
        if error is not None:
            raise error


@pytest.fixture
def disk():
    return SlowDisk()


def start(appends, *records, key='k'):
    tasks = [green.spawn(appends.add, key, key, record) for record in records]
    green.sleep(0)
    green.sleep(0)
    return tasks


def test_records_that_come_meanwhile_are_one_append(disk):
    appends = GroupAppend(disk.append)
    first, = start(appends, b'1')
    others = start(appends, b'2', b'3', b'4')
    assert disk.batches == [('k', b'1')]
    disk.gates[0].send(None)
    first.wait()
    green.sleep(0)
    assert disk.batches == [('k', b'1'), ('k', b'234')]
    disk.gates[1].send(None)
    for task in others:
        task.wait()
    assert appends.statistics() == {'busy': 0, 'gathering': 0}


def test_nothing_is_acknowledged_before_its_append_ended(disk):
    appends = GroupAppend(disk.append)
    tasks = start(appends, b'1', b'2')
    disk.gates[0].send(None)
    tasks[0].wait()
    green.sleep(0)
    assert not tasks[1].dead
    disk.gates[1].send(None)
    tasks[1].wait()


def test_databases_do_not_wait_for_each_other(disk):
    appends = GroupAppend(disk.append)
    start(appends, b'1', key='a')
    start(appends, b'2', key='b')
    assert disk.batches == [('a', b'1'), ('b', b'2')]
    for gate in disk.gates:
        gate.send(None)


def test_every_member_gets_the_error_of_its_group_only(disk):
    appends = GroupAppend(disk.append)
    first, second, third = start(appends, b'1', b'2', b'3')
    disk.gates[0].send(None)
    first.wait()
    green.sleep(0)
    disk.gates[1].send(OSError('no'))
    for task in (second, third):
        with pytest.raises(OSError):
            task.wait()
    task, = start(appends, b'4')
    disk.gates[2].send(None)
    task.wait()


def test_a_killed_sender_does_not_kill_the_others(disk):
    appends = GroupAppend(disk.append)
    first, second, third = start(appends, b'1', b'2', b'3')
    disk.gates[0].send(None)
    first.wait()
    green.sleep(0)
    second.kill()
    with pytest.raises(AppendAbandoned):
        third.wait()
    assert appends.statistics() == {'busy': 0, 'gathering': 0}


def test_a_group_is_bounded(disk):
    appends = GroupAppend(disk.append)
    tasks = start(appends, b'x', *[b'.'] * (GROUP_RECORDS_MAX + 3))
    for index in range(3):
        disk.gates[index].send(None)
        green.sleep(0)
        green.sleep(0)
    for task in tasks:
        task.wait()
    assert [len(data) for _, data in disk.batches] == [1, GROUP_RECORDS_MAX, 3]
