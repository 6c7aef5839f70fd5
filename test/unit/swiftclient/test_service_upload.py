"""Uploads through SwiftService against a cluster in memory: results, requests, stored objects."""
import io
import os

import pytest

from swiftclient.exceptions import ClientException
from swiftclient.service import SwiftError, SwiftService, SwiftUploadObject
from test.support.memory_cluster import DROP

SEGMENTS = {'segment_size': 1000}


def upload(service, container, objects, **options):
    return list(service.upload(container, objects, options))


def of(results, action):
    return [result for result in results if result['action'] == action]


def refuse(method, part, status=403):
    return lambda request: status if request.method == method and part in request.path else None


def test_results_of_a_small_upload(service, cluster, tree):
    made, done = upload(service, 'c', ['d/a.txt'])
    assert (made['action'], made['container'], made['success']) == ('create_container', 'c', True)
    assert made['response_dict']['status'] == 201
    mtime = f'{os.path.getmtime("d/a.txt"):f}'
    response = done.pop('response_dict')
    assert done == {
        'action': 'upload_object', 'container': 'c', 'object': 'd/a.txt', 'path': 'd/a.txt',
        'headers': {'x-object-meta-mtime': mtime}, 'large_object': False, 'attempts': 1,
        'status': 'uploaded', 'success': True}
    assert (response['status'], len(response['response_dicts'])) == (201, 1)
    assert cluster.containers['c']['d/a.txt'].headers['x-object-meta-mtime'] == mtime


def test_nothing_happens_before_results_are_read(service, cluster, tree):
    service.upload('c', ['big'])
    assert cluster.requests == []


def test_new_container_needs_no_look_at_its_objects(service, cluster, tree):
    upload(service, 'c', ['big', 'd/a.txt'])
    assert cluster.log('HEAD') == []


def test_object_that_may_be_there_is_looked_at(service, cluster, tree):
    upload(service, 'c', ['big'])
    upload(service, 'c', ['big'])
    assert cluster.log('HEAD') == ['HEAD c/big']


def test_many_objects_are_looked_up_in_one_listing(service, cluster, tree):
    cluster.put('c/f07', b'x')
    for number in range(25):
        (tree / f'f{number:02d}').write_bytes(b'x')
    upload(service, 'c', [f'f{number:02d}' for number in range(25)])
    assert cluster.log('HEAD') == ['HEAD c/f07']
    assert cluster.log('GET') == ['GET c?format=json&prefix=f',
                                  'GET c?format=json&marker=f07&prefix=f']


def test_listing_that_is_forbidden_means_looking_one_by_one(service, cluster, tree):
    cluster.put('c/x')
    cluster.faults.append(refuse('GET', '/c'))
    for number in range(20):
        (tree / f'f{number:02d}').write_bytes(b'x')
    results = upload(service, 'c', [f'f{number:02d}' for number in range(20)])
    assert all(result['success'] for result in results)
    assert len(cluster.log('HEAD')) == 20


def test_one_login_serves_all_threads(service, cluster, tree):
    for number in range(40):
        (tree / f'f{number:02d}').write_bytes(b'x')
    upload(service, 'c', [f'f{number:02d}' for number in range(40)], **SEGMENTS)
    assert cluster.tokens == 1


def test_refused_token_is_replaced_once(service, cluster, tree):
    upload(service, 'c', ['big'])
    cluster.revoked = 1
    results = upload(service, 'c', ['big', 'd/a.txt', 'd/sub/b.txt'])
    assert all(result['success'] for result in results)
    assert cluster.tokens == 2


def test_files_directories_streams_and_empty_objects(service, cluster, tree):
    upload(service, 'c/folder', [
        SwiftUploadObject('d/empty', 'marker'), SwiftUploadObject(None, 'empty'),
        SwiftUploadObject(None, 'made', {'dir_marker': True}),
        SwiftUploadObject(io.BytesIO(b'stream'), 'stream', {'meta': ['Colour: blue']})])
    stored = cluster.containers['c']
    assert sorted(stored) == ['folder/empty', 'folder/made', 'folder/marker', 'folder/stream']
    assert stored['folder/marker'].headers['content-type'] == 'application/directory'
    assert stored['folder/made'].headers['content-type'] == 'application/directory'
    assert stored['folder/stream'].data == b'stream'
    assert stored['folder/stream'].headers['x-object-meta-colour'] == 'blue'


def test_missing_file_fails_alone(service, cluster, tree):
    results = of(upload(service, 'c', ['nope', 'big']), 'upload_object')
    by_name = {result['object']: result for result in results}
    assert isinstance(by_name['nope']['error'], FileNotFoundError)
    assert {'traceback', 'error_timestamp'} < set(by_name['nope'])
    assert by_name['big']['success']


