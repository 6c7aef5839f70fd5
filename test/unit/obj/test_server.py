"""The object server through WSGI: rules of each verb that the recorded dialogues do not reach."""
import errno
import hashlib
import io
import json
import os

import pytest

from swift.common import chain, log
from swift.common.clock import ManualClock
from swift.common.codecs.metadata import decode_metadata, encode_metadata
from swift.common.errors import ClientDisconnect, ClientReadTimeout
from swift.common.xattr import read_blob, write_blob
from swift.core.timestamp import Timestamp
from test.support.object_node import Node

PATH = '/sda/12/AUTH_test/c/o'
T = ['17999999%02d.00000' % second for second in range(100)]


@pytest.fixture
def node(tmp_path):
    (tmp_path / 'sda').mkdir()
    node = Node(tmp_path)
    yield node
    node.close()


def put(node, second=0, body=b'hello', path=PATH, **headers):
    headers = {name.replace('_', '-'): value for name, value in headers.items()}
    return node.request('PUT', path, {'X-Timestamp': T[second], 'Content-Type': 'text/plain',
                                      **headers}, body)


class Broken:
    """A request body that raises after its first bytes."""

    def __init__(self, error, data=b'x' * 1000):
        self.error, self.data = error, data

    def read(self, size=-1):
        data, self.data = self.data, b''
        # Like a connection: all that was asked for, or the error.
        if not data or size < 10000:
            raise self.error
        return data


# -- PUT ------------------------------------------------------------------------------------------

@pytest.mark.parametrize('size', [0, 1, 65536, 65537, 262144, 262145, 1000000])
def test_bodies_of_all_sizes_come_back(node, size):
    body = os.urandom(size)
    answer = put(node, body=body)
    assert (answer.status, answer.headers['Etag']) == (201, '"%s"' % hashlib.md5(body).hexdigest())
    got = node.request('GET', PATH)
    assert got.body == body and got.headers['Content-Length'] == str(size)
    assert len(node.files()) == 1


@pytest.mark.parametrize('size', [5, 100000])
def test_a_wrong_etag_stores_nothing(node, size):
    assert put(node, body=b'x' * size, Etag='0' * 32).status == 422
    assert node.files() == []
    quoted = '"%s"' % hashlib.md5(b'x' * size).hexdigest()
    assert put(node, body=b'x' * size, Etag=quoted).status == 201


@pytest.mark.parametrize('error,status', [(ClientDisconnect('gone'), 499),
                                          (ClientReadTimeout(seconds=60), 408)])
@pytest.mark.parametrize('length', ['2000', '200000'])
def test_a_client_that_fails_leaves_nothing(node, error, status, length):
    answer = put(node, body=Broken(error), Content_Length=length)
    assert answer.status == status
    assert node.files() == []
    assert node.request('GET', PATH).status == 404
    assert ('PUT.timeouts:1|c' in node.metrics) == (status == 408)


@pytest.mark.parametrize('length', ['6', '100000'])
def test_a_short_body_leaves_nothing(node, length):
    assert put(node, body=io.BytesIO(b'hello'), Content_Length=length).status == 499
    assert node.files() == []


def test_chunked_bodies_are_checked_against_the_announced_size(node):
    chunked = {'Transfer_Encoding': 'chunked', 'X_Backend_Obj_Content_Length': '5'}
    assert put(node, 0, io.BytesIO(b'hell'), **chunked).status == 499
    assert put(node, 1, io.BytesIO(b'hello'), **chunked).status == 201
    chunked['X_Backend_Obj_Content_Length'] = 'x'
    answer = put(node, 2, io.BytesIO(b'hello'), **chunked)
    assert (answer.status, answer.body) == (400, b"invalid literal for int() with base 10: 'x'")


def test_every_write_marks_its_suffix_dirty(node, tmp_path):
    put(node)
    node.request('POST', PATH, {'X-Timestamp': T[1]})
    node.request('DELETE', PATH, {'X-Timestamp': T[2]})
    part = tmp_path / 'sda/objects/12'
    suffix = next(path.name for path in part.iterdir() if path.is_dir())
    assert (part / 'hashes.invalid').read_text() == 3 * (suffix + '\n')


