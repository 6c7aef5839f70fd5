"""SSYNC sessions: recorded bytes on both sides, trouble of every kind, death in the middle."""
import base64
import os
import signal

import pytest

from swift.common.locks import file_lock
from swift.obj.placement import Placement
from swift.obj.replication_locks import SessionSlots
from test.support import golden_objects
from test.support.object_cluster import (
    NOW,
    PART,
    ObjectCluster,
    golden_turns,
)
from test.support.object_node import POLICIES
from test.support.raw_http import RawClient, settle
from test.support.service import eventually

SESSIONS = golden_objects.load('ssync')['sessions'][:2]
NAMES = {one['hash']: one['object'] for one in SESSIONS[0]['objects']}
HEAD = b'SSYNC /%b/11 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n' \
       b'X-Backend-Storage-Policy-Index: 0\r\n\r\n'
START, END = b':MISSING_CHECK: START\r\n', b':MISSING_CHECK: END\r\n'


def chunk(data):
    return b'%x\r\n%b\r\n' % (len(data), data)


def put(server, path, headers=(), body=b'x'):
    """Make the recorded file at a path by a request of its time."""
    name, file = path.split('/')[-2:]
    time, ext = file.rsplit('.', 1)
    method = {'data': 'PUT', 'ts': 'DELETE', 'meta': 'POST'}[ext]
    server.do(method, NAMES[name], time.partition('+')[0], headers, body, container='ss')


def recorded_requests():
    """Return (headers, body) of the recorded sub-requests by (method, object)."""
    data = golden_turns(SESSIONS[0], 'sender').partition(b':UPDATES: START\r\n')[2]
    found = {}
    while not data.startswith(b':UPDATES: END'):
        head, _, data = data.partition(b'\r\n\r\n')
        first, *lines = head.decode('latin-1').split('\r\n')
        headers = dict(line.split(': ', 1) for line in lines)
        size = int(headers.get('Content-Length', 0))
        method, path = first.split(' ')
        found[method, path.rsplit('/', 1)[1]] = headers, data[:size]
        data = data[size:]
    return found


def restore(server, session, side):
    """Give a server the files that one side had before a session."""
    requests = recorded_requests()
    for path in session['before'][side]:
        if not path.endswith(('.data', '.ts', '.meta')):
            continue
        hash_, file = path.split('/')[-2:]
        method = {'data': 'PUT', 'ts': 'DELETE', 'meta': 'POST'}[file.rpartition('.')[2]]
        headers, body = requests.get((method, NAMES[hash_]), ({}, b'x'))
        kept = {name: value for name, value in headers.items()
                if name not in ('Content-Length', 'ETag', 'X-Timestamp')}
        put(server, path, kept, body)


@pytest.fixture
def pair(tmp_path):
    with ObjectCluster(tmp_path, count=2, replicas=2, reclaim_age='1000000000') as made:
        yield made


# -- recorded sessions ----------------------------------------------------------------------------

@pytest.mark.parametrize('session', SESSIONS, ids=lambda session: session['title'])
def test_the_receiver_says_what_was_recorded(pair, session):
    server = pair.servers[0]
    restore(server, session, 'receiver')
    with raw_client(pair, 0) as client:
        for turn in session['turns']:
            data = base64.b64decode(turn.get('bytes_base64', ''))
            if turn['from'] == 'sender':
                client.send(data.replace(b'/ss_dst/', b'/sd0/'))
                continue
            if data.startswith(b'HTTP/1.1 200 OK'):
                answer = client.answer(head_only=True)
                assert (answer.status, answer.get('X-Backend-Accept-No-Commit'),
                        answer.get('Transfer-Encoding')) == (200, 'True', 'chunked')
                data = data.partition(b'\r\n\r\n')[2]
            assert client.read(len(data)) == data
    expected = {path for path in session['after_receiver'] if path.startswith('objects/')
                and not path.endswith('hashes.invalid')}
    assert {'objects/' + path for path in server.tree()} == expected