def test_wrong_kind_of_object_is_refused(service):
    with pytest.raises(SwiftError) as caught:
        upload(service, 'c', [3])
    assert caught.value.value == \
        'The upload operation takes only strings or SwiftUploadObjects as input'
    assert caught.value.obj == 3


@pytest.mark.parametrize('size', ['x', '1K', object()])
def test_segment_size_has_to_be_a_number(service, size, tree):
    with pytest.raises(SwiftError, match='Segment size should be an integer value'):
        upload(service, 'c', ['big'], segment_size=size)


def test_corruption_on_the_way_is_found(service, cluster, tree, monkeypatch):
    monkeypatch.setattr('test.support.memory_cluster._put',
                        lambda *args: (201, {'etag': 'other'}, b''))
    result = of(upload(service, 'c', ['big']), 'upload_object')[0]
    assert 'Object upload verification failed: md5 mismatch' in result['error'].value
    assert of(upload(service, 'c', ['big'], checksum=False), 'upload_object')[0]['success']


def test_changed_skips_what_has_size_and_time(service, cluster, tree):
    upload(service, 'c', ['big', 'd/empty'])
    cluster.requests.clear()
    statuses = [result.get('status') for result in upload(service, 'c', ['big'], changed=True)]
    assert statuses == [None, 'skipped-changed']
    upload(service, 'c', ['d/empty'], changed=True)
    assert cluster.log('PUT') == ['PUT c', 'PUT c']
    (tree / 'big').write_bytes(b'other')
    assert upload(service, 'c', ['big'], changed=True)[1]['status'] == 'uploaded'


def test_skip_identical_compares_content(service, cluster, tree):
    upload(service, 'c', ['big'])
    os.utime('big', (1, 1))
    assert upload(service, 'c', ['big'], skip_identical=True)[1]['status'] == 'skipped-identical'
    (tree / 'big').write_bytes(b'x' * 3000)
    assert upload(service, 'c', ['big'], skip_identical=True)[1]['status'] == 'uploaded'


def test_static_large_object(service, cluster, tree):
    results = upload(service, 'c', ['big'], **SEGMENTS)
    parts = sorted(of(results, 'upload_segment'), key=lambda part: part['segment_index'])
    mtime = f'{os.path.getmtime("big"):f}'
    folder = f'big/slo/{mtime}/3000/1000'
    assert [part['segment_location'] for part in parts] == [
        f'/c_segments/{folder}/{index:08d}' for index in range(3)]
    assert [part['log_line'] for part in parts] == [f'big segment {n}' for n in range(3)]
    whole = of(results, 'upload_object')[0]
    assert whole['large_object'] is True
    assert len(whole['segment_results']) == 3
    assert whole['manifest_response_dict']['status'] == 201
    assert cluster.content(cluster.containers['c']['big']) == (tree / 'big').read_bytes()
    assert cluster.container_headers['c_segments'] == {'x-storage-policy': 'gold'}


def test_dynamic_large_object_where_the_cluster_has_no_static_ones(service, cluster, tree):
    del cluster.info['slo']
    upload(service, 'c', ['big'], segment_container='segs', **SEGMENTS)
    mtime = f'{os.path.getmtime("big"):f}'
    assert cluster.containers['c']['big'].headers['x-object-manifest'] == \
        f'segs/big/{mtime}/3000/1000/'
    assert cluster.content(cluster.containers['c']['big']) == (tree / 'big').read_bytes()


@pytest.mark.parametrize('first', [True, False])
@pytest.mark.parametrize('second', [True, False])
def test_replaced_large_object_leaves_no_segments(service, cluster, tree, first, second):
    upload(service, 'c', ['big'], use_slo=first, **SEGMENTS)
    results = upload(service, 'c', ['big'], use_slo=second, segment_size=1500)
    assert len(of(results, 'delete_segment')) == 3
    assert len(of(results, 'upload_object')[0]['segment_delete_results']) == 3
    assert len(cluster.containers['c_segments']) == 2
    assert cluster.content(cluster.containers['c']['big']) == (tree / 'big').read_bytes()


@pytest.mark.parametrize('use_slo', [True, False])
def test_same_segments_again_are_not_deleted(service, cluster, tree, use_slo):
    for _ in range(2):
        results = upload(service, 'c', ['big'], use_slo=use_slo, **SEGMENTS)
    assert of(results, 'delete_segment') == []
    assert len(cluster.containers['c_segments']) == 3


def test_leave_segments_leaves_them_and_does_not_look(service, cluster, tree):
    upload(service, 'c', ['big'], **SEGMENTS)
    cluster.requests.clear()
    upload(service, 'c', ['big'], leave_segments=True)
    assert cluster.log('HEAD') == []
    assert len(cluster.containers['c_segments']) == 3


@pytest.mark.parametrize('use_slo', [True, False])
def test_identical_large_object_is_skipped(service, cluster, tree, use_slo):
    upload(service, 'c', ['big'], use_slo=use_slo, **SEGMENTS)
    again = upload(service, 'c', ['big'], skip_identical=True, use_slo=use_slo, **SEGMENTS)
    assert of(again, 'upload_object')[0]['status'] == 'skipped-identical'


