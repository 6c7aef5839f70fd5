"""Binding, retrying, and which addresses and ports are ours."""
import socket

import pytest

from swift.common import listening
from swift.common.clock import ManualClock
from swift.common.config.common import CommonServerOptions
from swift.common.errors import BindError


def options(**more):
    return CommonServerOptions.parse({'bind_ip': '127.0.0.1', **more})


def test_each_worker_gets_its_own_socket_on_one_port():
    guard = listening.PortGuard()
    first = listening.bind(options(keep_idle='77'), 0, guard)
    port = first.getsockname()[1]
    second = listening.bind(options(), port, guard)
    assert second.getsockname() == first.getsockname()
    assert first.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert first.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert first.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 77
    assert not first.get_inheritable()
    first.close()
    second.close()


def test_address_in_use_is_retried_until_it_is_free():
    clock, waits = ManualClock(), []
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()

        def wait(seconds):
            waits.append(seconds)
            clock.advance(seconds)
            if len(waits) == 3:
                taken.close()
        listening.bind(options(bind_timeout='5'), taken.getsockname()[1],
                       listening.PortGuard(), clock, wait).close()
    assert waits == [0.1] * 3


def test_address_in_use_for_too_long_is_an_error():
    clock = ManualClock()
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BindError) as caught:
            listening.bind(options(bind_timeout='2'), port, listening.PortGuard(), clock,
                           clock.advance)
    assert str(caught.value) == (
        'Could not bind to 127.0.0.1:%d after trying for 2 seconds' % port)


def test_second_manager_does_not_share_the_port_of_the_first():
    clock, first, second = ManualClock(), listening.PortGuard(), listening.PortGuard()
    sock = listening.bind(options(), 0, first)
    port = sock.getsockname()[1]
    listening.bind(options(), port, first).close()
    listening.bind(options(), port, first).close()  # of another worker of the same manager
    with pytest.raises(BindError, match='after trying for 2 seconds'):
        listening.bind(options(bind_timeout='2'), port, second, clock, clock.advance)
    first.release('127.0.0.1', port)
    listening.bind(options(), port, second).close()
    sock.close()
    second.close()


def test_next_image_takes_over_the_ports():
    old = listening.PortGuard()
    assert old.take('127.0.0.1', 6200)
    new = listening.PortGuard([sock.dup() for sock in old.sockets])
    old.close()
    assert new.take('127.0.0.1', 6200)
    assert not listening.PortGuard().take('127.0.0.1', 6200)
    new.close()
    last = listening.PortGuard()
    assert last.take('127.0.0.1', 6200)
    last.close()


@pytest.mark.parametrize('address', ['203.0.113.1', 'no such host.invalid'])
def test_address_that_is_not_ours_fails_at_once(address):
    with pytest.raises(BindError, match='Could not bind to'):
        listening.bind(options(bind_ip=address), 1234, listening.PortGuard(), ManualClock(),
                       None)


def test_inherited_descriptors_become_sockets():
    sock = listening.bind(options(), 0, listening.PortGuard())
    again = listening.inherited(sock.detach())
    assert again.getsockname()[0] == '127.0.0.1'
    again.close()


def test_local_addresses():
    assert '127.0.0.1' in listening.local_addresses()
    assert '127.0.0.1' in listening.local_addresses('::')
    assert listening.local_addresses('10.1.2.3') == ['10.1.2.3']
    assert listening.local_addresses('2001:DB8:0::1') == ['2001:db8::1']
    assert listening.local_addresses('node1') == ['node1']


def test_ports_of_local_devices():
    devices = [{'ip': '127.0.0.1', 'port': 1}, None, {'ip': '127.0.0.2', 'port': 2},
               {'ip': '127.0.0.1', 'port': 3}, {'ip': '127.0.0.1', 'port': 1}]
    assert listening.local_ports(devices, ['127.0.0.1']) == {1, 3}