def test_what_the_receiver_stores_is_what_was_sent(pair):
    sender, receiver = pair.servers
    restore(sender, SESSIONS[0], 'sender')
    restore(receiver, SESSIONS[0], 'receiver')
    with raw_client(pair, 1) as client:
        client.send(HEAD % b'sd1' + chunk(golden_turns(SESSIONS[0], 'sender')) + b'0\r\n\r\n')
        assert client.answer().body == golden_turns(SESSIONS[0], 'receiver')
    original, wanted = sender.tree(), ('c28', '976', '3cf', 'e72')
    for path, content in receiver.tree().items():
        if path.split('/')[1] in wanted:
            assert content == original[path]


@pytest.mark.parametrize('session', SESSIONS, ids=lambda session: session['title'])
def test_the_sender_says_what_was_recorded(pair, session):
    sender, receiver = pair.servers
    restore(sender, session, 'sender')
    restore(receiver, session, 'receiver')
    said = record(receiver)
    result = sync(pair)
    assert result.ok is session['result_ok']
    assert b''.join(said) == golden_turns(session, 'sender')
    for hash_, times in result.in_sync.items():
        recorded = session['in_sync'][hash_]
        assert times.data.internal == recorded['ts_data']
        assert times.meta.internal == recorded.get('ts_meta', recorded['ts_data'])
        assert times.ctype.internal == recorded.get('ts_ctype', recorded['ts_data'])
    assert set(result.in_sync) == set(session['in_sync'])


def record(server):
    """Keep what a server reads of the bodies of sessions."""
    said, app = [], server.app

    class Recorder:
        def __init__(self, body):
            self.__dict__['_body'] = body

        def __getattr__(self, name):
            return getattr(self._body, name)

        def __setattr__(self, name, value):
            setattr(self._body, name, value)

        def readline(self, *args):
            said.append(self._body.readline(*args))
            return said[-1]

        def read(self, *args):
            said.append(self._body.read(*args))
            return said[-1]

    def recording(environ, start_response):
        if environ['REQUEST_METHOD'] == 'SSYNC':
            environ['wsgi.input'] = Recorder(environ['wsgi.input'])
        return app(environ, start_response)
    server.app = Closing(recording, app)
    return said


class Closing:
    """An application around another one, which is closed with it."""

    def __init__(self, call, inner):
        self.call = call
        self.close = inner.close

    def __call__(self, environ, start_response):
        return self.call(environ, start_response)


def sync(made, **more):
    """Run a session from the first server to the second over the whole partition."""
    source = made.servers[0]
    place = Placement(source.device, str(source.path), str(PART), POLICIES[0], '', '', '', '')
    suffixes = sorted(name for name in os.listdir(source.path / 'objects' / str(PART))
                      if len(name) == 3)
    sender = source.replicator.sender
    (_suffixes, snapshot), = sender.batches(place, suffixes)
    return sender.sync(place, made.nodes[1], snapshot, **more)


def raw_client(made, number):
    node = made.nodes[number]
    return RawClient((node.ip, node.port))


# -- refusals and errors --------------------------------------------------------------------------

def talk(made, body, number=0, end=b'0\r\n\r\n'):
    """Send a whole body, return the answer's."""
    with raw_client(made, number) as client:
        client.send(HEAD % b'sd%d' % number + chunk(body) + end)
        return client.answer().body


def test_what_is_refused_before_the_session(pair):
    for path, policy, status in (('/sdx/11', b'0', 507), ('/sd0', b'0', 400),
                                 ('/sd0/11/a', b'0', 400), ('/sd0/11', b'9', 503)):
        with raw_client(pair, 0) as client:
            client.send(b'SSYNC %b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n'
                        b'X-Backend-Storage-Policy-Index: %b\r\n\r\n' % (path.encode(), policy))
            assert client.answer().status == status


