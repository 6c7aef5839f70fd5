"""What a request leaves behind: entries in memcached, one line in the access log."""

import hashlib
import json
import socket
import time
from pathlib import Path

import pytest

FIELDS = (
    'client_ip remote_addr end_time method path protocol status referer user_agent token received '
    'sent etag trans_id headers request_time source log_info start end policy user'
).split()


@pytest.fixture
def cached(saio):
    """Asks memcached for a key: None, or (flags, value as JSON, seconds it still lives)."""

    def get(key):
        name = hashlib.md5(key.encode()).hexdigest().encode()
        with socket.create_connection(('127.0.0.1', saio.layout.memcache_port), 5) as sock:
            stream = sock.makefile('rb')
            sock.sendall(b'mg %b t f v\r\n' % name)
            first = stream.readline().split()
            if first[0] != b'VA':
                return None
            value = json.loads(stream.read(int(first[1])))
            known = {flag[:1]: int(flag[1:]) for flag in first[2:]}
            return known[b'f'], value, known[b't']

    return get


@pytest.fixture
def logged(saio):
    """Runs a request and returns its lines of the access log as dicts."""
    path = Path(saio.layout.log) / 'proxy.log'

    def lines_of(answer):
        trans_id = answer.header('X-Trans-Id')
        deadline = time.monotonic() + 5
        while True:
            lines = [
                line.partition('proxy-server: ')[2].partition(' (txn: ')[0].split(' ')
                for line in path.read_text().splitlines()
                if f' {trans_id} ' in line
            ]
            if lines or time.monotonic() > deadline:
                assert all(len(line) == len(FIELDS) for line in lines)
                return [dict(zip(FIELDS, line, strict=True)) for line in lines]

    return lines_of


def test_container_entry_follows_the_container(client, container, cached):
    key = f'container/{client.account}/{container}'
    client.head(container)
    flags, value, ttl_s = cached(key)
    assert (flags, value['status'], value['storage_policy']) == (2, 204, '0') and 55 < ttl_s <= 60
    headers = {'X-Container-Read': '.r:*', 'X-Container-Meta-A': 'é'.encode()}
    assert client.post(container, headers=headers).status == 204
    assert cached(key) is None
    client.get(container)
    _, value, _ = cached(key)
    assert (value['status'], value['read_acl'], value['meta']) == (200, '.r:*', {'a': 'é'})
    client.delete(container)
    assert cached(key) is None


def test_missing_container_is_remembered_for_a_tenth_of_the_time(client, cached):
    assert client.head('never').status == 404
    _, value, ttl_s = cached(f'container/{client.account}/never')
    assert value['status'] == 404 and ttl_s <= 6
    assert client.put('never').status == 201 and client.head('never').status == 204
    assert client.delete('never').status == 204


def test_account_entry_is_dropped_by_post(client, cached):
    key = f'account/{client.account}'
    client.head()
    _, value, _ = cached(key)
    assert value['account_really_exists'] is True and value['status'] == 204
    client.post(headers={'X-Account-Meta-Cache': 'x'})
    assert cached(key) is None
    client.post(headers={'X-Remove-Account-Meta-Cache': 'x'})


def test_access_line_of_an_upload(client, container, logged):
    headers = {
        'User-Agent': 'my agent/1.0',
        'X-Forwarded-For': '1.2.3.4, 5.6.7.8',
        'X-Delete-After': '1000',
    }
    answer = client.put(f'{container}/o é', b'abc', headers=headers, query='?a=b')
    line = logged(answer)[-1]  # before it, those of look-ups that it needed
    assert line['client_ip'] == '1.2.3.4' and line['remote_addr'] == '127.0.0.1'
    assert line['path'] == f'{client.storage_path}/{container}/o%2520%25C3%25A9%3Fa%3Db'
    assert (line['method'], line['protocol'], line['status']) == ('PUT', 'HTTP/1.0', '201')
    assert (line['received'], line['sent'], line['source']) == ('3', '-', '-')
    assert line['user_agent'] == 'my%20agent/1.0'
    assert line['token'] == client.token[:16] + '...'
    assert line['log_info'].startswith('x-delete-at:')
    assert (line['policy'], line['user']) == ('0', 'test:tester')


@pytest.mark.parametrize(
    ('method', 'status', 'sent'),
    [('GET', '200', '3'), ('HEAD', '200', '-'), ('POST', '202', '76'), ('DELETE', '204', '-')],
)
def test_access_lines_of_objects_name_the_policy(client, logged, method, status, sent):
    client.put('silver-lines', headers={'X-Storage-Policy': 'silver'})
    client.put('silver-lines/o', b'abc')
    line = logged(client.request(method, 'silver-lines/o'))[-1]
    assert (line['status'], line['sent'], line['policy']) == (status, sent, '1')
    client.delete('silver-lines/o')
    client.delete('silver-lines')


def test_copy_is_logged_as_copy_and_its_read_with_a_source(client, container, logged):
    client.put(f'{container}/o', b'abc')
    answer = client.request('COPY', f'{container}/o', headers={'Destination': f'{container}/p'})
    lines = logged(answer)
    assert [(line['method'], line['source']) for line in lines if line['source'] == '-'] == [
        ('COPY', '-')
    ]
    assert ('GET', 'SSC') in [(line['method'], line['source']) for line in lines]


def test_abandoned_download_is_499(client, container, saio):
    client.put(f'{container}/big', b'x' * 20_000_000)
    target = f'{client.storage_path}/{container}/big'
    with socket.create_connection(('127.0.0.1', saio.layout.port), 10) as sock:
        head = f'GET {target} HTTP/1.1\r\nHost: h\r\nX-Auth-Token: {client.token}\r\n\r\n'
        sock.sendall(head.encode())
        sock.recv(1000)
    path = Path(saio.layout.log) / 'proxy.log'
    deadline = time.monotonic() + 10
    while f'GET {target} HTTP/1.0 499 ' not in path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
