"""One server port per disk: the object server follows the rings."""
import array
import signal
import socket

import pytest

from swift.common.ring.files import RingData, write_ring
from test.support.service import Service, eventually, free_port

pytestmark = pytest.mark.slow


def write_ports(directory, *ports):
    """Write an object ring whose devices have these ports on 127.0.0.1, and one elsewhere."""
    devs = [{'id': index, 'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': port,
             'replication_ip': '127.0.0.1', 'replication_port': port, 'device': 'sd%d' % index,
             'weight': 1.0, 'meta': ''} for index, port in enumerate(ports)]
    devs.append({**devs[0], 'id': len(devs), 'ip': '203.0.113.9', 'port': 1})
    row = memoryview(array.array('H', [0] * 4))
    write_ring(str(directory / 'object.ring.gz'), RingData(devs, 30, [row]))


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path, 'swift-object-server', 'object-server')
    service.write(default='servers_per_port = 2\nring_check_interval = 0.1', bind_port=0)
    yield service
    service.close()


def pids_on(service, port):
    service.port = port
    if service.refuses():
        return set()
    return {service.get('/pid') for _ in range(10)}


def test_workers_listen_on_each_local_port_of_the_ring(service):
    first, second = free_port(), free_port()
    write_ports(service.dir, first, second)
    service.start()
    assert len(service.workers()) == 4
    eventually(lambda: len(pids_on(service, first)) == 2)
    assert not pids_on(service, first) & pids_on(service, second)


def test_changed_ring_opens_and_closes_ports(service):
    old, kept, new = free_port(), free_port(), free_port()
    write_ports(service.dir, old, kept)
    service.start()
    before = pids_on(service, kept)
    write_ports(service.dir, kept, new)
    service.port = new
    eventually(lambda: not service.refuses() and service.get('/pid'))
    service.port = old
    eventually(service.refuses)
    assert pids_on(service, kept) & before
    assert 'Closing unnecessary sock for port %d' % old in service.log()


def test_taken_port_is_critical_and_tried_again(service):
    port, taken_port = free_port(), free_port()
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', taken_port))
        taken.listen()
        write_ports(service.dir, port, taken_port)
        service.start()
        assert pids_on(service, port)
        assert 'CRITICAL object-server: Could not bind to 127.0.0.1:%d' % taken_port in (
            service.log())
    eventually(lambda: len(pids_on(service, taken_port)) > 0)


def test_reload_keeps_ports(service):
    port = free_port()
    write_ports(service.dir, port)
    service.start()
    old = set(service.workers())
    service.signal(signal.SIGUSR1)
    eventually(lambda: len(set(service.workers()) - old) == 2 and not old & set(
        service.workers()))
    assert pids_on(service, port)


def test_policies_without_a_ring_wait_for_it(service):
    first, second = free_port(), free_port()
    (service.dir / 'swift.conf').write_text(
        '[swift-hash]\nswift_hash_path_suffix = x\n[storage-policy:0]\nname = a\ndefault = yes\n'
        '[storage-policy:1]\nname = b\n')
    write_ports(service.dir, first)
    service.start()
    assert pids_on(service, first)
    other = service.dir / 'object-1.ring.gz'
    other.write_bytes(b'junk')
    eventually(lambda: 'object-1.ring.gz is damaged or no ring' in service.log())
    assert pids_on(service, first)
    write_ports(service.dir, first, second)
    (service.dir / 'object.ring.gz').replace(other)
    service.port = second
    eventually(lambda: not service.refuses() and service.get('/pid'))


def test_damaged_ring_ends_the_start(service):
    (service.dir / 'object.ring.gz').write_bytes(b'junk')
    code, output = service.run(service.conf)
    assert code == 1 and 'is damaged or no ring' in output and 'Traceback' not in output
