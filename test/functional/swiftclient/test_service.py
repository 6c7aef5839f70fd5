"""SwiftService and the command against a real cluster: documents, interruptions, restarts."""
import os
import re
import signal
import subprocess
import threading
import uuid
from pathlib import Path

import pytest

from swiftclient.service import SwiftService, SwiftUploadObject
from test.support.swift_command import OURS, run

ROOT = Path(__file__).resolve().parents[3]
BLOCK = re.compile(r'^```python\n(.*?)^```', re.MULTILINE | re.DOTALL)


@pytest.fixture
def service(auth_url):
    with SwiftService({'auth': auth_url, 'user': 'test:tester', 'key': 'testing',
                       'auth_version': '1.0', 'starting_backoff': 0.1, 'retries': 9}) as made:
        yield made


@pytest.fixture
def name(service):
    """A container's name; everything whose name begins with it is deleted afterwards."""
    own = f'svc-{uuid.uuid4().hex[:8]}'
    yield own
    for page in service.list(options={'prefix': own}):
        for entry in page['listing']:
            list(service.delete(entry['name']))


def test_examples_of_the_document(auth_url, service, name, monkeypatch, tmp_path):
    if 'slo' not in service.capabilities()['capabilities']:
        pytest.skip('the cluster has no static large objects, which the document shows')
    monkeypatch.chdir(tmp_path)
    from swiftclient.service import _default_global_options as defaults
    for key, value in {'auth': auth_url, 'user': 'test:tester', 'key': 'testing'}.items():
        monkeypatch.setitem(defaults, key, value)
    for block in BLOCK.findall((ROOT / 'doc/swift-service.md').read_text(encoding='utf-8')):
        for word in ('photos', 'backup', 'other', 'tmp-container'):
            block = re.sub(rf"(['/]){word}", rf'\g<1>{name}-{word}', block)
        exec(compile(block, 'doc/swift-service.md', 'exec'), {})


def test_one_service_for_many_threads(service, name, tmp_path):
    (tmp_path / 'f').write_bytes(b'x' * 1000)
    failed = []

    def work(number):
        things = [SwiftUploadObject(str(tmp_path / 'f'), f'{number}/{index}')
                  for index in range(10)]
        failed.extend(result for result in service.upload(name, things)
                      if not result['success'])
        failed.extend(result for result in service.download(
            name, [f'{number}/{index}' for index in range(10)],
            {'out_directory': str(tmp_path / 'out')}) if not result['success'])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sum(path.is_file() for path in (tmp_path / 'out').rglob('*')) == 40


@pytest.mark.parametrize('use_slo', [True, False])
def test_segments_there_and_back(service, name, tmp_path, use_slo, monkeypatch):
    if 'slo' not in service.capabilities()['capabilities']:  # /info tells nothing of dlo
        pytest.skip('the cluster has no large objects')
    monkeypatch.chdir(tmp_path)
    data = os.urandom(3 << 20)
    (tmp_path / 'large').write_bytes(data)
    options = {'segment_size': 1 << 20, 'use_slo': use_slo}
    assert all(result['success'] for result in service.upload(name, ['large'], options))
    (tmp_path / 'large').unlink()
    assert all(result['success'] for result in service.download(name, ['large']))
    assert (tmp_path / 'large').read_bytes() == data
    assert all(result['success'] for result in service.delete(name, ['large']))
    assert list(service.list(f'{name}_segments')) == []


def test_interrupted_upload_ends_and_goes_on(auth_url, service, name, tmp_path):
    for number in range(300):
        (tmp_path / f'{number:03d}').write_bytes(os.urandom(1000))
    process = subprocess.Popen(
        [*OURS, 'upload', name, *sorted(os.listdir(tmp_path))], cwd=tmp_path,
        env=dict(os.environ, ST_AUTH=auth_url, ST_USER='test:tester', ST_KEY='testing',
                 PYTHONUNBUFFERED='1'),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, b' Aborted\n')
    again = run(OURS, 'upload', '--skip-identical', name, *sorted(os.listdir(tmp_path)),
                cwd=tmp_path, auth_url=auth_url)
    assert (again.status, again.err) == (0, '')
    stored = {entry['name'] for page in service.list(name) for entry in page['listing']}
    assert stored == set(os.listdir(tmp_path))


def test_proxy_that_restarts_is_waited_for(saio, service, name, tmp_path):
    (tmp_path / 'f').write_bytes(b'x' * 1000)
    things = [SwiftUploadObject(str(tmp_path / 'f'), f'{index:04d}') for index in range(200)]
    starter = threading.Thread(target=saio.swift_init, args=('proxy-server', 'start'))
    assert all(result['success'] for result in service.upload(name, things[:1]))
    saio.swift_init('proxy-server', 'stop')
    starter.start()
    # Nothing but the uploads themselves: it is them that have to wait.
    results = list(service.upload(name, things, {'skip_container_put': True,
                                                 'leave_segments': True}))
    starter.join()
    assert [str(result['error']) for result in results if not result['success']] == []
    assert len(results) == 200
    assert max(result.get('attempts', 1) for result in results) > 1
