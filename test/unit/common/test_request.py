from datetime import UTC, datetime
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.common.swob import (
    HTTPBadRequest,
    HTTPException,
    Request,
    Response,
    get_param,
    wsgi_quote,
    wsgify,
)


def test_blank_fills_what_wsgi_asks_for():
    req = Request.blank('/v1/a%20b?x=1', headers={'X-Foo': 'bar'}, body='caf\xe9', method='PUT')
    assert req.environ['PATH_INFO'] == '/v1/a b' and req.environ['QUERY_STRING'] == 'x=1'
    assert (req.method, req.content_length, req.body) == ('PUT', 5, b'caf\xc3\xa9')
    assert req.environ['HTTP_X_FOO'] == 'bar' and req.host == 'localhost:80'
    assert repr(req) == '<Request PUT /v1/a%20b?x=1>'


def test_blank_reads_host_and_scheme():
    req = Request.blank('https://host/x')
    assert (req.host, req.scheme, req.url) == ('host:443', 'https', 'https://host/x')
    assert Request.blank('http://host:81/x').url == 'http://host:81/x'
    assert Request.blank('//x').path_info == '//x'
    assert Request.blank('/caf\u65e5').path_info == '/caf\xe6\x97\xa5'
    assert Request.blank('/', environ={'wsgi.input': BytesIO(b'y')}).body == b'y'


@given(st.text(st.characters(max_codepoint=255), min_size=1))
def test_path_is_quoted_and_reads_back(name):
    req = Request.blank('/v1/' + wsgi_quote(name))
    assert req.path_info == '/v1/' + name
    assert req.path == '/v1/' + wsgi_quote(name)


def test_urls():
    req = Request.blank('/a%20b?x=y', environ={'SCRIPT_NAME': '/s'})
    assert (req.path, req.path_qs) == ('/s/a%20b', '/s/a%20b?x=y')
    assert (req.path_url, req.url) == ('http://localhost/s/a%20b', 'http://localhost/s/a%20b?x=y')
    assert req.as_referer() == 'GET http://localhost/s/a%20b?x=y'


def test_two_requests_over_one_environ_agree():
    one = Request.blank('/')
    two = Request(one.environ)
    one.method, one.acl, one.headers['X-Foo'] = 'POST', 'r', b'1'
    assert (two.method, two.acl, two.headers['x-foo']) == ('POST', 'r', '1')


def test_headers_are_a_live_view():
    req = Request.blank('/', headers={'Content-Type': 'a/b', 'X-Foo': '\u65e5'})
    headers = req.headers
    assert headers['content-TYPE'] == 'a/b' and req.environ['CONTENT_TYPE'] == 'a/b'
    assert headers['X-Foo'] == '\xe6\x97\xa5'
    assert set(headers) == {'Host', 'Content-Type', 'X-Foo'} == set(headers.keys())
    assert len(headers) == 3 and dict(headers.items())['X-Foo'] == headers.get('x-foo')
    headers['X-Foo'] = None
    headers['X-Number'] = 5
    assert 'X-Foo' not in headers and headers.get('X-Foo', 1) == 1 and headers['x-number'] == '5'
    del headers['X-Number']
    with pytest.raises(KeyError):
        headers['X-Number']
    assert repr(headers).startswith('EnvironHeaders([')
    req.headers = {'A': 'b'}
    assert dict(req.headers) == {'A': 'b'}


@pytest.mark.parametrize('name, listed', [
    ('x-caf\xc3\xa9', 'X-Caf\xc3\xa9'), ('x-\xe9\xff\xb5\xdf', 'X-\xe9\xff\xb5\xdf'),
    ('x-caf\u65e5', 'X-Caf\xe6\x97\xa5')])
def test_bytes_of_foreign_header_names_survive(name, listed):
    req = Request.blank('/', headers={name: '1'})
    assert req.headers[name] == req.headers[listed] == '1'
    assert listed in list(req.headers)


def test_parsed_headers():
    req = Request.blank('/', headers={
        'Range': 'bytes=0-1', 'If-Match': 'x', 'If-None-Match': '"y"', 'Accept': 'a/b',
        'If-Modified-Since': 'Sun, 06 Nov 1994 08:49:37 GMT', 'If-Unmodified-Since': 'never'})
    assert req.range.ranges == [(0, 1)]
    assert 'x' in req.if_match and 'y' in req.if_none_match
    assert req.accept.best_match(['a/b']) == 'a/b'
    assert req.if_modified_since == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert req.if_unmodified_since is None
    req.range = None
    req.if_modified_since = datetime(1994, 11, 6, 8, 49, 38, tzinfo=UTC)
    assert 'Range' not in req.headers
    assert req.headers['If-Modified-Since'] == 'Sun, 06 Nov 1994 08:49:38 GMT'


def test_parsed_headers_that_are_not_there():
    req = Request.blank('/')
    assert req.range is req.if_match is req.if_none_match is req.if_modified_since is None
    assert req.accept.best_match(['a/b']) == 'a/b'
    assert Request.blank('/', headers={'Range': 'nonsense'}).range is None


def test_splitting_the_path():
    req = Request.blank('/v1/a/caf%C3%A9/o/p')
    assert req.split_path(1, 4, True) == ['v1', 'a', 'caf\xc3\xa9', 'o/p']
    assert req.split_names(1, 4, True) == ['v1', 'a', 'caf\xe9', 'o/p']
    assert req.swift_entity_path == '/a/caf\xc3\xa9/o/p'
    assert Request.blank('/v1/a').swift_entity_path == '/a'
    assert Request.blank('/info').swift_entity_path is None
    with pytest.raises(ValueError):
        req.split_path(1, 2)


