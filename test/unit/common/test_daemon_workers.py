"""Daemons in several processes: shares, restarts, the end."""
import os
import signal

import pytest

from swift.common import daemon_workers
from swift.common.daemon_workers import deal_out, run_workers, supervise
from test.support.logs import RecordingLogger
from test.support.service import alive, eventually


@pytest.mark.parametrize('devices, workers, shares', [
    ((), 3, []), (('b', 'a'), 1, [('a', 'b')]), (('c', 'b', 'a', 'a'), 2, [('a', 'c'), ('b',)]),
    (('a', 'b'), 9, [('a',), ('b',)])])
def test_devices_are_dealt_out_evenly(devices, workers, shares):
    assert deal_out(devices, workers) == shares


def test_all_workers_are_waited_for_and_failures_counted(tmp_path):
    def work(share):
        (tmp_path / share).touch()
        assert share != 'bad'
    logger = RecordingLogger()
    assert run_workers(['one', 'bad', 'two'], work, logger) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ['bad', 'one', 'two']


class Enough(Exception):
    """Ends a parent that would go on for ever."""


def test_the_dead_are_replaced_and_a_new_deal_ends_all(tmp_path):
    shares = [['a', 'b']]
    turns = []

    def work(share):
        (tmp_path / ('%s-%d' % (share, os.getpid()))).touch()
        signal.pause()

    def running(share):
        return {int(path.name.split('-')[1]) for path in tmp_path.iterdir()
                if path.name.startswith(share + '-')}

    def sleep(seconds):
        assert seconds == daemon_workers.POLL_S
        turns.append(seconds)
        if len(turns) == 1:
            eventually(lambda: running('a') and running('b'))
            victim, = running('a')
            os.kill(victim, signal.SIGKILL)
            # It stays a zombie until its parent looks.
            eventually(lambda: not alive(victim))
        elif len(turns) == 2:
            eventually(lambda: len(running('a')) == 2)
            shares[0] = ['c']
        else:
            eventually(lambda: running('c'))
            raise Enough
    with pytest.raises(Enough):
        supervise(lambda: shares[0], work, RecordingLogger(), sleep, lambda: None)
    assert len(running('a')) == 2 and len(running('b')) == 1
    for pid in running('a') | running('b'):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    for pid in running('c'):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
