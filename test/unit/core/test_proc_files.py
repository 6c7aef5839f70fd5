"""What is read from the kernel's files."""
import pytest

from swift.core import proc_files


def test_load_average():
    assert proc_files.load_average('0.08 0.03 0.05 1/389 12345\n') == {
        '1m': 0.08, '5m': 0.03, '15m': 0.05, 'tasks': '1/389', 'processes': 12345}
    for text in ('', '1 2', 'a b c 1/2 3'):
        with pytest.raises(ValueError):
            proc_files.load_average(text)


def test_memory():
    lines = ['MemTotal:       16384 kB\n', 'HugePages_Total:       0\n', '\n']
    assert proc_files.memory(lines) == {'MemTotal': '16384 kB', 'HugePages_Total': '0'}


def test_mounts():
    assert proc_files.mounts(['/dev/sdb1 /srv/node/sdb1 xfs rw 0 0\n', '\n', 'odd\n']) == [
        {'device': '/dev/sdb1', 'path': '/srv/node/sdb1'}]


def test_sockets():
    ipv4 = ['sockets: used 271\n', 'TCP: inuse 16 orphan 1 tw 2 alloc 27 mem 7\n', 'UDP: inuse 3\n']
    assert proc_files.sockets(ipv4, ['TCP6: inuse 4\n', 'UDP6: inuse 1\n'], 4096) == {
        'tcp_in_use': 16, 'orphan': 1, 'time_wait': 2, 'tcp_mem_allocated_bytes': 7 * 4096,
        'tcp6_in_use': 4}
    assert 'tcp6_in_use' not in proc_files.sockets(ipv4, [], 4096)