def test_older_files_are_removed(node):
    for second in (0, 2):
        put(node, second)
    node.request('POST', PATH, {'X-Timestamp': T[3]})
    put(node, 4)
    assert [name.rsplit('/', 1)[1] for name in node.files()] == [T[4] + '.data']


def test_an_expired_object_conflicts_by_its_last_change(node):
    put(node, 10, X_Delete_At='1799999920')
    node.request('POST', PATH, {'X-Timestamp': T[15], 'X-Delete-At': '1799999920'})
    answer = put(node, 12)
    assert (answer.status, answer.headers.get('X-Backend-Timestamp')) == (201, None)
    put(node, 20, X_Delete_At='1799999930')
    node.request('POST', PATH, {'X-Timestamp': T[25], 'X-Delete-At': '1799999928'})
    answer = put(node, 24)
    assert answer.status == 201
    answer = put(node, 24)
    assert (answer.status, answer.headers['X-Backend-Timestamp']) == (409, T[24])


def test_replication_may_write_expired_objects_and_headers_of_its_own(node):
    answer = put(node, 10, X_Delete_At='1799999905', X_Backend_Replication='true',
                 X_Backend_Replication_Headers='x-custom etag content-length', X_Custom='kept')
    assert answer.status == 201
    got = node.request('GET', PATH, {'X-Backend-Replication': 'true'})
    assert (got.status, got.headers.get('X-Custom')) == (200, None)


# -- multipart ------------------------------------------------------------------------------------

class Dialogue(io.BytesIO):
    """A request body that notes interim answers."""

    awaits_continue = True

    def __init__(self, data):
        super().__init__(data)
        self.sent = []
        self.capabilities = None

    def set_hundred_continue_response_headers(self, headers):
        self.capabilities = headers

    def send_hundred_continue_response(self):
        self.sent.append(self.capabilities)


def multipart(body, footers, commit=''):
    text = json.dumps(footers)
    parts = ['--B\r\nX-Document: object body\r\n\r\n' + body]
    parts.append('\r\n--B\r\nX-Document: object metadata\r\nContent-MD5: %s\r\n\r\n%s\r\n--B' % (
        hashlib.md5(text.encode()).hexdigest(), text))
    parts.append('\r\n' + commit if commit else '--\r\n')
    return Dialogue(''.join(parts).encode())


def put_multipart(node, body, source, **more):
    return put(node, 0, source, Transfer_Encoding='chunked', Expect='100-continue',
               X_Backend_Obj_Content_Length=str(len(body)),
               X_Backend_Obj_Metadata_Footer='yes',
               X_Backend_Obj_Multipart_Mime_Boundary='B', **more)


@pytest.mark.parametrize('size', [0, 5, 300000])
def test_footers_become_metadata(node, size):
    body = 'x' * size
    source = multipart(body, {'X-Object-Meta-Late': 'yes', 'X-Other': 'no',
                              'Etag': hashlib.md5(body.encode()).hexdigest()})
    assert put_multipart(node, body, source).status == 201
    assert source.capabilities == [('X-Obj-Metadata-Footer', 'yes')]
    got = node.request('GET', PATH)
    assert got.body == body.encode() and got.headers['X-Object-Meta-Late'] == 'yes'
    assert 'X-Other' not in got.headers


def test_an_etag_in_the_footers_is_checked(node):
    assert put_multipart(node, 'hello', multipart('hello', {'Etag': '0' * 32})).status == 422
    assert node.files() == []


def test_two_phases_send_a_second_100(node):
    commit = 'X-Document: put commit\r\n\r\nput_commit_confirmation\r\n--B--'
    source = multipart('hello', {}, commit)
    answer = put_multipart(node, 'hello', source, X_Backend_Obj_Multiphase_Commit='yes')
    assert answer.status == 201
    assert source.sent == [[('X-Obj-Multiphase-Commit', 'yes'), ('X-Obj-Metadata-Footer', 'yes')]]


@pytest.mark.parametrize('commit,status', [('X-Document: nope\r\n\r\nx\r\n--B--', 500),
                                           ('--', 400)])
def test_a_bad_second_phase_fails_the_put(node, commit, status):
    source = multipart('hello', {}, commit)
    answer = put_multipart(node, 'hello', source, X_Backend_Obj_Multiphase_Commit='yes')
    assert answer.status in (status, 499)


