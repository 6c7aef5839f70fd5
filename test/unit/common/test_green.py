"""Green threads and waiting."""
import contextvars
import os
import signal
import socket
import subprocess
import sys

import pytest

from swift.common import green
from swift.common.clock import SYSTEM, ManualClock

NAME = contextvars.ContextVar('name', default='none')


@pytest.fixture
def pair():
    one, two = socket.socketpair()
    one.setblocking(False)
    two.setblocking(False)
    yield one, two
    one.close()
    two.close()


# --- readiness ---------------------------------------------------------------------------------

def test_wait_read(pair):
    one, two = pair
    ready = green.Readiness(one.fileno())
    assert ready.wait_read(0.01) is False
    green.spawn(two.send, b'x')
    assert ready.wait_read(5) is True
    assert one.recv(10) == b'x'
    assert ready.wait_read(0.01) is False
    ready.close()


def test_unwanted_events_do_not_keep_the_loop_busy(pair):
    one, two = pair
    ready = green.Readiness(one.fileno())
    assert ready.wait_read(0) is False
    two.send(b'x')
    green.sleep(0.001)
    assert ready._listeners[0] is None   # nobody was interested: deregistered
    assert ready.wait_read(5) is True    # and registered again, data still there
    ready.close()


def test_a_later_deadline_moves_the_timer(pair):
    one, _two = pair
    ready = green.Readiness(one.fileno())
    assert ready.wait_read(0.01) is False
    start = SYSTEM.monotonic()
    task = green.spawn(ready.wait_read, 60)
    green.sleep(0)
    task.kill()
    assert ready.wait_read(0.03) is False        # shorter than the timer that is set
    assert 0.02 < SYSTEM.monotonic() - start < 5
    assert ready.wait_read(0.02) is False
    ready.close()


def test_watch(pair):
    one, two = pair
    ready = green.Readiness(one.fileno())
    calls = []
    ready.watch(lambda: calls.append(one.recv(10)))
    two.send(b'a')
    green.sleep(0.001)
    two.send(b'b')
    green.sleep(0.001)
    assert calls == [b'a', b'b']
    ready.unwatch()
    two.send(b'c')
    green.sleep(0.001)
    assert calls == [b'a', b'b']
    ready.close()


def test_close_wakes_the_waiter(pair):
    one, _two = pair
    ready = green.Readiness(one.fileno())
    task = green.spawn(ready.wait_read, None)
    green.sleep(0)
    ready.close()
    assert task.wait() is False


def test_reader_and_writer_wait_apart(pair):
    one, two = pair
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    while True:
        try:
            one.send(b'x' * 4096)
        except BlockingIOError:
            break
    ready = green.Readiness(one.fileno())
    reader = green.spawn(ready.wait_read, 5)
    writer = green.spawn(ready.wait_write, 5)
    green.sleep(0)
    two.send(b'y')
    assert reader.wait() is True
    assert not writer.dead
    while True:
        try:
            two.recv(65536)
        except BlockingIOError:
            break
    assert writer.wait() is True
    assert ready.wait_read(0) is True
    ready.close()


def test_callback_that_raises_does_not_harm_the_loop(pair, capsys):
    one, two = pair
    ready = green.Readiness(one.fileno())

    def bad():
        ready.unwatch()
        raise ValueError('shown on stderr')

    ready.watch(bad)
    two.send(b'x')
    green.sleep(0.001)
    assert 'shown on stderr' in capsys.readouterr().err
    assert ready.wait_read(5) is True
    ready.close()


def test_a_listener_that_raises_loses_its_descriptor_and_nobody_else(pair, capsys):
    left, right = pair
    hub = green.hubs.get_hub()
    assert type(hub) is green.Hub

    def fail(_fd):
        raise ValueError('a bug')

    hub.add(hub.READ, left.fileno(), fail, lambda error: None, None)
    ready = green.Readiness(right.fileno())
    try:
        left.send(b'1')
        right.send(b'2')
        assert ready.wait_read(1)
        green.sleep(0)
        assert left.fileno() not in hub.listeners[hub.READ]
        assert 'a bug' in capsys.readouterr().err
    finally:
        ready.close()


def test_timers_run_in_order_while_nothing_is_ready():
    order = []
    green.call_later(0.002, order.append, 2)
    green.call_later(0, order.append, 0)
    green.call_later(0.001, order.append, 1)
    cancelled = green.call_later(0, order.append, 'cancelled')
    cancelled.cancel()
    # A timer made by a timer is due in the same turn at the earliest, never lost.
    green.call_later(0, lambda: green.call_later(0, order.append, 'made'))
    green.sleep(0.01)
    assert order[0] == 0
    assert sorted(map(str, order)) == ['0', '1', '2', 'made']
    assert order.index(1) < order.index(2)


def test_wait_readable_and_writable(pair):
    one, two = pair
    assert green.wait_writable(one, 1) is True
    assert green.wait_readable(one.fileno(), 0.001) is False
    two.send(b'x')
    assert green.wait_readable(one, 1) is True


# --- pools -------------------------------------------------------------------------------------

def test_pile_gives_results_in_completion_order():
    gates = [green.Event() for _turn in range(3)]

    def work(number):
        gates[number].wait()
        return number

    with green.Pile(3) as pile:
        for number in range(3):
            pile.spawn(work, number)
        assert pile.wait_first(0.001) is None
        gates[2].send()
        assert pile.wait_first(5) == 2
        assert pile.pending == 2
        gates[0].send()
        gates[1].send()
        assert sorted(pile) == [0, 1]
        assert pile.wait_first(5) is None
        assert list(pile) == []


