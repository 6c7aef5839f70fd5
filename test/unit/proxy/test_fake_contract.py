"""The storage nodes in memory against the real servers: the same requests, the same answers.

A proxy test is worth as much as its fake. Every dialogue runs against both; statuses and the
headers that the proxy looks at must agree.
"""

import pytest

from test.support.db_servers import Client
from test.support.fake_backend import FakeNode
from test.support.object_node import Node

T = ['17000000%02d.00000' % second for second in range(20)]
LOOKED_AT = ('X-Account-Status', 'X-Container-Read', 'X-Container-Meta-A', 'X-Account-Meta-A',
             'X-Object-Meta-A', 'X-Object-Sysmeta-B', 'X-Backend-Storage-Policy-Index',
             'X-Backend-Data-Timestamp', 'Content-Range', 'Etag')
POLICY = 'X-Backend-Storage-Policy-Index'


def at(second, **headers):
    return {'X-Timestamp': T[second],
            **{name.replace('_', '-'): value for name, value in headers.items()}}


DIALOGUES = {
    'account': ('account', '/AUTH_a', [
        ('HEAD', {}, b''), ('GET', {}, b''), ('POST', at(1), b''), ('DELETE', at(1), b''),
        ('PUT', at(1, X_Account_Meta_A='1'), b''), ('HEAD', {}, b''), ('PUT', at(2), b''),
        ('POST', at(3, X_Account_Meta_A=''), b''), ('HEAD', {}, b''), ('DELETE', at(4), b''),
        ('HEAD', {}, b''), ('PUT', at(5), b''), ('DELETE', at(6), b'')]),
    'container': ('container', '/AUTH_a/c', [
        ('HEAD', {}, b''), ('POST', at(1), b''), ('DELETE', at(1), b''),
        ('PUT', at(2, X_Container_Meta_A='1', **{POLICY: '1'}), b''), ('HEAD', {}, b''),
        ('PUT', at(3), b''), ('PUT', at(4, **{POLICY: '0'}), b''),
        ('POST', at(5, X_Container_Read='r', X_Container_Meta_A=''), b''), ('HEAD', {}, b''),
        ('DELETE', at(6), b''), ('HEAD', {}, b'')]),
    'object': ('object', '/AUTH_a/c/o', [
        ('GET', {}, b''), ('HEAD', {}, b''), ('POST', at(1), b''),
        ('PUT', at(2, Content_Type='a/b', X_Object_Meta_A='1', X_Object_Sysmeta_B='2'), b'hello'),
        ('GET', {}, b''), ('HEAD', {}, b''), ('GET', {'Range': 'bytes=1-2'}, b''),
        ('GET', {'Range': 'bytes=-2'}, b''), ('GET', {'Range': 'bytes=9-'}, b''),
        ('PUT', at(2, Content_Type='a/b'), b'again'), ('PUT', at(1, Content_Type='a/b'), b'old'),
        ('PUT', at(3, Content_Type='a/b', If_None_Match='*'), b'x'),
        ('PUT', at(3, Content_Type='a/b', Etag='0' * 32), b'x'),
        ('GET', {}, b''), ('POST', at(4, X_Object_Meta_A='5'), b''), ('HEAD', {}, b''),
        ('DELETE', at(1), b''), ('DELETE', at(5), b''), ('GET', {}, b''), ('DELETE', at(6), b''),
        ('POST', at(7), b'')]),
}


@pytest.fixture
def real(tmp_path):
    """Call the real server of a kind: (kind, method, path, headers, body) -> answer."""
    (tmp_path / 'sda').mkdir()
    servers = {}

    def call(kind, method, path, headers, body):
        if kind not in servers:
            servers[kind] = Node(tmp_path) if kind == 'object' else Client(kind, tmp_path)
        if kind == 'object':
            return servers[kind].request(method, '/sda/1' + path, {'X-Timestamp': T[19],
                                                                   **headers}, body)
        return servers[kind](method, '/sda1/1' + path, headers)

    yield call
    for server in servers.values():
        server.close()


def shown(answer):
    headers = {name.title(): value for name, value in dict(answer.headers).items()}
    kept = {name: headers[name] for name in LOOKED_AT if headers.get(name)}
    if 200 <= answer.status < 300 or answer.status == 416:
        return kept
    return {name: value for name, value in kept.items() if name == 'X-Account-Status'}


@pytest.mark.parametrize('name', DIALOGUES)
def test_fake_and_real_server_agree(name, real):
    kind, path, steps = DIALOGUES[name]
    fake = FakeNode()
    for number, (method, headers, body) in enumerate(steps):
        expected = real(kind, method, path, headers, body)
        got = fake.handle(kind, method, '/sda/1' + path, headers, body)
        where = f'step {number}: {method} {headers}'
        assert got.status == expected.status, where
        if kind != 'container' or method in ('GET', 'HEAD'):
            assert shown(got) == shown(expected), where
        if method == 'GET' and kind == 'object' and got.status in (200, 206):
            assert got.read() == expected.body, where