def test_a_multipart_body_that_stops_leaves_nothing(node):
    source = Dialogue(b'--B\r\nX-Document: object body\r\n\r\nhel')
    assert put_multipart(node, 'hello', source).status == 499
    assert node.files() == []


# -- GET and HEAD ---------------------------------------------------------------------------------

def test_ranges_of_a_large_body(node):
    body = os.urandom(700000)
    put(node, body=body)
    got = node.request('GET', PATH, {'Range': 'bytes=1000-699998'})
    assert (got.status, got.body) == (206, body[1000:699999])
    got = node.request('GET', PATH, {'Range': 'bytes=0-9,-5'})
    assert got.headers['Content-Length'] == str(len(got.body))
    assert body[:10] in got.body and body[-5:] in got.body


def test_reads_close_their_files(node):
    put(node, body=os.urandom(700000))
    for headers in ({}, {'Range': 'bytes=0-1,3-4'}, {'If-None-Match': '*'},
                    {'Range': 'bytes=900000-'}):
        node.request('GET', PATH, headers)
    open_files = [os.readlink(link.path) for link in os.scandir('/proc/self/fd')
                  if os.path.lexists(link.path)]
    assert [path for path in open_files if path.startswith(str(node.devices))
            and '/objects/' in path] == []


def test_a_large_body_that_changed_on_disk_is_quarantined_at_its_end(node, tmp_path):
    put(node, body=b'x' * 300000)
    path = tmp_path / node.files()[0]
    with open(path, 'r+b') as file:
        file.write(b'y')
    assert node.request('GET', PATH, {'Range': 'bytes=0-9'}).status == 206
    assert node.request('GET', PATH).body[:2] == b'yx'
    assert node.request('GET', PATH).status == 404
    assert node.files()[0].startswith('sda/quarantined/objects/')


@pytest.mark.parametrize('faster', ['overwrite', 'quarantine'])
def test_a_slow_reader_of_damage_spares_what_is_there_by_then(node, tmp_path, faster):
    put(node, 0, b'a' * 1000000)
    stored = next(tmp_path.glob('sda/objects/12/*/*/*.data'))
    with open(stored, 'r+b') as file:
        file.write(b'b')
    place = node.app.store.place('sda', '12', node.app.cluster.policies.default, 'AUTH_test', 'c',
                                 'o')
    body = node.app.store.fetch(place, Timestamp(T[1])).body
    body.start(0, node.app.store.verified)
    if faster == 'quarantine':
        node.request('GET', PATH)
        assert list(tmp_path.glob('sda/quarantined/objects/*'))
    put(node, 2, b'new')
    before = node.files()
    while node.app.store.read_step(body, 1 << 18):
        pass
    body.close()
    assert node.files() == before
    assert node.request('GET', PATH).body == b'new'


def test_verification_of_a_share_of_reads(tmp_path):
    (tmp_path / 'sda').mkdir()
    node = Node(tmp_path, etag_validate_pct='25')
    assert sum(node.app.store.verification() is not None for _ in range(100)) == 25
    node.close()


def test_a_quarantined_name_that_is_taken_gets_another(node, tmp_path):
    for second in (0, 1):
        put(node, second)
        with open(tmp_path / [f for f in node.files() if 'quarantined' not in f][0], 'wb'):
            pass
        assert node.request('HEAD', PATH).status == 404
    assert len(list((tmp_path / 'sda/quarantined/objects').iterdir())) == 2


def test_a_file_where_a_hash_directory_belongs_is_quarantined(node, tmp_path):
    put(node)
    hash_dir = (tmp_path / node.files()[0]).parent
    (hash_dir / (T[0] + '.data')).unlink()
    hash_dir.rmdir()
    hash_dir.write_text('odd')
    assert node.request('GET', PATH).status == 404
    assert (tmp_path / 'sda/quarantined/objects' / hash_dir.name).is_file()
    assert put(node, 5).status == 201


def test_an_object_under_the_name_of_another_is_403_and_logged(node, tmp_path):
    put(node)
    stored = next(tmp_path.glob('sda/objects/12/*/*/*.data'))
    metadata = {**decode_metadata(read_blob(str(stored))), 'name': '/a/c/other'}
    with open(stored, 'r+b') as file:
        write_blob(file.fileno(), encode_metadata(metadata))
    assert node.request('GET', PATH).status == 403
    assert '/a/c/other' in ' '.join(node.logger.lines(log.ERROR)) and stored.exists()


