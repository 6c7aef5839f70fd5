"""Clients that cut large files into segments by themselves: swift, rclone, swiftclient."""

import json
import os
import uuid

import pytest

MIB = 1 << 20


@pytest.fixture
def name(run_client):
    container = f'large-{uuid.uuid4().hex[:8]}'
    yield container
    for name in (container, f'{container}_segments'):
        run_client('swift', 'delete', name, check=False)


@pytest.fixture
def big(tmp_path):
    """A file of a bit more than five MiB in a folder of its own."""
    path = tmp_path / 'big'
    path.write_bytes(os.urandom(5 * MIB + 123))
    return path


@pytest.mark.parametrize('kind', ['slo', 'dlo'])
def test_swift_upload_in_segments_download_and_delete(run_client, name, big, kind):
    if kind == 'slo':
        flags = ['--use-slo']
    else:
        # Older releases of the client make dynamic ones unless told otherwise.
        known = '--use-dlo' in run_client('swift', 'upload', '--help').stdout
        flags = ['--use-dlo'] if known else []
    upload = ['swift', 'upload', name, 'big', '-S', str(MIB), *flags]
    run_client(*upload, cwd=big.parent)
    segments = run_client('swift', 'list', f'{name}_segments').stdout.splitlines()
    assert len(segments) == 6
    stat = run_client('swift', 'stat', name, 'big').stdout
    assert f'Content Length: {5 * MIB + 123}' in stat
    assert ('Static-Large-Object: True' if kind == 'slo' else 'Manifest: ') in stat
    run_client('swift', 'download', name, 'big', '-o', str(big.parent / 'back'))
    assert (big.parent / 'back').read_bytes() == big.read_bytes()
    # The same again moves nothing, another version takes the old segments away.
    again = run_client(*upload, '--skip-identical', cwd=big.parent)
    assert 'seg' not in again.stdout
    big.write_bytes(os.urandom(2 * MIB))
    run_client(*upload, cwd=big.parent)
    assert len(run_client('swift', 'list', f'{name}_segments').stdout.splitlines()) == 2
    run_client('swift', 'delete', name, 'big')
    assert run_client('swift', 'list', f'{name}_segments').stdout == ''


def test_swift_upload_from_a_pipe(run_client, name):
    run_client('swift', 'upload', name, '-', '--object-name', 'piped', '-S', '100000',
               input='line\n' * 100_000)
    assert run_client('swift', 'download', name, 'piped', '-o', '-').stdout == 'line\n' * 100_000


def test_swift_bulk_delete_of_a_container(run_client, name, tmp_path):
    tree = tmp_path / 'tree'
    tree.mkdir()
    for number in range(40):
        (tree / f'file {number}').write_text(str(number))
    run_client('swift', 'upload', name, '.', cwd=tree)
    run_client('swift', 'delete', name)
    assert name not in run_client('swift', 'list').stdout.split()


def test_capabilities_name_what_clients_choose_by(run_client):
    found = json.loads(run_client('swift', 'capabilities', '--json').stdout)
    assert found['slo']['max_manifest_segments'] == 1000 and found['slo']['min_segment_size'] == 1
    assert found['bulk_delete']['max_deletes_per_request'] == 10000
    assert 'bulk_upload' in found


@pytest.mark.parametrize('large', ['static', 'dynamic'])
def test_rclone_round_trip_in_chunks(auth_url, run_client, name, big, large):
    env = {
        'RCLONE_CONFIG': str(big.parent / 'rclone.conf'),
        'RCLONE_CONFIG_SAIO_TYPE': 'swift',
        'RCLONE_CONFIG_SAIO_USER': 'test:tester',
        'RCLONE_CONFIG_SAIO_KEY': 'testing',
        'RCLONE_CONFIG_SAIO_AUTH': auth_url,
        'RCLONE_CONFIG_SAIO_AUTH_VERSION': '1',
    }
    words = ['--swift-chunk-size', '1Mi']
    source, back = big.parent / 'source', big.parent / 'back'
    source.mkdir()
    (source / 'big file').write_bytes(big.read_bytes())
    (source / 'small').write_bytes(b'small')
    if large == 'dynamic':
        # From a pipe the size is not known: the remote is written in chunks as they come.
        run_client('sh', '-c', f'rclone rcat saio:{name}/"big file" --swift-chunk-size 1Mi '
                               f'--streaming-upload-cutoff 1k < {source}/"big file"', env=env)
    run_client('rclone', 'copy', str(source), f'saio:{name}', *words, env=env)
    segments = run_client('swift', 'list', f'{name}_segments').stdout.splitlines()
    assert len(segments) >= 6
    run_client('rclone', 'check', str(source), f'saio:{name}', '--download', env=env)
    run_client('rclone', 'copy', f'saio:{name}', str(back), env=env)
    for path in source.iterdir():
        assert (back / path.name).read_bytes() == path.read_bytes()
    run_client('rclone', 'deletefile', f'saio:{name}/big file', env=env)
    assert run_client('swift', 'list', f'{name}_segments').stdout == ''
    run_client('rclone', 'purge', f'saio:{name}', env=env)
