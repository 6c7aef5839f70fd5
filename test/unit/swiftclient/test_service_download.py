"""Downloads through SwiftService against a cluster in memory."""
import hashlib
import os

import pytest

from swiftclient.exceptions import ClientException
from swiftclient.service import SwiftError
from test.support.memory_cluster import DROP


def download(service, container=None, objects=None, **options):
    return list(service.download(container, objects, options))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file())


def test_results_of_a_download(service, cluster, here):
    cluster.put('c/a/b', b'data', **{'x-object-meta-mtime': '1700000000.500000'})
    result, = download(service, 'c', ['a/b'])
    assert set(result) == {
        'action', 'success', 'container', 'object', 'path', 'pseudodir', 'start_time',
        'finish_time', 'headers_receipt', 'auth_end_time', 'read_length', 'attempts',
        'response_dict'}
    assert (result['path'], result['read_length'], result['attempts']) == ('a/b', 4, 1)
    assert (here / 'a/b').read_bytes() == b'data'
    assert os.path.getmtime('a/b') == 1700000000.5


def test_whole_container_page_by_page(service, cluster, here):
    cluster.page_size = 3
    for number in range(10):
        cluster.put(f'c/{number}', b'x')
    assert len(download(service, 'c', out_directory='out', shuffle=True)) == 10
    assert len(files(here / 'out')) == 10


def test_everything_needs_yes_all(service, cluster, here):
    cluster.put('c1/x', b'1')
    cluster.put('c2/x', b'2')
    assert download(service) == []
    download(service, yes_all=True)
    assert files(here) == ['c1/x', 'c2/x']


def test_prefix_can_be_removed(service, cluster, here):
    cluster.put('c/p/a', b'1')
    cluster.put('c/q', b'2')
    download(service, 'c', prefix='p/', remove_prefix=True)
    assert files(here) == ['a']


def test_directory_markers_and_pseudo_directories(service, cluster, here):
    cluster.put('c/marker', b'', content_type='application/directory')
    cluster.put('c/pseudo/', b'')
    results = {result['object']: result for result in download(service, 'c')}
    assert results['pseudo/']['pseudodir'] is True
    assert results['marker']['pseudodir'] is False
    assert sorted(os.listdir(here)) == ['marker', 'pseudo']


@pytest.mark.parametrize('name', ['../evil', 'a/../../evil', 'link/evil'])
def test_nothing_is_written_outside(service, cluster, here, name):
    (here / 'out').mkdir()
    (here / 'elsewhere').mkdir()
    (here / 'out/link').symlink_to(here / 'elsewhere')
    cluster.put(f'c/{name}', b'x')
    result, = download(service, 'c', out_directory='out')
    assert result['success'] is False
    assert isinstance(result['error'], SwiftError)
    assert files(here) == []


@pytest.mark.parametrize(('headers', 'text'), [
    ({'etag': 'wrong'}, 'md5sum != etag'), ])
def test_damaged_body_leaves_no_file(service, cluster, here, headers, text):
    cluster.put('c/x', b'data')
    cluster.containers['c']['x'].etag = headers['etag']
    (here / 'x').write_bytes(b'old')
    result, = download(service, 'c', ['x'])
    assert str(result['error'].value).startswith(
        f'Error downloading x: {text}, {hashlib.md5(b"data").hexdigest()} != wrong (txn: tx')
    assert (here / 'x').read_bytes() == b'old'
    assert os.listdir(here) == ['x']
    assert download(service, 'c', ['x'], checksum=False)[0]['success']


def test_missing_object_is_a_failed_result(service, cluster, here):
    cluster.put('c/x')
    result, = download(service, 'c', ['nope'])
    assert (result['success'], result['path'], result['attempts']) == (False, 'nope', 1)
    assert result['error'].http_status == 404
    assert os.listdir(here) == []


def test_missing_container_raises(service, here):
    with pytest.raises(SwiftError, match="Container 'nope' not found"):
        download(service, 'nope')


def test_slash_in_container_raises(service):
    with pytest.raises(SwiftError, match="'/' in container name"):
        download(service, 'a/b')


def test_standard_output_gets_an_iterator(service, cluster, here):
    cluster.put('c/x', b'data')
    result, = service.download('c', ['x'], {'out_file': '-'})
    assert set(result) == {'action', 'container', 'object', 'path', 'pseudodir', 'contents'}
    assert b''.join(result['contents']) == b'data'
    assert result['contents'].bytes_read() == 4
    assert os.listdir(here) == []


def test_contents_outlive_the_service(service, cluster, here):
    cluster.put('c/x', b'data')
    result, = service.download('c', ['x'], {'out_file': '-'})
    service.__exit__(None, None, None)
    assert b''.join(result['contents']) == b'data'


def test_out_file_is_for_one_object_only(service, cluster, here):
    cluster.put('c/x', b'1')
    cluster.put('c/y', b'2')
    download(service, 'c', ['x'], out_file='one')
    download(service, 'c', ['x', 'y'], out_file='two')
    assert files(here) == ['one', 'x', 'y']


def test_no_download_reads_and_writes_nothing(service, cluster, here):
    cluster.put('c/x', b'data')
    assert download(service, 'c', no_download=True)[0]['read_length'] == 4
    assert os.listdir(here) == []


def test_range_is_passed_on_and_not_compared_with_the_whole(service, cluster, here):
    cluster.put('c/x', b'0123456789')
    result, = download(service, 'c', ['x'], header=['Range: bytes=2-4'])
    assert result['success']
    assert (here / 'x').read_bytes() == b'234'


def test_version_is_passed_on(service, cluster, here):
    cluster.put('c/x', b'data')
    download(service, 'c', ['x'], version_id='v1')
    assert cluster.log('GET') == ['GET c/x?version-id=v1']


def test_identical_file_is_a_304(service, cluster, here):
    cluster.put('c/x', b'data')
    (here / 'x').write_bytes(b'data')
    result, = download(service, 'c', ['x'], skip_identical=True)
    assert isinstance(result['error'], ClientException)
    assert result['error'].http_status == 304
    (here / 'x').write_bytes(b'other')
    assert download(service, 'c', ['x'], skip_identical=True)[0]['success']
    assert (here / 'x').read_bytes() == b'data'


@pytest.mark.parametrize('use_slo', [True, False])
def test_identical_large_object_is_found_by_its_segments(service, cluster, tree, use_slo):
    list(service.upload('c', ['big'], {'segment_size': 1000, 'use_slo': use_slo}))
    data = (tree / 'big').read_bytes()
    result, = download(service, 'c', ['big'], skip_identical=True)
    assert (result['error'].msg, result['error'].http_status) == \
        ('Large object is identical', 304)
    (tree / 'big').write_bytes(b'other')
    assert download(service, 'c', ['big'], skip_identical=True)[0]['success']
    assert (tree / 'big').read_bytes() == data


def test_broken_connection_is_survived(service, cluster, here):
    cluster.put('c/x', b'data')
    left = [1]
    cluster.faults.append(lambda request: DROP if request.path.endswith('/c/x') and left
                          and left.pop() else None)
    result, = download(service, 'c', ['x'])
    assert (result['success'], result['attempts']) == (True, 2)


def test_parallel_jobs_do_not_change_the_options(service, cluster, here):
    cluster.put('c/x', b'1')
    options = {'out_file': 'one', 'skip_identical': True, 'header': ['X-A: b']}
    before = dict(options)
    list(service.download('c', ['x', 'y'], options))
    assert options == before