def test_files_that_nobody_knows_are_left_alone_and_logged(node, tmp_path):
    put(node)
    folder = next(tmp_path.glob('sda/objects/12/*/*'))
    for name in ('junk', f'.{T[0]}.data.AbC123'):
        (folder / name).write_text('x')
    assert node.request('GET', PATH).status == 200
    line, = node.logger.lines(log.WARNING)
    assert line == f'Unexpected file {folder}/junk'
    assert node.request('DELETE', PATH, {'X-Timestamp': T[1]}).status == 204
    assert (folder / 'junk').exists()


def test_fragment_archives_do_not_disturb_a_replicated_policy(node, tmp_path):
    put(node)
    hash_dir = (tmp_path / node.files()[0]).parent
    for name in (T[1] + '#3#d.data', T[1] + '.durable', 'garbage'):
        (hash_dir / name).touch()
    assert node.request('GET', PATH).body == b'hello'
    assert put(node, 2).status == 201
    assert node.request('GET', PATH).headers['X-Backend-Timestamp'] == T[2]


# -- devices --------------------------------------------------------------------------------------

@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'])
@pytest.mark.parametrize('device', ['sdz', 's%20da'])
def test_a_missing_device_is_507_and_not_created(node, tmp_path, method, device):
    answer = node.request(method, '/%s/12/a/c/o' % device,
                          {'X-Timestamp': T[0], 'Content-Type': 'a/b'}, b'')
    assert answer.status == 507
    assert sorted(path.name for path in tmp_path.iterdir()) == ['sda']


def test_a_device_that_goes_away_later_is_507(node, tmp_path):
    put(node)
    (tmp_path / 'sda').rename(tmp_path / 'away')
    assert node.request('GET', PATH).status == 507
    assert put(node, 1).status == 507


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
@pytest.mark.parametrize('call', ['fsync', 'link', 'setxattr', 'mkdir'])
@pytest.mark.parametrize('size', [5, 100000])
def test_a_full_or_failing_disk_is_507_without_a_partial_object(node, tmp_path, monkeypatch,
                                                                number, call, size):
    def fail(*args, **more):
        raise OSError(number, os.strerror(number))
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        assert put(node, body=b'x' * size).status == 507
    assert node.files() == []
    assert put(node, 1, body=b'x' * size).status == 201


def test_the_reserve_is_kept(tmp_path):
    (tmp_path / 'sda').mkdir()
    node = Node(tmp_path, fallocate_reserve=str(1 << 60))
    assert put(node).status == 507
    assert put(node, body=b'').status == 507
    assert node.files() == []
    # A DELETE must work on a full disk, or it would stay full.
    assert node.request('DELETE', PATH, {'X-Timestamp': T[1]}).status == 404
    assert len(node.files()) == 1
    node.close()


def test_a_file_that_vanishes_between_listing_and_opening_is_503(node, monkeypatch):
    put(node)
    monkeypatch.setattr(chain, '_chain', None)   # whose system calls are out of reach
    real = os.open

    def vanish(path, *args, **more):
        if str(path).endswith('.data'):
            raise FileNotFoundError(errno.ENOENT, 'gone')
        return real(path, *args, **more)
    monkeypatch.setattr(os, 'open', vanish)
    assert node.request('GET', PATH).status == 503
    assert node.request('POST', PATH, {'X-Timestamp': T[1]}).status == 503
    assert node.request('DELETE', PATH, {'X-Timestamp': T[1]}).status == 503
    assert put(node, 2).status == 201


def test_unmounted_devices_are_507_when_mounts_are_checked(tmp_path):
    (tmp_path / 'sda').mkdir()
    node = Node(tmp_path, mount_check='true')
    assert put(node).status == 507
    (tmp_path / 'sda/.ismount').touch()
    assert put(node).status == 201
    node.close()


# -- the rest -------------------------------------------------------------------------------------