@pytest.mark.parametrize('body, error', [
    (b'hello\r\n', b"0 \"Looking for :MISSING_CHECK: START got 'hello'\""),
    (START + b'nonsense\r\n', b'0 "bad offer: \'nonsense\'"'),
    (START + b'../../../etc 1\r\n' + END, b"0 \"bad hash in offer: '../../../etc'\""),
    (START + END + b'no\r\n', b"0 \"Looking for :UPDATES: START got 'no'\""),
    (START + END + b':UPDATES: START\r\nGET /a/c/o\r\n\r\n',
     b"0 'Invalid subrequest method GET'"),
    (START + END + b':UPDATES: START\r\nPUT /a/c/o\r\n\r\n',
     b"0 'No content-length sent for PUT request'"),
    (START + END + b':UPDATES: START\r\nDELETE /a/c/o\r\nContent-Length: 5\r\n\r\n',
     b"0 'DELETE subrequest with content-length 5'"),
    (START + END + b':UPDATES: START\r\nPUT /a/c/o\r\nContent-Length: x\r\n\r\n',
     b'0 "Invalid content-length \'x\'"'),
    (START + END + b':UPDATES: START\r\nPUT /a/c/o\r\nbad\r\n\r\n',
     b'0 "bad header line: \'bad\'"'),
    (START + b'x' * 70000, b"0 'line too long'")])
def test_errors_are_told_in_the_answer_and_end_the_connection(pair, body, error):
    with raw_client(pair, 0) as client:
        client.send(HEAD % b'sd0' + chunk(body))
        said = client.answer().body
        assert said.endswith(b':ERROR: ' + error + b'\n')
        assert client.is_closed()


def test_a_partition_takes_one_session(tmp_path):
    with ObjectCluster(tmp_path, count=1, replicas=1, replication_lock_timeout='0.05') as made:
        server = made.servers[0]
        part = server.path / 'objects' / str(PART)
        part.mkdir(parents=True)
        with file_lock(str(part / '.lock-replication'), 1):
            server.clock.monotonic = iter(range(1000)).__next__
            assert talk(made, START) == b"\r\n:ERROR: 0 '0.05 seconds: %s/.lock-replication'\n" % (
                str(part).encode())


@pytest.mark.parametrize('conf, busy', [({}, True), (
    {'replication_concurrency_per_device': '2'}, False), (
        {'replication_concurrency_per_device': '0'}, False), (
            {'replication_one_per_device': 'no'}, False)])
def test_a_device_takes_as_many_sessions_as_configured(tmp_path, conf, busy):
    with ObjectCluster(tmp_path, count=1, replicas=1, **conf) as made:
        server = made.servers[0]
        with file_lock(str(server.path / '.lock'), 1):
            if busy:
                server.clock.monotonic = iter(range(1000)).__next__
            said = talk(made, START + END)
        assert (b'/sd0/.lock' in said) is busy and (END in said) is not busy


def test_a_server_takes_as_many_sessions_as_configured(tmp_path):
    with ObjectCluster(tmp_path, count=1, replicas=1, replication_concurrency='1') as made:
        with raw_client(made, 0) as client:
            client.send(HEAD % b'sd0')
            client.answer(head_only=True)
            settle(lambda: (made.servers[0].path / 'objects/11/.lock-replication').exists())
            said = talk(made, START)
            assert said.startswith(b"\r\n:ERROR: 503 b'<html>")
            client.send(chunk(START + END) + b'0\r\n\r\n')
        settle(lambda: END in talk(made, START + END))


def test_slots_are_shared_by_whoever_has_the_same_name_and_freed_by_death():
    first, second = SessionSlots(1, 'here', os.getpid()), SessionSlots(1, 'here', os.getpid())
    pid = os.fork()
    if not pid:
        with first.slot():
            signal.pause()
        os._exit(0)

    def is_taken():
        with second.slot() as has_slot:
            return not has_slot
    eventually(is_taken, 'the child to take the slot')
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert not is_taken()


def test_failures_are_counted_and_told(pair):
    server = pair.servers[1]
    server.do('PUT', 'o', '%010d.00000' % NOW, body=b'x')
    body = START + END + b':UPDATES: START\r\n'
    body += b'PUT /AUTH_test/c/o\r\nContent-Length: 1\r\nX-Timestamp: 1.0\r\n' \
            b'Content-Type: a/b\r\n\r\ny'
    body += b'DELETE /AUTH_test/c/p\r\nX-Timestamp: 2.0\r\n\r\n:UPDATES: END\r\n'
    assert talk(pair, body, 1).endswith(
        b":ERROR: 500 b'ERROR: With :UPDATES: 1 failures to 1 successes'\n")


