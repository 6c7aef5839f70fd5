"""Native disk threads: results, limits, callers that give up, patching, forks."""
import contextvars
import os
import subprocess
import sys
import threading

import pytest

from swift.common import chain, green
from swift.common.disk_threads import DiskThreads, run_in_thread

NAME = contextvars.ContextVar('name', default='none')


@pytest.fixture
def threads():
    pools = []

    def make(*args, **kwargs):
        pools.append(DiskThreads('test', *args, **kwargs))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def test_results_and_exceptions_come_back(threads):
    pool = threads()
    assert pool.run(divmod, 7, 2) == (3, 1)
    assert pool.run(dict, a=1) == {'a': 1}
    with pytest.raises(ZeroDivisionError):
        pool.run(divmod, 1, 0)
    with pytest.raises(SystemExit):      # even this belongs to the caller, not to the thread
        pool.run(sys.exit)
    assert pool.run(int) == 0
    assert pool.statistics() == {'threads': 1, 'in_hand': 0, 'waiting': 0, 'done': 5,
                                 'abandoned': 0}


def test_work_happens_in_other_threads_while_the_loop_runs(threads):
    pool = threads(2)
    barrier = threading.Barrier(2)
    turns = []

    def work():
        barrier.wait(10)                 # passes only if both run at once
        return threading.get_ident()

    tasks = [green.spawn(pool.run, work) for _turn in range(2)]
    green.spawn(turns.append, 1)
    idents = {task.wait() for task in tasks}
    assert turns == [1]
    assert len(idents) == 2 and threading.get_ident() not in idents


def test_no_more_jobs_in_hand_than_the_limit(threads):
    pool = threads(1, queue_limit=2)
    gate = threading.Event()
    tasks = [green.spawn(pool.run, gate.wait, 10) for _turn in range(5)]
    for _turn in range(3):
        green.sleep(0)
    assert pool.statistics()['in_hand'] == 2
    assert pool.statistics()['waiting'] == 3
    tasks[4].kill()                      # gives its turn up
    gate.set()
    assert [task.wait() for task in tasks[:4]] == [True] * 4
    assert pool.statistics()['in_hand'] == 0
    assert pool.run(int) == 0


def test_abandoned_jobs(threads):
    pool = threads(1)
    gate, ran = threading.Event(), []
    running = green.spawn(pool.run, gate.wait, 10)
    queued = green.spawn(pool.run, ran.append, 1)
    green.sleep(0)
    queued.kill()
    with green.Timeout(0.01, False):
        running.wait()
    running.kill()
    gate.set()
    assert pool.run(len, 'ab') == 2
    assert ran == []                     # it had not started: it never does
    assert pool.statistics()['abandoned'] == 2
    assert pool.statistics()['in_hand'] == 0


def test_many_callers_get_their_own_results(threads):
    pool = threads(4)

    def work(number):
        return [pool.run(lambda n: n * 2, number + turn) for turn in range(50)]

    tasks = [green.spawn(work, number * 100) for number in range(20)]
    for number, task in enumerate(tasks):
        assert task.wait() == [(number * 100 + turn) * 2 for turn in range(50)]


def test_context_is_carried_into_the_thread(threads):
    pool = threads()
    NAME.set('request')
    assert pool.run(NAME.get) == 'request'
    NAME.set('none')


def test_from_another_native_thread_the_work_runs_there(threads):
    pool = threads()
    assert pool.run(int) == 0
    idents = []
    worker = threading.Thread(target=lambda: idents.append(pool.run(threading.get_ident)))
    worker.start()
    worker.join(10)
    assert idents == [worker.ident]
    # Work that hands in more work does not wait for itself.
    assert pool.run(lambda: pool.run(len, 'abc')) == 3


# -- programs, in threads without an interpreter ------------------------------------------------

@pytest.fixture(params=['native', 'python'])
def way(request, monkeypatch):
    if request.param == 'python':
        monkeypatch.setattr(chain, 'is_native', lambda: False)
    elif not chain.is_native():
        pytest.skip('the extension is not built')