def test_a_bug_is_a_500_without_a_traceback(node, monkeypatch):
    def bug(*args, **more):
        raise RuntimeError('secret')
    monkeypatch.setattr(node.app.store, 'look_up', bug)
    answer = node.request('HEAD', PATH)
    assert answer.status == 500
    answer = node.request('GET', PATH.replace('/o', '/x'))
    assert answer.status == 404
    monkeypatch.setattr(node.app.store, 'fetch', bug)
    answer = node.request('GET', PATH)
    assert answer.status == 500 and b'secret' not in answer.body
    assert any('RuntimeError' in line for line in node.logger.lines())


def test_the_request_is_logged_and_counted(node):
    put(node, X_Trans_Id='tx1', User_Agent='proxy-server 9', Referer='PUT http://h/v1/a/c/o')
    line = node.logger.lines()[-1]
    assert '"PUT /sda/12/AUTH_test/c/o" 201 - "PUT http://h/v1/a/c/o" "tx1"' in line
    assert [name for name in node.metrics if name.startswith('PUT.timing')]
    node.request('HEAD', PATH, {'X-Backend-Replication': 'true'})
    assert node.logger.lines(10)


def test_replication_verbs_can_be_refused(tmp_path):
    node = Node(tmp_path, replication_server='false')
    assert node.request('OPTIONS', '/').headers['Allow'] == 'DELETE, GET, HEAD, OPTIONS, POST, PUT'
    assert node.request('REPLICATE', '/sda/12').status == 405
    node.close()


def test_a_delete_where_nothing_was_leaves_a_tombstone(node):
    answer = node.request('DELETE', PATH, {'X-Timestamp': T[5]})
    assert (answer.status, answer.headers['X-Backend-Timestamp']) == (404, T[5])
    assert put(node, 4).status == 409
    assert put(node, 6).status == 201


def test_old_tombstones_are_reclaimed(tmp_path):
    (tmp_path / 'sda').mkdir()
    node = Node(tmp_path, clock=ManualClock(1800000000), reclaim_age='1000')
    node.request('DELETE', PATH, {'X-Timestamp': '1799998999.00000'})
    assert node.files() == []
    node.request('DELETE', PATH, {'X-Timestamp': '1799999001.00000'})
    assert len(node.files()) == 1
    node.close()


def test_erasure_coded_policies_are_refused(node):
    answer = node.request('GET', PATH, {'X-Backend-Storage-Policy-Index': '2'})
    assert answer.status == 503 and b'erasure coded' in answer.body


# -- raising the partition power ------------------------------------------------------------------

def test_before_an_increase_files_are_linked_to_the_coming_partition(node, tmp_path):
    # The hash of the object begins with 4e27...: partition 312 of 10 bits, 625 of 11.
    path = '/sda/312/AUTH_test/c/o'
    coming = {'X_Backend_Next_Part_Power': '11'}
    for second in (0, 1):
        put(node, second, path=path, **coming)
    old, new = sorted(node.files())
    assert (old.split('/')[2], new.split('/')[2]) == ('312', '625')
    assert os.stat(tmp_path / old).st_ino == os.stat(tmp_path / new).st_ino
    assert (tmp_path / 'sda/objects/625/hashes.invalid').read_text()
    node.request('DELETE', path, {'X-Timestamp': T[2], 'X-Backend-Next-Part-Power': '11'})
    assert [name.rsplit('.', 1)[1] for name in node.files()] == ['ts', 'ts']


def test_after_an_increase_the_former_partition_is_cleaned_up(node):
    put(node, 0, path='/sda/312/AUTH_test/c/o', X_Backend_Next_Part_Power='11')
    node.request('DELETE', '/sda/625/AUTH_test/c/o',
                 {'X-Timestamp': T[1], 'X-Backend-Next-Part-Power': '11'})
    assert [name.split('/')[2] for name in node.files()] == ['312', '625']


def test_a_conflict_in_the_coming_partition_does_not_fail_the_write(node, tmp_path):
    hash_ = '4e2772c453cbe15a19b26fbfbb223e31'
    other = tmp_path / 'sda/objects/625' / hash_[-3:] / hash_
    other.mkdir(parents=True)
    (other / (T[0] + '.data')).touch()
    assert put(node, path='/sda/312/AUTH_test/c/o', X_Backend_Next_Part_Power='11').status == 201
    assert any('part power 11' in line for line in node.logger.lines(40))
