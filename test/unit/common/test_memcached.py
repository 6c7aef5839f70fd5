"""The memcache client when servers are slow, silent, gone, restarted or talk nonsense."""
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from swift.common import green
from swift.common.clock import ManualClock
from swift.common.memcached import (
    QUESTIONS_KEPT,
    MemcacheConnectionError,
    MemcacheIncrNotFoundError,
    MemcacheRing,
    MemcacheSettings,
    parse_server,
)
from swift.core.memcache_ring import PROBE_INTERVAL_S, hash_key
from test.support.logs import RecordingLogger
from test.support.memcached_server import ScriptedServer, free_port

QUICK = MemcacheSettings(io_timeout_s=0.05, pool_timeout_s=0.05, connect_timeout_s=0.5)
KEY = 'account/a'
END = b'END\r\n'
STORED = b'STORED\r\n'


def value(key, data=b'1'):
    return b'VALUE %s 2 %d\r\n%s\r\n' % (hash_key(key).encode(), len(data), data)


@pytest.fixture
def ring_of():
    """Make rings that are closed at the end: a descriptor must leave the loop before it ends."""
    rings = []

    def make(*servers, settings=QUICK, **more):
        names = [getattr(server, 'address', server) for server in servers]
        rings.append(MemcacheRing(names, settings,
                                  logger=more.pop('logger', RecordingLogger()), **more))
        return rings[-1]

    yield make
    for ring in rings:
        ring.close()


class Metrics:
    def __init__(self):
        self.names = []

    def timing(self, name, ms, rate):
        self.names.append((name, rate))

    def increment(self, name):
        self.names.append((name, None))


@pytest.mark.parametrize('text, parsed', [
    ('cache', ('cache', 11211)), ('10.0.0.1:1', ('10.0.0.1', 1)), ('[::1]', ('::1', 11211)),
    ('[::1]:22', ('::1', 22))])
def test_parse_server(text, parsed):
    assert parse_server(text) == parsed


@pytest.mark.parametrize('text', ['', ':1', '::1', 'a:b', '[::1', '[::1]x', 'a:1:2'])
def test_parse_server_refuses(text):
    with pytest.raises(ValueError):
        parse_server(text)


def test_one_command_is_one_write_on_one_kept_connection(ring_of):
    with ScriptedServer([value(KEY) + END, END, STORED]) as server:
        ring = ring_of(server)
        assert ring.get(KEY) == 1
        assert ring.get(KEY) is None
        ring.set(KEY, {'a': 'é'}, time=60)
        assert server.connections == 1
        assert server.received[2] == (
            b'set %s 2 60 13\r\n{"a": "\\u00e9"}\r\n' % hash_key(KEY).encode()).replace(
                b' 13', b' 15')


def test_a_silent_server_is_a_miss_and_its_connection_is_not_used_again(ring_of):
    with ScriptedServer([b''], [value(KEY) + END]) as server:
        ring = ring_of(server)
        assert ring.get(KEY) is None
        assert 'Timeout talking to memcached' in ring.logger.lines()[0]
        assert ring.get(KEY) == 1
        assert server.connections == 2


def test_trouble_is_raised_when_asked_for(ring_of):
    ring = ring_of(f'127.0.0.1:{free_port()}')
    assert ring.get(KEY) is None
    ring.set(KEY, 1)
    ring.delete(KEY)
    assert ring.get_multi(['a', 'b'], KEY) == [None, None]
    assert ring.get_many(['a', 'b']) == {}
    for call in (lambda: ring.get(KEY, raise_on_error=True),
                 lambda: ring.set(KEY, 1, raise_on_error=True),
                 lambda: ring.get_multi([KEY], KEY, raise_on_error=True),
                 lambda: ring.set_multi({KEY: 1}, KEY, raise_on_error=True),
                 lambda: ring.incr(KEY)):
        with pytest.raises(MemcacheConnectionError):
            call()