def test_pile_raises_at_the_turn_of_the_failure():
    with green.Pile(2) as pile:
        pile.spawn(int, 'x')
        with pytest.raises(ValueError):
            next(pile)
        pile.spawn(int, 'x')
        pile.spawn(int, '5')
        assert pile.wait_all(5) == [5]


def test_pile_wait_all_gives_up():
    killed = []

    def hang():
        try:
            green.sleep(60)
        except green.GreenletExit:
            killed.append(1)
            raise

    with green.Pile(2) as pile:
        pile.spawn(int, '1')
        pile.spawn(hang)
        assert pile.wait_all(0.01) == [1]
    assert killed == [1]


def test_context_pool_kills_leftovers():
    ends = []

    def hang():
        try:
            green.sleep(60)
        finally:
            ends.append(1)

    with green.ContextPool(5) as pool:
        for _turn in range(3):
            pool.spawn(hang)
        green.sleep(0)
    assert ends == [1, 1, 1]


def test_children_inherit_context():
    NAME.set('request')
    try:
        assert green.spawn(NAME.get).wait() == 'request'
        assert green.Pool(1).spawn(NAME.get).wait() == 'request'
        assert green.spawn_after(0, NAME.get).wait() == 'request'
        with green.Pile(1) as pile:
            pile.spawn(NAME.get)
            assert list(pile) == ['request']
        seen = []
        green.spawn_detached(lambda: seen.append(NAME.get()))
        green.sleep(0)
        assert seen == ['request']
        green.spawn(NAME.set, 'other').wait()
        assert NAME.get() == 'request'
    finally:
        NAME.set('none')


def test_crew_keeps_its_green_threads():
    crew = green.Crew(kept=2)
    seen = []
    gate = green.Event()

    def work():
        gate.wait()
        seen.append(green.current_id())

    for _turn in range(4):
        crew.start_soon(work)
    green.sleep(0)
    gate.send()
    green.sleep(0.001)
    assert len(set(seen)) == 4
    assert len(crew._idle) == 2
    crew.start_soon(work)
    green.sleep(0.001)
    assert seen[4] in seen[:4]
    crew.close()
    green.sleep(0.001)
    assert crew._idle == []


def test_lock():
    lock, order = green.Lock(), []

    def work(number):
        with lock:
            order.append(number)
            green.sleep(0)
            order.append(number)

    tasks = [green.spawn(work, number) for number in range(3)]
    for task in tasks:
        task.wait()
    assert order == [0, 0, 1, 1, 2, 2]


# --- sockets, signals, clocks ------------------------------------------------------------------

@pytest.mark.parametrize('host', ['127.0.0.1', '::1'])
def test_listen_and_connect(host):
    try:
        sock = green.listen((host, 0), reuse_port=True)
    except OSError:
        pytest.skip(f'no {host} here')
    client = green.connect(sock.getsockname()[:2], 5)
    server, _peer = sock.accept()
    assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    for each in (client, server, sock):
        each.close()


def test_listen_on_a_path(tmp_path):
    sock = green.listen(str(tmp_path / 'socket'))
    assert sock.family == socket.AF_UNIX
    sock.close()


def test_refused_connection():
    sock = green.listen(('127.0.0.1', 0))
    address = sock.getsockname()
    sock.close()
    with pytest.raises(ConnectionRefusedError):
        green.connect(address, 5)


def test_signal_wakes_a_sleeping_loop():
    program = '''
import os, signal
from swift.common import green
from swift.common.disk_threads import run_in_thread
done = green.Event()
green.on_signal(signal.SIGUSR1, lambda: (green.sleep(0), done.send('got it')))
run_in_thread(os.kill, os.getpid(), signal.SIGUSR1)
with green.Timeout(30):
    print(done.wait())
'''
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', program], capture_output=True,
                          text=True, timeout=60)
    assert done.stdout == 'got it\n', done.stderr


def test_child_does_not_wake_its_parent():
    program = '''
import os, signal
from swift.common import green
green.on_signal(signal.SIGUSR1, lambda: print('never'))
pid = os.fork()
if not pid:
    green.after_fork_in_child()
    os.kill(os.getpid(), signal.SIGUSR1)
print(os.waitpid(pid, 0)[1] == signal.SIGUSR1)
green.sleep(0)
'''
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', program], capture_output=True,
                          text=True, timeout=60)
    assert done.stdout == 'True\n', done.stderr


def test_manual_clock():
    clock = ManualClock(time=100.0)
    clock.advance(5)
    assert (clock.time(), clock.monotonic()) == (105.0, 5.0)
    assert signal.SIGALRM and SYSTEM.time() > 1.6e9


def test_readiness_of_a_descriptor_closed_without_a_word_gives_way_to_the_next():
    gone, _peer = socket.socketpair()
    number, calls = gone.fileno(), []
    green.Readiness(number).watch(lambda: calls.append('old'))
    gone.close()
    here, other = socket.socketpair()
    os.dup2(here.fileno(), number)
    ready = green.Readiness(number)
    other.send(b'x')
    assert ready.wait_read(5)
    ready.close()
    os.close(number)
    assert not calls
