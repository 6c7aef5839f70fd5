"""Both halves of a cut network take writes; after healing, one pass makes everything the newest."""
import contextlib
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from test.support.client import Client
from test.support.converge import at_once, check_database, check_object, held, replicate
from test.support.faults import Faults
from test.support.hosts import four_hosts
from test.support.hosts_cluster import running_on_hosts
from test.support.saio import PATIENCE_S
from test.support.service import eventually

LEFT, RIGHT = 1, 3                               # a host of each half
HALF = {1, 2}
TRIES = 8
# (method, whether it is an object, status of a repetition): the status that the first try missed.
HAPPENED_BEFORE = {('put', False, 202): 201, ('delete', True, 404): 204}
pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.skipif(
    os.geteuid() != 0, reason='needs root to make network namespaces'),
    pytest.mark.timeout(1200)]                   # a minute and a half where nobody else works


@pytest.fixture(scope='module')
def spread(tmp_path_factory):
    with four_hosts() as hosts:
        with running_on_hosts(tmp_path_factory.mktemp('halves') / 'saio', hosts) as cluster:
            with rsync_daemons(cluster):
                yield cluster


@contextlib.contextmanager
def rsync_daemons(spread):
    """Each host has its own, at its own address; replicators find it by the ring's."""
    layout, port = spread.layout, str(spread.layout.rsync_port)
    etc = Path(layout.etc)
    for path in etc.glob('*-server/*.conf'):
        path.write_text(path.read_text().replace('rsync://127.0.0.1:', 'rsync://{replication_ip}:'))
    running = []
    try:
        for host in spread.hosts.numbers:
            conf = etc / f'rsyncd{host}.conf'
            conf.write_text((etc / 'rsyncd.conf').read_text().replace('.pid', f'{host}.pid'))
            words = ('rsync', '--daemon', '--no-detach', f'--config={conf}',
                     f'--address={layout.ip(host)}', f'--port={port}')
            running.append(subprocess.Popen(spread.hosts.command(host, *words),
                                            stdin=subprocess.DEVNULL))
            probe = spread.hosts.command(
                host, 'bash', '-c', f'exec 3<>/dev/tcp/{layout.ip(host)}/{port}')
            eventually(lambda probe=probe: subprocess.run(
                probe, capture_output=True, check=False).returncode == 0, 'rsync', PATIENCE_S)
        yield
    finally:
        for process in running:
            process.terminate()
            process.wait(10)


def insist(half):
    """Let a client repeat what is answered 503, as clients do.

    Just after the cut a proxy learns by time-outs whom it can reach no more, and may run out of
    nodes for one request. It may have happened all the same: then its repetition is told so.
    """
    def repeating(method, call):
        def repeated(name, *args, **kwargs):
            answer = call(name, *args, **kwargs)
            for _try in range(TRIES):
                if answer.status != 503:
                    break
                answer = call(name, *args, **kwargs)
                known = HAPPENED_BEFORE.get((method, '/' in name, answer.status))
                answer = replace(answer, status=known or answer.status)
            return answer
        return repeated
    for method in ('put', 'post', 'delete'):
        setattr(half, method, repeating(method, getattr(half, method)))
    return half


@pytest.fixture
def halves(spread):
    """(faults, client of the left half, client of the right half) of a whole network."""
    faults = Faults(spread)
    spread.hosts.heal()
    faults.forgive()
    return faults, *(insist(Client(spread.auth_url_of(host))) for host in (LEFT, RIGHT))


@contextlib.contextmanager
def split(faults):
    faults.saio.hosts.split(HALF)
    try:
        yield
    finally:
        faults.saio.hosts.heal()
        faults.forgive()


def test_writes_to_both_halves_converge_to_the_newest(halves):
    faults, left, right = halves
    account = left.account
    assert left.put('c').status == 201
    for name in ('both', 'left wins', 'deleted'):
        assert left.put(f'c/{name}', b'before').status == 201
    with split(faults):
        assert left.put('c/both', b'left').status == 201
        assert right.put('c/both', b'right').status == 201
        assert right.put('c/left wins', b'right').status == 201
        assert left.put('c/left wins', b'left').status == 201
        assert right.put('c/deleted', b'right').status == 201
        assert left.delete('c/deleted').status == 204
        assert left.put('c/of the left', b'left').status == 201
        assert right.put('c/of the right', b'right').status == 201
        larger = _with_most_primaries(faults, left, right)
        assert larger.post('c', headers={'X-Container-Meta-Word': 'new'}).status == 204
        assert left.put('cl').status == 201 and right.put('cr').status == 201
    at_once(faults, 'object-updater')
    replicate(faults)
    at_once(faults, 'container-updater')
    # An older file that a handoff pushes late is still beside the newest: the next pass looks.
    replicate(faults, 'account', 'object')
    wanted = {'both': b'right', 'left wins': b'left', 'deleted': None, 'of the left': b'left',
              'of the right': b'right'}
    for name, body in wanted.items():
        check_object(faults, (account, 'c', name), body)
    assert faults.async_pendings() == []
    for name in ('c', 'cl', 'cr'):
        check_database(faults, (account, name))
    check_database(faults, (account,))
    for half in (left, right):
        assert half.get('c').lines == sorted(name for name, body in wanted.items() if body)
        assert half.head('c').header('X-Container-Meta-Word') == 'new'
        assert {'c', 'cl', 'cr'} <= set(half.get('').lines)


def _with_most_primaries(faults, left, right):
    """Return the client whose half may change container c: handoffs do not know it."""
    inside = [place for place in faults.primaries(left.account, 'c') if place.node in HALF]
    return left if len(inside) > 1 else right


def test_container_made_in_both_halves_with_two_policies_ends_in_one(halves):
    faults, left, right = halves
    names = left.account, 'two'
    with split(faults):
        assert left.put('two', headers={'X-Storage-Policy': 'gold'}).status == 201
        assert right.put('two', headers={'X-Storage-Policy': 'silver'}).status == 201
        for half, word in ((left, b'left'), (right, b'right')):
            assert half.put(f'two/of the {word.decode()}', word).status == 201
            assert half.put('two/both', word).status == 201
        assert right.put('two/deleted', b'right').status == 201
        assert left.put('two/deleted', b'left').status == 201
        assert left.delete('two/deleted').status == 204
    at_once(faults, 'object-updater')
    replicate(faults)
    at_once(faults, 'container-updater')
    reconcile(faults)
    replicate(faults)
    check_database(faults, names)
    wanted = {'both': b'right', 'of the left': b'left', 'of the right': b'right'}
    for half in (left, right):
        assert half.head('two').header('X-Storage-Policy') == 'gold'
        assert half.get('two').lines == sorted(wanted)
        assert {name: half.get(f'two/{name}').body for name in wanted} == wanted
        assert half.get('two/deleted').status == 404
    for name, body in {**wanted, 'deleted': None}.items():
        each = (*names, name)
        check_object(faults, each, body)
        left_over = [path.name for place in faults.primaries(*each, policy=1) + faults.handoffs(
            *each, policy=1) if held([place]) for path in place.folder.iterdir()]
        assert not [name for name in left_over if name.endswith('.data')]


def reconcile(faults):
    """One pass of the reconciler, which needs no node of its own."""
    conf = Path(faults.layout.etc) / 'container-reconciler.conf'
    done = faults.saio.run(1, 'swift-container-reconciler', str(conf), 'once')
    assert done.returncode == 0, done.stdout + done.stderr
