"""Several processes on one database; and a process killed while it appends and merges.

Whatever was acknowledged is there afterwards, once, and the database is sound.
"""
import os
import signal
import sqlite3
from contextlib import closing

import pytest

from swift.common.db.broker import Broker
from test.support.brokers import container_broker, environment, obj, put, raw

PROCESSES, RECORDS = 3, 40


def in_child(work):
    """Run `work` in a forked process; return its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
        os._exit(0)
    except BaseException:
        os._exit(1)


def names_in(broker):
    with closing(sqlite3.connect(broker.path)) as db:
        assert db.execute('PRAGMA integrity_check').fetchone() == ('ok',)
        return [name for name, in db.execute('SELECT name FROM object ORDER BY name')]


def test_processes_share_a_database(tmp_path):
    broker = container_broker(tmp_path)
    broker.close()

    def work(number):
        own = type(broker)(broker.place, environment())
        for index in range(RECORDS):
            put(own, obj(f'{number}-{index:02}'))
            if index % 5 == number:
                own.info()
    children = [in_child(lambda number=number: work(number)) for number in range(PROCESSES)]
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * PROCESSES
    info = broker.info()
    assert info.object_count == PROCESSES * RECORDS
    assert names_in(broker) == sorted(f'{number}-{index:02}' for number in range(PROCESSES)
                                      for index in range(RECORDS))
    broker.close()


@pytest.mark.parametrize('cut', ['before the merge', 'in the transaction', 'before emptying'])
def test_process_killed_while_merging_loses_and_doubles_nothing(tmp_path, monkeypatch, cut):
    broker = container_broker(tmp_path)
    put(broker, obj('a'))
    broker.info()
    put(broker, obj('a', '1700000009.00000', size=9), obj('b'))
    broker.close()

    def die(*args):
        os.kill(os.getpid(), signal.SIGKILL)

    def work():
        own = type(broker)(broker.place, environment())
        merge = Broker._merge_log
        if cut == 'before the merge':
            own._merge_log = die
        elif cut == 'in the transaction':
            rows = own._rows_named

            def read_and_die(file, names):
                found = list(rows(file, names))
                file.db.execute('DELETE FROM object')
                file.db.execute('PRAGMA cache_spill = 1')
                die()
                return found
            own._rows_named = read_and_die
        else:
            own._merge_log = lambda file, data: (merge(own, file, data), die())
        own.info()
    _, status = os.waitpid(in_child(work), 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    info = broker.info()
    assert (info.object_count, info.bytes_used) == (2, 10)
    assert names_in(broker) == ['a', 'b']
    assert raw(broker, 'SELECT count(*) FROM object') == [(2,)]
    broker.close()
