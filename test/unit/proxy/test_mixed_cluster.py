"""Storage nodes of other releases: what they spell or leave out otherwise changes no answer."""
import pytest

from swift.core.headers import HeaderMap
from test.support.proxy import Proxy

ACCOUNT, CONTAINER, OBJECT = '/v1/a', '/v1/a/c', '/v1/a/c/o'
DIALOGUE = (
    ('PUT', CONTAINER, {'X-Container-Meta-Color': 'red'}, None),
    ('GET', CONTAINER, {}, None),
    ('HEAD', CONTAINER, {}, None),
    ('HEAD', ACCOUNT, {}, None),
    ('PUT', OBJECT, {'X-Object-Meta-Size': 'big', 'Content-Type': 'text/plain'}, b'hello'),
    ('GET', OBJECT, {}, None),
    ('HEAD', OBJECT, {'X-Newest': 'true'}, None),
    ('POST', OBJECT, {'X-Object-Meta-Size': 'small'}, None),
    ('HEAD', OBJECT, {}, None),
    ('DELETE', OBJECT, {}, None),
    ('GET', OBJECT, {}, None),
    ('DELETE', CONTAINER, {}, None),
)
# Headers that were added over the years; clients never see them.
NEWER = ('x-backend-data-timestamp', 'x-backend-durable-timestamp', 'x-backend-record-type',
         'x-backend-record-storage-policy-index', 'x-backend-sharding-state',
         'x-backend-status-changed-at', 'x-backend-content-type')


def lower(name, value):
    return name.lower(), value


def upper(name, value):
    return name.upper(), value


def unquoted(name, value):
    return name, value.strip('"') if name.lower() == 'etag' else value


def quoted(name, value):
    return name, '"%s"' % value.strip('"') if name.lower() == 'etag' else value


def older(name, value):
    return (name, value) if name.lower() not in NEWER else None


def answers(variant, which):
    """Return what a client sees while the nodes in `which` answer in their own way."""
    proxy = Proxy()
    for number, node in enumerate(proxy.nodes):
        if variant is not None and number in which:
            node.handle = changed(node.handle, variant)
    return [(reply.status, dict(reply.headers), reply.body) for reply in (
        proxy.request(method, path, headers, body)
        for method, path, headers, body in DIALOGUE)]


def changed(handle, variant):
    def handle_otherwise(*args):
        response = handle(*args)
        response.headers = HeaderMap(filter(None, (
            variant(*line) for line in response.headers.lines())))
        return response
    return handle_otherwise


@pytest.mark.parametrize('which', [range(5), (0, 2)], ids=['all', 'some'])
@pytest.mark.parametrize('variant', [lower, upper, unquoted, quoted, older])
def test_clients_see_no_difference(variant, which):
    expected = [(status, {name: value for name, value in headers.items()
                          if older(name, value)}, body)
                for status, headers, body in answers(None, ())]
    assert [status for status, _headers, _body in expected] == [
        201, 200, 204, 204, 201, 200, 200, 202, 200, 204, 404, 204]
    got = [(status, {name: value for name, value in headers.items() if older(name, value)}, body)
           for status, headers, body in answers(variant, which)]
    assert got == expected