def test_interrupted_segments_are_not_sent_again(service, cluster, tree):
    cluster.faults.append(refuse('PUT', '00000001'))
    failed = of(upload(service, 'c', ['big'], segment_size=1000), 'upload_object')[0]
    assert failed['error'].msg.startswith('Aborting manifest creation because not all segments')
    assert isinstance(failed['error'], ClientException)
    there = set(cluster.containers['c_segments'])
    cluster.faults.clear()
    cluster.requests.clear()
    results = upload(service, 'c', ['big'], skip_identical=True, **SEGMENTS)
    assert {request.path.split('c_segments/')[1] for request in cluster.requests
            if request.method == 'PUT' and '/c_segments/' in request.path}.isdisjoint(there)
    assert cluster.content(cluster.containers['c']['big']) == (tree / 'big').read_bytes()
    assert all(result['success'] for result in results)


def test_stream_is_cut_into_segments_as_it_comes(service, cluster, tree):
    data = os.urandom(2500)
    source = SwiftUploadObject(io.BytesIO(data), 'x')
    results = upload(service, 'c', [source], use_slo=True, **SEGMENTS)
    names = [part['segment_location'] for part in of(results, 'upload_segment')]
    assert [name.rsplit('/', 2)[1:] for name in names] == [
        ['1000', f'{index:08d}'] for index in range(3)]
    assert cluster.content(cluster.containers['c']['x']) == data


@pytest.mark.parametrize('length', [0, 1, 999])
def test_stream_shorter_than_a_segment_is_a_plain_object(service, cluster, tree, length):
    source = SwiftUploadObject(io.BytesIO(b'x' * length), 'x')
    result = of(upload(service, 'c', [source], use_slo=True, **SEGMENTS), 'upload_object')[0]
    assert result['large_object'] is False
    assert cluster.containers['c']['x'].data == b'x' * length


def test_stream_segment_that_fails_ends_the_upload(service, cluster, tree):
    cluster.faults.append(refuse('PUT', '00000001'))
    source = SwiftUploadObject(io.BytesIO(b'x' * 9000), 'x')
    result = of(upload(service, 'c', [source], use_slo=True, **SEGMENTS), 'upload_object')[0]
    assert 'Aborting manifest creation' in str(result['error'])
    assert 'x' not in cluster.containers['c']
    assert len(cluster.containers['c_segments']) < 4


def test_broken_connection_is_survived(service, cluster, tree, no_pauses):
    left = [2]

    def drop(request):
        if request.method == 'PUT' and request.path.endswith('big') and left[0]:
            left[0] -= 1
            return DROP
        return None

    cluster.faults.append(drop)
    result = of(upload(service, 'c', ['big']), 'upload_object')[0]
    assert (result['success'], result['attempts']) == (True, 3)
    assert cluster.containers['c']['big'].data == (tree / 'big').read_bytes()


def test_seekable_stream_is_sent_again(service, cluster, tree):
    left = [1]
    cluster.faults.append(lambda request: 503 if request.path.endswith('/c/x') and left
                          and left.pop() else None)
    source = io.BytesIO(b'skipped' + b'y' * 100000)
    source.seek(7)
    results = upload(service, 'c', [SwiftUploadObject(source, 'x')], skip_container_put=False)
    assert of(results, 'upload_object')[0]['success']
    assert cluster.containers['c']['x'].data == b'y' * 100000


def test_fail_fast_cancels_what_has_not_begun(cluster, tree, no_pauses):
    options = {'auth': cluster.url, 'user': 'test:tester', 'key': 'testing',
               'object_uu_threads': 1}
    cluster.faults.append(refuse('PUT', '/c/'))
    things = ['nope'] + [SwiftUploadObject('big', f'o{number}') for number in range(30)]
    with SwiftService(options) as service:
        results = of(upload(service, 'c', things, fail_fast=True), 'upload_object')
    assert len(results) == 31
    assert not any(result['success'] for result in results)
    cancelled = [result for result in results if result.get('status') == 'cancelled']
    assert len(cancelled) >= 28


def test_patched_connection_is_used(cluster, monkeypatch):
    made = []

    class Mine:
        url = token = None
        attempts = auth_end_time = 1

        def __init__(self, *args, **kwargs):
            made.append(kwargs)

        def get_auth(self):
            return 'u', 't'

        def head_account(self, headers=None):
            self.get_auth()
            return {'x-account-object-count': '7'}

        def close(self):
            pass

    monkeypatch.setattr('swiftclient.service.Connection', Mine)
    with SwiftService({'auth': 'a', 'user': 'b', 'key': 'c', 'timeout': 5}) as service:
        assert ('Objects', '7') in service.stat()['items']
    assert made[0]['timeout'] == 5