@pytest.mark.parametrize('noise', [b'ERROR\r\n', b'END\r\nEND\r\n', b'\x00' * 3000])
def test_noise_is_a_miss_and_ends_the_connection(ring_of, noise):
    with ScriptedServer([noise], [value(KEY) + END]) as server:
        ring = ring_of(server)
        assert ring.get(KEY) is None
        assert ring.get(KEY) == 1


def test_refused_store_is_no_fault_of_the_server(ring_of):
    with ScriptedServer([b'SERVER_ERROR object too large for cache\r\n', STORED]) as server:
        ring = ring_of(server)
        with pytest.raises(MemcacheConnectionError):
            ring.set(KEY, 1, raise_on_error=True)
        ring.set(KEY, 1, raise_on_error=True)
        assert server.connections == 1


def test_a_restarted_server_costs_nothing(ring_of):
    with ScriptedServer([value(KEY) + END, None], [value(KEY, b'2') + END]) as server:
        logger = RecordingLogger()
        ring = ring_of(server, logger=logger)
        assert ring.get(KEY) == 1
        assert ring.get(KEY) == 2
        assert not logger.lines()


def test_a_fresh_connection_that_is_closed_is_trouble(ring_of):
    with ScriptedServer([None], [None]) as server:
        ring = ring_of(server)
        assert ring.get(KEY) is None
        assert server.connections == 1
        assert 'Error connecting to memcached' in ring.logger.lines()[0]


def test_a_reply_cut_in_the_middle_is_trouble(ring_of):
    with ScriptedServer([END, b'VALUE x 2 10\r\n123']) as server:
        ring = ring_of(server)
        ring.get(KEY)
        assert ring.get(KEY) is None
        assert 'Timeout talking' in ring.logger.lines()[0]


def test_connections_are_bounded_and_waited_for(ring_of):
    def slowly(data):
        green.sleep(0.01)
        return END
    with ScriptedServer([slowly] * 20) as server:
        ring = ring_of(server, settings=MemcacheSettings(max_connections=2))
        tasks = [green.spawn(ring.get, KEY) for _ in range(8)]
        for task in tasks:
            task.wait()
        assert server.connections == 2
        assert len(server.received) == 8
        assert not ring.logger.lines()


def test_waiting_for_a_connection_is_bounded(ring_of):
    with ScriptedServer([b'']) as server:
        ring = ring_of(server, settings=MemcacheSettings(max_connections=1, io_timeout_s=0.3,
                                                         pool_timeout_s=0.01))
        first = green.spawn(ring.get, KEY)
        green.sleep(0)
        assert ring.get(KEY) is None
        assert 'Timeout getting a connection to memcached' in ring.logger.lines()[0]
        first.wait()


def test_a_killed_command_closes_its_connection_and_frees_its_slot(ring_of):
    with ScriptedServer([b''], [value(KEY) + END]) as server:
        ring = ring_of(server, settings=MemcacheSettings(max_connections=1))
        task = green.spawn(ring.get, KEY)
        while not server.received:
            green.sleep(0)
        task.kill()
        assert ring.get(KEY) == 1
        assert server.connections == 2


def test_the_next_server_is_asked_when_the_first_fails(ring_of):
    with ScriptedServer([value(KEY) + END, STORED]) as good:
        dead = f'127.0.0.1:{free_port()}'
        ring = ring_of(good, dead)
        for n in range(20):
            key = f'key{n}'
            if ring.circle.first(hash_key(key)) == dead:
                break
        ring.get(key)
        assert good.received == [b'get %s\r\n' % hash_key(key).encode()]


def test_a_server_with_too_many_errors_is_left_alone_for_a_while(ring_of):
    clock = ManualClock()
    settings = MemcacheSettings(error_limit=2, error_interval_s=60, io_timeout_s=0.5)
    with ScriptedServer(*[[b'ERROR\r\n']] * 3, [value(KEY) + END]) as server:
        ring = ring_of(server, settings=settings, clock=clock)
        for _ in range(5):
            assert ring.get(KEY) is None
        assert server.connections == 3
        assert ring.logger.lines()[-1] == f'Error limiting server {server.address}'
        assert ring.get_many([KEY]) == {}
        clock.advance(60)
        assert ring.get(KEY) == 1