def test_path_info_pop():
    req = Request.blank('/a/b')
    assert [req.path_info_pop() for _ in range(3)] == ['a', 'b', None]
    assert (req.script_name, req.path_info) == ('/a/b', '')


def test_params():
    req = Request.blank('/?a=1&b=&c&a=2&d=%C3%A9+x')
    assert req.params == {'a': '2', 'b': '', 'c': '', 'd': '\xc3\xa9 x'}
    req.params = {'q': '\xc3\xa9 &'}
    assert req.query_string == 'q=%C3%A9+%26' and req.params == {'q': '\xc3\xa9 &'}
    assert Request.blank('/').params == {}


def test_get_param_is_text_or_a_400():
    req = Request.blank('/?good=%C3%A9&empty=&bad=%ff')
    assert get_param(req, 'good') == '\xe9' and get_param(req, 'empty') == ''
    assert get_param(req, 'none') is None and get_param(req, 'none', 'x') == 'x'
    with pytest.raises(HTTPBadRequest) as caught:
        get_param(req, 'bad')
    assert caught.value.body == b'"bad" parameter not valid UTF-8'
    assert caught.value.content_type == 'text/plain'


def test_body_is_kept_when_read():
    req = Request.blank('/', body=b'abc')
    assert req.body == req.body == b'abc'
    req.body = 'caf\xe9'
    assert (req.content_length, req.body_file.read()) == (5, b'caf\xc3\xa9')


@pytest.mark.parametrize('value, expected', [
    (None, None), ('', None), ('5', 5), ('x', None), ('-5', -5), ('\xb2', None)])
def test_content_length(value, expected):
    req = Request.blank('/')
    req.content_length = value
    assert req.content_length == expected


def test_message_length():
    assert Request.blank('/', body='abc').message_length() == 3
    assert Request.blank('/').message_length() is None
    chunked = Request.blank('/', headers={'Transfer-Encoding': 'chunked'})
    assert chunked.is_chunked and chunked.message_length() is None
    with pytest.raises(ValueError, match='Invalid Content-Length header value'):
        Request.blank('/', headers={'Content-Length': 'x'}).message_length()
    with pytest.raises(AttributeError, match='Unsupported Transfer-Coding'):
        Request.blank('/', headers={'Transfer-Encoding': 'a,b'}).message_length()


def test_timestamp():
    def timestamp(**headers):
        return Request.blank('/', headers=headers).timestamp
    assert timestamp(**{'X-Timestamp': '1_2'}).short == '0000000001.00000_2'
    with pytest.raises(ValueError, match='^Missing X-Timestamp header$'):
        timestamp()
    for bad in ('x', ''):
        with pytest.raises(ValueError, match='^Invalid X-Timestamp header$'):
            timestamp(**{'X-Timestamp': bad})


def test_reserved_names_need_the_header():
    assert not Request.blank('/').allow_reserved_names
    headers = {'X-Backend-Allow-Reserved-Names': 'Yes'}
    assert Request.blank('/', headers=headers).allow_reserved_names


def test_copy_get_has_no_body_and_leaves_the_original():
    req = Request.blank('/x', body='abc', method='PUT')
    copy = req.copy_get()
    assert (copy.method, copy.content_length, copy.body) == ('GET', 0, b'')
    assert (req.method, req.body) == ('PUT', b'abc')


class Chunks:
    """An application's body; starts the answer at its first, second or no chunk."""

    def __init__(self, start_response, at):
        self.start_response, self.at, self.closed = start_response, at, False

    def __iter__(self):
        for number, chunk in enumerate((b'a', b'b', b'c')):
            if number == self.at:
                self.start_response('200 OK', [('X', 'y')])
            yield chunk

    def close(self):
        self.closed = True


@pytest.mark.parametrize('at', [0, 1, 2])
def test_applications_may_start_late(at):
    made = []

    def application(env, start_response):
        made.append(Chunks(start_response, at))
        return made[0]
    response = Request.blank('/').get_response(application)
    assert (response.status, response.headers, response.body) == ('200 OK', {'X': 'y'}, b'abc')
    assert made[0].closed


def test_application_that_never_starts_is_a_bug():
    with pytest.raises(AssertionError):
        Request.blank('/').get_response(lambda env, start_response: [])


def test_what_an_application_writes_comes_first():
    def application(env, start_response):
        start_response('200 OK', [])(b'one ')
        return [b'two']
    status, headers, body = Request.blank('/').call_application(application)
    assert (status, headers, b''.join(body)) == ('200 OK', [], b'one two')


def test_get_response_of_a_response_keeps_the_header_lines():
    response = Request.blank('/').get_response(Response(body='x', status=201))
    assert response.request.path == '/'
    assert (response.status_int, response.headers['Content-Length']) == (201, '1')


@wsgify
def plain(req):
    if req.path == '/raise':
        raise HTTPBadRequest(request=req, body='no')
    return Response(body=req.path)


class Filter:
    def __init__(self, app):
        self.app = app

    @wsgify
    def __call__(self, req):
        return self.app


def test_wsgify_of_functions_and_methods():
    for application in (plain, Filter(plain)):
        assert Request.blank('/ok').get_response(application).body == b'/ok'
        refused = Request.blank('/raise').get_response(application)
        assert (refused.status_int, refused.body) == (400, b'no')
    assert issubclass(HTTPBadRequest, HTTPException)