def test_too_many_failures_end_the_session(tmp_path):
    with ObjectCluster(tmp_path, count=1, replicas=1, replication_failure_threshold='2') as made:
        bad = b'POST /AUTH_test/c/o\r\n\r\n'
        said = talk(made, START + END + b':UPDATES: START\r\n' + bad * 5)
        assert said.endswith(b":ERROR: 0 'Too many 2 failures to 0 successes'\n")


def test_a_silent_sender_is_told_so(tmp_path):
    with ObjectCluster(tmp_path, count=1, replicas=1) as made:
        made.running[0].server.options.__dict__['client_timeout'] = 0.05
        with raw_client(made, 0) as client:
            client.send(HEAD % b'sd0' + chunk(START))
            assert b":ERROR: 408 b'<html>" in client.answer().body


# -- a receiver that is damaged, and one that misbehaves ------------------------------------------

def test_a_damaged_object_is_asked_for_again(pair):
    sender, receiver = pair.servers
    for server in pair.servers:
        server.do('PUT', 'o', '%010d.00000' % NOW, body=b'body')
    path, = receiver.tree()
    os.truncate(receiver.path / 'objects' / path, 2)
    assert sync(pair).ok
    assert receiver.tree() == sender.tree()
    assert (receiver.path / 'quarantined/objects').exists()


def test_what_lies_under_a_wrong_hash_is_not_sent(pair):
    sender, receiver = pair.servers
    sender.do('PUT', 'o', '%010d.00000' % NOW, body=b'body')
    path, = sender.tree()
    hash_ = path.split('/')[2]
    wrong = hash_[:-4] + ('0' if hash_[-4] != '0' else '1') + hash_[-3:]
    top = (sender.path / 'objects' / path).parent
    top.rename(top.parent / wrong)
    result = sync(pair)
    assert result.ok and not result.in_sync and not receiver.tree()
    assert len(sender.tree()) == 1 and not (sender.path / 'quarantined').exists()


def test_a_session_that_only_checks_sends_nothing(pair):
    sender, receiver = pair.servers
    sender.do('PUT', 'o', '%010d.00000' % NOW, body=b'body')
    for server in pair.servers:
        server.do('PUT', 'p', '%010d.00000' % NOW, body=b'both')
    result = sync(pair, only_check=True)
    assert result.ok and len(result.in_sync) == 1 and len(receiver.tree()) == 1
    assert not [line for line in receiver.logger.lines() if 'hung up' in line]


@pytest.mark.parametrize('said', [
    b'', b'garbage\r\n', b':ERROR: 0 \'busy\'\n', START,
    START + b'0' * 32 + b' dm\r\n' + END, START + b'x' * 70000,
    START + END + b':UPDATES: START\r\nmore\r\n'])
def test_a_peer_that_misbehaves_fails_the_session(pair, said):
    sender = pair.servers[0]
    sender.do('PUT', 'o', '%010d.00000' % NOW, body=b'body')

    def app(environ, start_response):
        environ['eventlet.minimum_write_chunk_size'] = 0
        start_response('200 OK', [])
        yield b'\r\n'
        while END not in environ['wsgi.input'].readline():
            pass
        yield said
    pair.servers[1].app = Closing(app, pair.servers[1].app)
    result = sync(pair)
    assert not result.ok and not result.in_sync


def test_another_status_fails_the_session(pair):
    pair.servers[0].do('PUT', 'o', '%010d.00000' % NOW, body=b'body')
    pair.servers[1].is_down = True
    assert not sync(pair).ok
    assert 'Expected status 200; got 507' in ''.join(pair.servers[0].logger.lines())


# -- REPLICATE ------------------------------------------------------------------------------------

def test_states_are_refused_for_what_is_no_partition(pair):
    with raw_client(pair, 0) as client:
        client.send(b'REPLICATE /sd0/states HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n../')
        assert client.answer().status == 400
    with raw_client(pair, 0) as client:
        client.send(b'REPLICATE /sd0/states HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n'
                    + b'1' * 1048577)
        assert client.answer().status == 413


def test_a_server_without_replication_knows_neither_verb(tmp_path):
    with ObjectCluster(tmp_path, count=1, replicas=1, replication_server='false') as made:
        for verb in (b'REPLICATE', b'SSYNC'):
            with raw_client(made, 0) as client:
                client.send(b'%b /sd0/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n' % verb)
                assert client.answer().status == 405
