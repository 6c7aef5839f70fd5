"""list_endpoints: where accounts, containers and objects are."""
import json

import pytest

from swift.common.info import headers_to_account_info, headers_to_container_info
from swift.common.middleware.list_endpoints import ListEndpoints, ListEndpointsOptions
from swift.common.swob import Request, Response
from swift.core.endpoints import BadEndpointPath, Wanted, parse, urls
from swift.core.policy import parse_policies

POLICIES = parse_policies({'storage-policy:0': {'name': 'gold', 'default': 'yes'},
                           'storage-policy:1': {'name': 'tin'}}, None)


@pytest.mark.parametrize('path, wanted', [
    ('a', Wanted(1, 'a', None, None)), ('a/c/o/p', Wanted(1, 'a', 'c', 'o/p')),
    ('v1/a/c', Wanted(1, 'a', 'c', None)), ('v1.0/a', Wanted(1, 'a', None, None)),
    ('v2/a/c/o', Wanted(2, 'a', 'c', 'o')), ('v2.0/a/', Wanted(2, 'a', None, None)),
    ('v3_a/c', Wanted(1, 'v3_a', 'c', None)), ('various/c', Wanted(1, 'various', 'c', None))])
def test_parse(path, wanted):
    assert parse(path) == wanted


@pytest.mark.parametrize('path, text', [
    ('', 'No account specified'), ('v1', 'No account specified'), ('v1/', 'No account specified'),
    ('v2//c', 'No account specified'), ('v3/a', "Unsupported version 'v3'"),
    ('v1.5/a', "Unsupported version 'v1.5'")])
def test_parse_refuses(path, text):
    with pytest.raises(BadEndpointPath, match=text):
        parse(path)


class Node:
    def __init__(self, ip, port, device):
        self.ip, self.port, self.device = ip, port, device


def test_urls():
    nodes = [Node('10.0.0.1', 6200, 'sda'), Node('::1', 6201, 'sdb')]
    assert urls(Wanted(1, 'a', 'c é', 'o/ä?'), 5, nodes) == [
        'http://10.0.0.1:6200/sda/5/a/c%20%C3%A9/o/%C3%A4%3F',
        'http://[::1]:6201/sdb/5/a/c%20%C3%A9/o/%C3%A4%3F']


class Ring:
    def __init__(self, name):
        self.name = name

    def get_nodes(self, *names):
        return 7, [Node('10.0.0.1', 6200, self.name)]


class Cluster:
    policies = POLICIES
    account_ring, container_ring = Ring('account'), Ring('container')

    def object_ring(self, index):
        return Ring(f'object-{index}')


def ask(path, method='GET', policy='1', status=204, **options):
    filtered = ListEndpoints(Response(body='passed'), ListEndpointsOptions.parse(options),
                             Cluster())
    known = {'account/a': headers_to_account_info({}, 204),
             'container/a/c': headers_to_container_info(
                 {'X-Backend-Storage-Policy-Index': policy} if status == 204 else {}, status)}
    return Request.blank(path, {'swift.infocache': known},
                         method=method).get_response(filtered)


@pytest.mark.parametrize('path, device', [
    ('a', 'account'), ('a/c', 'container'), ('a/c/o', 'object-1'), ('v1/a/c/o', 'object-1')])
def test_version_one(path, device):
    resp = ask('/endpoints/' + path)
    assert resp.content_type == 'application/json'
    assert json.loads(resp.body) == [
        f'http://10.0.0.1:6200/{device}/7/{path.removeprefix("v1/")}']


@pytest.mark.parametrize('path, headers', [
    ('a', {}), ('a/c', {}), ('a/c/o', {'X-Backend-Storage-Policy-Index': '1'})])
def test_version_two(path, headers):
    document = json.loads(ask('/endpoints/v2/' + path).body)
    assert document['headers'] == headers and document['endpoints'][0].endswith('/7/' + path)


@pytest.mark.parametrize('status, policy', [(404, '1'), (204, '9')])
def test_objects_of_unknown_containers(status, policy):
    document = json.loads(ask('/endpoints/v2/a/c/o', policy=policy, status=status).body)
    assert document['headers'] == {'X-Backend-Storage-Policy-Index': '0'}


def test_names_are_text():
    assert b'/7/%C3%A9"]' in ask('/endpoints/%C3%A9').body


def test_refusals():
    resp = ask('/endpoints/a', 'PUT')
    assert (resp.status_int, resp.headers['Allow']) == (405, 'GET')
    resp = ask('/endpoints/v9/a')
    assert (resp.status_int, resp.body) == (400, b"Unsupported version 'v9'")
    assert ask('/endpoints/').body == b'No account specified'


def test_other_paths_pass():
    assert ask('/v1/a/c').body == b'passed'
    assert ask('/endpoints/a', list_endpoints_path='where').body == b'passed'
    assert ask('/where/a', list_endpoints_path='where').status_int == 200
