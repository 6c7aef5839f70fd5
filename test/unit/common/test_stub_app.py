"""The stub application keeps to the rules of WSGI and notices what it promises to notice."""
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from swift.common.swob import HTTPForbidden, Request
from test.support.stub_app import StubApp


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT'])
def test_it_is_a_wsgi_application(method):
    stub = StubApp()
    stub.answer(method, '/v1/a', '200 OK', {'Content-Type': 'text/plain'}, b'body')
    env = {'REQUEST_METHOD': method, 'SCRIPT_NAME': '', 'PATH_INFO': '/v1/a', 'QUERY_STRING': ''}
    setup_testing_defaults(env)
    body = validator(stub)(env, lambda status, headers, exc_info=None: lambda data: None)
    chunks = list(body)
    body.close()
    assert b''.join(chunks) == (b'' if method == 'HEAD' else b'body')
    assert not stub.unclosed


def test_it_records_calls_and_gives_answers_in_order():
    stub = StubApp()
    stub.answer('PUT', '/v1/a/c', '201 Created')
    stub.answer('PUT', '/v1/a/c', '202 Accepted')
    statuses = [Request.blank('/v1/a/c?x=y', method='PUT', headers={'X-A': 'b'},
                              body=b'data').get_response(stub).status_int for _ in range(3)]
    assert statuses == [201, 202, 202]
    call = stub.calls[0]
    assert (call.method, call.path, call.query, call.body) == ('PUT', '/v1/a/c', 'x=y', b'data')
    assert call.headers['X-A'] == 'b'
    assert stub.lines == ['PUT /v1/a/c'] * 3


def test_it_notices_bodies_that_nobody_closes():
    stub = StubApp()
    stub.answer('GET', '/v1/a', body=[b'a', b'b'])
    response = Request.blank('/v1/a').get_response(stub)
    assert list(response.app_iter) == [b'a', b'b']
    assert stub.unclosed == ['GET /v1/a']
    response.close()
    assert stub.unclosed == []


def test_it_asks_for_authorization():
    stub = StubApp()
    stub.answer('GET', '/v1/a')
    env = {'swift.authorize': lambda req: HTTPForbidden(request=req)}
    assert Request.blank('/v1/a', environ=env).get_response(stub).status_int == 403


def test_it_fails_where_told():
    stub = StubApp()
    stub.answer('GET', '/v1/a', body=ValueError('early'))
    stub.answer('GET', '/v1/b', body=[b'a', ValueError('late')])
    with pytest.raises(ValueError):
        Request.blank('/v1/a').get_response(stub)
    response = Request.blank('/v1/b').get_response(stub)
    with pytest.raises(ValueError):
        list(response.app_iter)
    assert Request.blank('/v1/none').get_response(stub).status_int == 404
