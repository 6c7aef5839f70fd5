"""Replication killed at every durable step: nothing is lost, the next passes finish the work."""
import os
import signal

import pytest

from swift.common import fs
from test.support.brokers import T, cont, obj, put
from test.support.db_cluster import DbCluster
from test.unit.common.db.replication.test_replicator import assert_equal, create

STEPS_MAX = 60


def run_until(devices, kind, step, work):
    """Do `work(cluster)` in a process that kills itself at a step; tell whether it got that far."""
    pid = os.fork()
    if pid == 0:
        left = [step]

        def hook(_name):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        try:
            cluster = DbCluster(kind, devices)
            fs.set_step_hook(hook)
            work(cluster)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def missing(cluster):
    create(cluster, 0, 'a', 'b')
    return 2


def far_behind(cluster):
    create(cluster, 0, *(f'o{number}' for number in range(9)))
    create(cluster, 1, 'mine')
    return 10


def handoff(cluster):
    create(cluster, 3, 'a', 'b')
    create(cluster, 1, 'c')
    return 3


def deleted(cluster):
    broker = create(cluster, 0, 'a')
    cluster.settle()
    put(broker, obj('a', T[5], deleted=1) if cluster.kind == 'container'
        else cont('a', T[2], T[5], 0, 0))
    broker.merge_pending()
    broker.delete_db(T[6])
    if cluster.kind == 'container':
        for number in range(3):
            cluster.broker(number).reported(T[1], T[6], 0, 0)
    cluster.settle()
    return 0


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['container', 'account'])
@pytest.mark.parametrize('prepare', [missing, far_behind, handoff])
def test_killed_while_replicating(tmp_path, kind, prepare):
    for step in range(STEPS_MAX):
        devices = tmp_path / str(step)
        cluster = DbCluster(kind, devices)
        rows = prepare(cluster)
        cluster.close()
        killed = run_until(devices, kind, step,
                           lambda cluster: [cluster.replicate(number, per_diff='2')
                                            for number in (3, 0, 1)])
        cluster = DbCluster(kind, devices)
        cluster.settle()
        assert cluster.holders() == [0, 1, 2], step
        assert assert_equal(cluster)[0]['count'] == rows, step
        assert not any(name.endswith('.db') for _, _, names in os.walk(cluster.device(3))
                       for name in names)
        cluster.close()
        if not killed:
            break
    assert not killed and step > 3


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['container', 'account'])
def test_killed_while_removing(tmp_path, kind):
    for step in range(STEPS_MAX):
        devices = tmp_path / str(step)
        cluster = DbCluster(kind, devices)
        deleted(cluster)
        cluster.close()

        def work(cluster):
            cluster.clock.advance(604800 * 3)
            cluster.replicate(0)
        killed = run_until(devices, kind, step, work)
        cluster = DbCluster(kind, devices)
        cluster.clock.advance(604800 * 3)
        cluster.replicate(0, 1, 2)
        assert cluster.holders() == []
        for number in range(3):
            left = os.walk(f'{cluster.device(number)}/{cluster.place(0).datadir}')
            assert not any(names for _, _, names in left), step
        cluster.close()
        if not killed:
            break
    assert not killed and step > 3