def touching(path):
    return (chain.open_file(0, str(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND),
            chain.append(0, b'x', 1 << 20))


def test_programs_and_their_failures_come_back(threads, way, tmp_path):
    pool = threads()
    assert pool.run_program((chain.make_dir(str(tmp_path / 'a')),)) == 1
    with pytest.raises(chain.Stopped) as stopped:
        pool.run_program((chain.exists(str(tmp_path / 'a')), chain.exists(str(tmp_path / 'b'))))
    assert stopped.value.done == 1
    assert isinstance(stopped.value.error, FileNotFoundError)
    assert stopped.value.error.filename == str(tmp_path / 'b')
    with pytest.raises((TypeError, ValueError)):
        pool.run_program(((99, 0, None, None, 0),))
    assert pool.statistics()['in_hand'] == 0


def test_many_programs_at_once(threads, way, tmp_path):
    pool = threads(3, queue_limit=5)

    def work(number):
        return [pool.run_program(touching(tmp_path / str(number))) for _turn in range(20)]

    tasks = [green.spawn(work, number) for number in range(12)]
    assert [task.wait() for task in tasks] == [[0] * 20] * 12
    assert {path.stat().st_size for path in tmp_path.iterdir()} == {20}
    assert pool.statistics()['in_hand'] == pool.statistics()['waiting'] == 0


def test_programs_share_the_limit_with_jobs(threads, way, tmp_path):
    pool = threads(1, queue_limit=1)
    gate = threading.Event()
    job = green.spawn(pool.run, gate.wait, 10)
    program = green.spawn(pool.run_program, touching(tmp_path / 'a'))
    for _turn in range(3):
        green.sleep(0)
    assert pool.statistics()['waiting'] == 1
    gate.set()
    assert (job.wait(), program.wait()) == (True, 0)


@pytest.mark.skipif(not chain.is_native(), reason='the extension is not built')
def test_a_program_goes_on_when_its_caller_is_killed(threads, tmp_path):
    pool = threads(1)
    fifo, after = str(tmp_path / 'fifo'), tmp_path / 'after'
    os.mkfifo(fifo)
    caller = green.spawn(pool.run_program, (
        chain.open_file(1, fifo, os.O_RDONLY), *touching(after)))      # opens when we open it
    green.sleep(0)
    caller.kill()
    assert pool.statistics() == {'threads': 0, 'in_hand': 1, 'waiting': 0, 'done': 0,
                                 'abandoned': 1}
    os.close(os.open(fifo, os.O_WRONLY))
    pool.run_program(())                         # the one thread is free again
    assert after.stat().st_size == 1
    assert pool.statistics()['in_hand'] == 0


def test_a_program_of_another_native_thread_runs_there(threads, way, tmp_path):
    pool = threads()
    assert pool.run(lambda: pool.run_program(touching(tmp_path / 'a'))) == 0


def test_programs_in_a_forked_child(threads, way, tmp_path):
    pool = threads()
    pool.run_program(())
    pid = os.fork()
    if not pid:
        green.after_fork_in_child()
        os._exit(pool.run_program(()))
    assert os.waitpid(pid, 0)[1] == 0
    assert pool.run_program(()) == 0


def test_forked_child_starts_anew(threads):
    pool = threads()
    assert pool.run(int) == 0
    pid = os.fork()
    if not pid:
        green.after_fork_in_child()
        os._exit(0 if pool.run(os.getpid) == os.getpid() else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert pool.run(int) == 0


def test_close_is_idempotent_and_final(threads):
    pool = threads()
    pool.run(int)
    pool.close()
    pool.close()
    with pytest.raises(AssertionError):
        pool.run(int)


def test_shared_threads():
    assert run_in_thread(threading.get_ident) != threading.get_ident()


def test_works_patched():
    """In a process of its own: patching cannot be undone."""
    program = '''
from swift.common import chain, green
from swift.common.disk_threads import DiskThreads
green.patch()
import threading, time, socket, queue
pool = DiskThreads('d', 2)
main = green.native_thread.get_ident()
assert pool.run(green.native_thread.get_ident) != main
tasks = [green.spawn(pool.run, divmod, n, 2) for n in range(100)]
assert [t.wait() for t in tasks] == [divmod(n, 2) for n in range(100)]
done = []
threading.Thread(target=lambda: (time.sleep(0.01), done.append(1))).start()
while not done: time.sleep(0.001)
pool.close()
print('fine')
'''
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', program], capture_output=True,
                          text=True, timeout=60)
    assert (done.stdout, done.returncode) == ('fine\n', 0), done.stderr
