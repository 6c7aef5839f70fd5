"""The text of ClientException, which people read and scripts parse."""

import pytest

from swiftclient.client import ClientException

WHERE = {'http_scheme': 'http', 'http_host': 'h', 'http_port': 80, 'http_path': '/p',
         'http_query': 'q=1'}


@pytest.mark.parametrize('known,text', [
    ({}, 'm'),
    ({'http_status': 404, 'http_reason': 'Not Found'}, 'm: 404 Not Found'),
    ({'http_reason': 'Not Found'}, 'm: - Not Found'),
    ({'http_host': 'h'}, 'm: h'),
    (WHERE, 'm: http://h:80/p?q=1'),
    ({**WHERE, 'http_status': 500}, 'm: http://h:80/p?q=1 500'),
    ({**WHERE, 'http_reason': 'Oops'}, 'm: http://h:80/p?q=1 Oops'),
    ({'http_device': 'sdb'}, 'm: device sdb'),
    ({'http_host': 'h', 'http_device': 'sdb'}, 'm: h: device sdb'),
    ({'http_response_content': b'short'}, "m:    b'short'"),
    ({'http_response_content': 'x' * 60}, 'm:    ' + 'x' * 60),
    ({'http_response_content': 'x' * 61}, 'm:   [first 60 chars of response] ' + 'x' * 60),
    ({'http_response_headers': {'X-Trans-Id': 'tx1'}}, 'm (txn: tx1)'),
    ({'http_status': 1, 'http_response_headers': {'X-Openstack-Request-Id': 'r1'}},
     'm: 1 (txn: r1)'),
    ({'http_response_headers': {'x-trans-id': 'another mapping'}}, 'm'),
])
def test_text(known, text):
    assert str(ClientException('m', **known)) == text


def test_arguments_are_attributes():
    names = ['msg', 'http_scheme', 'http_host', 'http_port', 'http_path', 'http_query',
             'http_status', 'http_reason', 'http_device', 'http_response_content',
             'http_response_headers']
    values = [*range(10), {}]
    err = ClientException(*values)
    assert [getattr(err, name) for name in names] == values and err.transaction_id is None


class Resp:
    status_code, reason, content, headers = 404, 'Not Found', b'body', {'X-Trans-Id': 'tx'}

    class request:
        url = 'https://h:1/p?q'


def test_from_response():
    err = ClientException.from_response(Resp)
    assert str(err) == "404 Not Found: https://h:1/p?q 404 Not Found   b'body' (txn: tx)"
    assert str(ClientException.from_response(Resp, 'm', b'')) == \
        'm: https://h:1/p?q 404 Not Found (txn: tx)'