def test_the_only_server_is_tried_now_and_then_and_used_again_once_it_works(ring_of):
    clock = ManualClock()
    settings = MemcacheSettings(error_limit=1, error_interval_s=60, io_timeout_s=0.5)
    replies = [value(KEY) + END]
    with ScriptedServer(*[[b'ERROR\r\n']] * 3, replies * 3) as server:
        ring = ring_of(server, settings=settings, clock=clock)
        for _ in range(3):
            assert ring.get(KEY) is None
        assert server.connections == 2
        clock.advance(PROBE_INTERVAL_S)
        assert ring.get_many([KEY]) == {}
        assert ring.get(KEY) is None
        assert server.connections == 3  # one try only
        clock.advance(PROBE_INTERVAL_S)
        assert ring.get(KEY) == 1
        assert ring.get_many([KEY]) == {KEY: 1}
        assert ring.get(KEY) == 1


def test_a_limited_server_beside_one_that_works_is_not_tried(ring_of):
    clock = ManualClock()
    settings = MemcacheSettings(error_limit=0, error_interval_s=60, io_timeout_s=0.5)
    with ScriptedServer([b'ERROR\r\n']) as bad, ScriptedServer([END] * 60) as good:
        ring = ring_of(bad, good, settings=settings, clock=clock)
        for number in range(25):
            ring.get(f'{KEY}{number}')
        clock.advance(PROBE_INTERVAL_S)
        for number in range(25):
            ring.get(f'{KEY}{number}')
        assert (bad.connections, good.connections) == (1, 1)


def test_counter_that_is_created_by_somebody_else_in_between(ring_of):
    with ScriptedServer([b'NOT_FOUND\r\n', b'NOT_STORED\r\n', b'8\r\n']) as server:
        assert ring_of(server).incr(KEY, 3, time=10) == 8
        name = hash_key(KEY).encode()
        assert server.received == [b'incr %s 3\r\n' % name, b'add %s 0 10 1\r\n3\r\n' % name,
                                   b'incr %s 3\r\n' % name]


def test_counter_that_vanishes_in_between_is_nobodys_fault(ring_of):
    with ScriptedServer([b'NOT_FOUND\r\n', b'NOT_STORED\r\n', b'NOT_FOUND\r\n']) as server:
        ring = ring_of(server)
        with pytest.raises(MemcacheIncrNotFoundError):
            ring.incr(KEY)
        assert not ring.logger.lines()


def test_counter_over_something_else_raises(ring_of):
    with ScriptedServer([b'CLIENT_ERROR cannot increment non-numeric value\r\n']) as server:
        with pytest.raises(MemcacheConnectionError):
            ring_of(server).incr(KEY)


def keys_on(ring, server, count):
    keys = (f'key{n}' for n in range(1000))
    return [key for key in keys if ring.circle.first(hash_key(key)) == server][:count]


def test_get_many_asks_each_server_once_and_survives_one(ring_of):
    def all_of(data):
        names = data.split()[1:]
        return b''.join(b'VALUE %s 2 1\r\n7\r\n' % name for name in names) + END
    with ScriptedServer([all_of]) as one, ScriptedServer([b'']) as silent:
        ring = ring_of(one, silent)
        mine, lost = keys_on(ring, one.address, 3), keys_on(ring, silent.address, 2)
        assert ring.get_many(mine + lost) == dict.fromkeys(mine, 7)
        assert len(one.received) == len(silent.received) == 1


def test_get_many_sees_every_change_and_reads_equal_replies_once(ring_of):
    old, new = value(KEY, b'[1]') + END, value(KEY, b'[2]') + END
    with ScriptedServer([old, old, new, END, old]) as server:
        ring = ring_of(server)
        first, second, third, gone, back = (ring.get_many([KEY]) for _ in range(5))
        assert first == second == back == {KEY: [1]}
        assert first[KEY] is second[KEY]
        assert third == {KEY: [2]}
        assert gone == {}


