"""Debian's rclone: a real tree up, checked, and a second sync that moves nothing."""

import re
import uuid

import pytest

EXCLUDES = [
    '--exclude',
    '__pycache__/**',
    '--exclude',
    'site-packages/**',
    '--exclude',
    'dist-packages/**',
    '--exclude',
    'test/**',
]


@pytest.fixture
def remote(auth_url, run_client, tmp_path):
    """(remote name with container, environment) of an rclone remote on the cluster."""
    env = {
        'RCLONE_CONFIG': str(tmp_path / 'rclone.conf'),
        'RCLONE_CONFIG_SAIO_TYPE': 'swift',
        'RCLONE_CONFIG_SAIO_USER': 'test:tester',
        'RCLONE_CONFIG_SAIO_KEY': 'testing',
        'RCLONE_CONFIG_SAIO_AUTH': auth_url,
        'RCLONE_CONFIG_SAIO_AUTH_VERSION': '1',
    }
    name = f'saio:tree-{uuid.uuid4().hex[:8]}'
    yield name, env
    run_client('rclone', 'purge', name, env=env, check=False)


def transferred(output: str) -> int:
    found = re.findall(r'Transferred:\s+(\d+) / \d+, ', output)
    return int(found[-1]) if found else 0


@pytest.mark.slow
def test_rclone_sync_and_check_of_a_real_tree(remote, run_client, library_tree):
    name, env = remote
    words = ['--links', '--transfers', '8', '--checkers', '16', *EXCLUDES]
    first = run_client('rclone', 'sync', str(library_tree), name, '-v', *words, env=env)
    assert transferred(first.stderr) > 300
    run_client('rclone', 'check', str(library_tree), name, *words, env=env)
    second = run_client('rclone', 'sync', str(library_tree), name, '-v', *words, env=env)
    assert transferred(second.stderr) == 0, second.stderr


def test_rclone_round_trip_keeps_bytes_and_times(remote, run_client, tmp_path):
    name, env = remote
    source, back = tmp_path / 'source', tmp_path / 'back'
    (source / 'sub').mkdir(parents=True)
    (source / 'sub' / 'naïve file ☃.txt').write_bytes(b'snow\n' * 1000)
    (source / 'empty').write_bytes(b'')
    run_client('rclone', 'copy', str(source), name, env=env)
    run_client('rclone', 'copy', name, str(back), env=env)
    files = sorted(path.relative_to(source) for path in source.rglob('*') if path.is_file())
    assert files == sorted(path.relative_to(back) for path in back.rglob('*') if path.is_file())
    for path in files:
        assert (source / path).read_bytes() == (back / path).read_bytes()
        assert abs((source / path).stat().st_mtime - (back / path).stat().st_mtime) < 1e-3
