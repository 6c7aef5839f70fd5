"""Full, read-only and missing devices: 507 or 503 to whom it concerns, and never half an object."""

import os
import subprocess
from pathlib import Path

import pytest

from test.support.client import Client
from test.support.load import body_of
from test.support.saio import running_saio

is_root = pytest.mark.skipif(os.geteuid() != 0, reason='needs root to mount a small file system')


def mount_small(folder: Path, image: Path, size_mb: int) -> None:
    with open(image, 'wb') as f:
        f.truncate(size_mb << 20)
    subprocess.run(
        ['mkfs.ext4', '-q', '-F', '-O', '^has_journal', str(image)], check=True, capture_output=True
    )
    subprocess.run(
        ['mount', '-o', 'loop', str(image), str(folder)], check=True, capture_output=True
    )


@pytest.fixture
def small_devices(tmp_path):
    """A cluster all of whose devices lie on one small file system; yields (cluster, folder)."""
    root = tmp_path / 'saio'
    (root / 'srv').mkdir(parents=True)
    try:
        mount_small(root / 'srv', tmp_path / 'image', 64)
    except (OSError, subprocess.CalledProcessError) as err:
        pytest.skip(f'no loop mounts on this machine: {err}')
    try:
        with running_saio(root) as cluster:
            yield cluster, root / 'srv'
    finally:
        subprocess.run(['umount', '-l', str(root / 'srv')], check=False)


def forget_errors(cluster):
    """A proxy leaves a device that answered 507 alone for a minute; a new one asks at once."""
    done = cluster.swift_init('proxy', 'restart')
    assert done.returncode == 0, done.stdout + done.stderr


def data_files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob('*') if path.suffix in ('.data', '.ts', '.meta')}


@pytest.mark.root
@is_root
def test_full_device_refuses_writes_and_keeps_what_it_has(small_devices):
    cluster, folder = small_devices
    client = Client(cluster.auth_url)
    assert client.put('c').status == 201
    answers, stored = [], {}
    for number in range(60):
        name = f'o{number}'
        body = body_of(name, 0, 1 << 20)
        answers.append(client.put(f'c/{name}', body).status)
        if answers[-1] == 201:
            stored[name] = body
    assert 201 in answers and set(answers) <= {201, 503, 507} and answers[-1] != 201
    forget_errors(cluster)
    for name, body in stored.items():
        assert client.get(f'c/{name}').body == body
    for number in range(60):
        if f'o{number}' not in stored:
            # What was refused may be on one replica all the same, and spread; then it is whole.
            answer = client.get(f'c/o{number}')
            assert answer.status in (404, 503) or answer.body == body_of(f'o{number}', 0, 1 << 20)
    sizes = {path.stat().st_size for path in data_files(folder)}
    assert sizes <= {1 << 20}, 'a partial object has a name'


@pytest.mark.root
@is_root
def test_read_only_device_still_serves_and_refuses_writes(small_devices):
    cluster, folder = small_devices
    client = Client(cluster.auth_url)
    assert client.put('c').status == 201 and client.put('c/o', b'kept').status == 201
    before = data_files(folder)
    # Open databases keep a file system writable: the servers come up again on a read-only one.
    cluster.swift_init('all', 'stop')
    subprocess.run(['mount', '-o', 'remount,ro', str(folder)], check=True)
    assert cluster.swift_init('main', 'start').returncode == 0
    assert client.put('c/new', b'x').status in (503, 507)
    assert client.delete('c/o').status in (503, 507)
    forget_errors(cluster)
    assert client.get('c/o').body == b'kept'
    subprocess.run(['mount', '-o', 'remount,rw', str(folder)], check=True)
    assert data_files(folder) == before


def test_missing_device_is_507_and_the_client_notices_nothing(saio, client, container):
    layout = saio.layout
    device = Path(layout.devices_root(2)) / layout.devices(2)[0]
    away = device.with_name(device.name + 'X')
    device.rename(away)
    try:
        direct = Client.raw(client, 'GET', '/healthcheck')
        assert direct.status == 200
        assert [client.put(f'{container}/o{n}', b'x').status for n in range(20)] == [201] * 20
        assert [client.get(f'{container}/o{n}').body for n in range(20)] == [b'x'] * 20
        assert not device.exists()
    finally:
        away.rename(device)