def test_get_many_remembers_a_bounded_number_of_questions(ring_of):
    with ScriptedServer([END] * (QUESTIONS_KEPT + 10)) as server:
        ring = ring_of(server)
        for number in range(QUESTIONS_KEPT + 10):
            assert ring.get_many([f'account/{number}']) == {}
        assert len(ring._questions) == QUESTIONS_KEPT


def test_get_many_of_two_requests_never_wait_for_each_other(ring_of):
    def empty(data):
        green.sleep(0)
        return END
    with ScriptedServer([empty] * 50) as one, ScriptedServer([empty] * 50) as two:
        ring = ring_of(one, two, settings=MemcacheSettings(max_connections=1))
        keys = keys_on(ring, one.address, 1) + keys_on(ring, two.address, 1)
        tasks = [green.spawn(ring.get_many, keys[::step]) for step in (1, -1) * 10]
        assert [task.wait() for task in tasks] == [{}] * 20
        assert not ring.logger.lines()


def test_get_many_that_is_killed_frees_all_slots(ring_of):
    with ScriptedServer([b''], [END]) as one, ScriptedServer([b''], [END]) as two:
        ring = ring_of(one, two, settings=MemcacheSettings(max_connections=1))
        keys = keys_on(ring, one.address, 1) + keys_on(ring, two.address, 1)
        task = green.spawn(ring.get_many, keys)
        while not (one.received and two.received):
            green.sleep(0)
        task.kill()
        assert ring.get_many(keys) == {}
        assert not ring.logger.lines()


def test_metrics_are_sampled_by_method(ring_of):
    metrics = Metrics()
    with ScriptedServer([END, STORED, b'1\r\n', b'ERROR\r\n']) as server:
        ring = ring_of(server, metrics=metrics)
        ring.get(KEY)
        ring.set(KEY, 1)
        ring.incr(KEY)
        ring.get(KEY)
    assert metrics.names == [
        ('memcached.get.timing', 0.01), ('memcached.set.timing', 0.1),
        ('memcached.incr.timing', 0.001), ('memcached.get.errors', None),
        ('memcached.get.timing', 0.01)]


def test_large_items_are_warned_about(ring_of):
    with ScriptedServer([STORED, STORED]) as server:
        ring = ring_of(server, settings=MemcacheSettings(item_size_warning_threshold=10))
        ring.set('shard/a/c', 'x' * 7)
        assert not ring.logger.lines()
        ring.set('shard/a/c', 'x' * 8)
        assert 'Item size larger than warning threshold: 10 >= 10, key_prefix shard/a' in (
            ring.logger.lines()[0])


def test_close_forgets_idle_connections(ring_of):
    with ScriptedServer([END], [END]) as server:
        ring = ring_of(server)
        ring.get(KEY)
        ring.close()
        ring.get(KEY)
        assert server.connections == 2


# -- TLS ---------------------------------------------------------------------------------------

@pytest.fixture
def certificate(tmp_path):
    if shutil.which('openssl') is None:
        pytest.skip('the program openssl is not installed')
    key, cert = tmp_path / 'key.pem', tmp_path / 'cert.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', key,
                    '-out', cert, '-subj', '/CN=localhost', '-addext',
                    'subjectAltName=DNS:localhost'], check=True, capture_output=True)
    return key, cert


def test_tls(certificate):
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    listener = socket.create_server(('127.0.0.1', 0))
    received = []

    def serve():
        sock, _peer = listener.accept()
        with context.wrap_socket(sock, server_side=True) as tls:
            received.append(tls.recv(1000))
            tls.sendall(value(KEY) + END)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    settings = MemcacheSettings(tls_context=ssl.create_default_context(cafile=cert))
    ring = MemcacheRing([f'localhost:{listener.getsockname()[1]}'], settings)
    assert ring.get(KEY) == 1
    assert received == [b'get %s\r\n' % hash_key(KEY).encode()]
    thread.join(5)
    listener.close()
    ring.close()
