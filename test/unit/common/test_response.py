from datetime import UTC, datetime

import pytest

from swift.common.response import (
    RESPONSE_REASONS,
    HeaderKeyDict,
    HTTPException,
    HTTPInsufficientStorage,
    HTTPNotFound,
    HTTPServerError,
    HTTPUnauthorized,
    Response,
    host_url,
    multi_range_iterator,
    status_map,
)
from swift.core.timestamp import Timestamp

HELLO = b'hello world'
ETAG = '5eb63bbbe01eeed093cb22bb8f5acdc3'


class Body:
    """An iterable body that knows whether it was closed; with ranges when asked for."""

    def __init__(self, data=HELLO):
        self.data, self.closed = data, 0

    def __iter__(self):
        yield self.data[:3]
        yield self.data[3:]

    def close(self):
        self.closed += 1


class RangeBody(Body):
    def app_iter_range(self, start, stop):
        return [self.data[start:stop]]


class OwnRangesBody(RangeBody):
    def app_iter_ranges(self, ranges, content_type, boundary, size):
        return [repr((ranges, content_type, boundary, size)).encode()]


def call(response, method='GET', **environ):
    """Call a response; return status, headers and the body joined."""
    env = {'REQUEST_METHOD': method, 'PATH_INFO': '/v1/a', 'SCRIPT_NAME': '',
           'HTTP_HOST': 'host:8080', 'wsgi.url_scheme': 'http', **environ}
    sent = []
    body = response(env, lambda status, headers: sent.append((status, headers)))
    (status, headers), = sent
    assert type(headers) is list
    data = b''.join(body)
    if hasattr(body, 'close'):
        body.close()
    return status, dict(headers), data


def stored(body=None, **kwargs):
    return Response(app_iter=body, content_length=11, content_type='text/plain', etag=ETAG,
                    last_modified=1700000000, conditional_response=True, **kwargs)


# -- default pages ---------------------------------------------------------------------------------

@pytest.mark.parametrize('status', [s for s, (_t, text) in RESPONSE_REASONS.items() if text])
def test_default_page_names_title_and_reason(status):
    line, headers, body = call(status_map[status]())
    title, text = RESPONSE_REASONS[status]
    assert line == f'{status} {title}'
    page = f'<html><h1>{title}</h1><p>{text}</p></html>'.replace('%(drive)s', 'unknown').encode()
    assert body == page
    assert headers['Content-Type'] == 'text/html; charset=UTF-8'
    assert headers['Content-Length'] == str(len(page))


@pytest.mark.parametrize('status', [200, 201, 204, 206, 304])
def test_statuses_without_page_are_empty(status):
    _line, headers, body = call(status_map[status]())
    assert (headers['Content-Length'], body) == ('0', b'')


def test_pages_of_golden_dialogues():
    assert call(HTTPNotFound())[1:] == (
        {'Content-Type': 'text/html; charset=UTF-8', 'Content-Length': '70'},
        b'<html><h1>Not Found</h1><p>The resource could not be found.</p></html>')
    assert call(HTTPInsufficientStorage(drive='sdz'))[2] == (
        b'<html><h1>Insufficient Storage</h1><p>There was not enough space to save the resource. '
        b'Drive: sdz</p></html>')


def test_drive_name_is_not_markup():
    assert b'&lt;b>' not in call(HTTPInsufficientStorage(drive='<b>'))[2]
    assert b'&lt;b&gt;' in call(HTTPInsufficientStorage(drive='<b>'))[2]


def test_head_of_a_default_page_is_empty_with_length_zero():
    assert call(HTTPNotFound(), 'HEAD')[1:] == (
        {'Content-Type': 'text/html; charset=UTF-8', 'Content-Length': '0'}, b'')


def test_an_explicit_body_is_sent_as_it_is():
    response = status_map[412](body='Bad URL')
    assert call(response)[1:] == (
        {'Content-Type': 'text/html; charset=UTF-8', 'Content-Length': '7'}, b'Bad URL')
    assert call(status_map[412](body='Bad URL'), 'HEAD')[1]['Content-Length'] == '7'


def test_unknown_status():
    response = status_map[599](body='x')
    assert isinstance(response, HTTPException) and response.status_int == 599
    assert call(Response(status='299 Odd'))[0] == '299 Odd'


# -- making one ------------------------------------------------------------------------------------

def test_body_text_is_sent_as_utf8_and_beats_a_length_header():
    response = Response(body='caf\xe9', headers={'Content-Length': '99', 'X': 'y'})
    assert (response.body, response.content_length) == (b'caf\xc3\xa9', 5)
    assert response.headers['x'] == 'y'


def test_list_sets_the_length_and_iterator_leaves_it_open():
    assert Response(app_iter=[b'ab', 'c']).content_length == 3
    assert Response(app_iter=iter([b'ab'])).content_length is None
    assert Response(app_iter=iter([b'ab']), headers={'Content-Length': 2}).content_length == 2


def test_body_of_an_iterator_is_read_closed_and_kept():
    body = Body()
    response = Response(app_iter=body)
    assert response.body == response.body == HELLO and body.closed == 1
    assert Response().body == b''


def test_close_closes_the_body():
    body = Body()
    Response(app_iter=body).close()
    assert body.closed == 1
    Response(body='x').close()


def test_keyword_arguments_set_attributes():
    response = Response(content_type='text/plain', charset='UTF-8', location='/x',
                        accept_ranges='bytes', content_range='bytes 0-1/2', my_own=5)
    assert response.headers == {
        'Content-Type': 'text/plain; charset=UTF-8', 'Content-Length': '0', 'Location': '/x',
        'Accept-Ranges': 'bytes', 'Content-Range': 'bytes 0-1/2'}
    assert (response.my_own, response.charset) == (5, 'UTF-8')
    response.charset = None
    assert response.content_type == 'text/plain' and response.charset is None
    response.content_type = response.charset = None
    assert 'Content-Type' not in response.headers


def test_status_is_number_and_line():
    response = Response(status=201)
    assert (response.status, response.status_int, response.is_success) == ('201 Created', 201, True)
    response.status = '404 Gone Fishing'
    assert (response.status, response.status_int, response.is_success) == (
        '404 Gone Fishing', 404, False)


def test_etag_is_quoted_outside_and_bare_inside():
    response = Response(etag='x')
    assert (response.headers['Etag'], response.etag, response.conditional_etag) == ('"x"', 'x', 'x')
    response.conditional_etag = 'y'
    assert (response.etag, response.conditional_etag) == ('x', 'y')
    response.etag = None
    assert 'Etag' not in response.headers and response.etag is None


@pytest.mark.parametrize('value', [
    1700000000, 1699999999.00001, Timestamp('1699999999.00001'), 'Tue, 14 Nov 2023 22:13:20 GMT',
    datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), datetime(2023, 11, 14, 22, 13, 20)])
def test_last_modified_is_rounded_up(value):
    response = Response(last_modified=value)
    assert response.headers['Last-Modified'] == 'Tue, 14 Nov 2023 22:13:20 GMT'
    assert response.last_modified == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_from_parts_adds_nothing():
    response = Response.from_parts('200 Fine', [('x', 'y')], [b'z'])
    assert (response.status, response.headers, response.body) == ('200 Fine', {'X': 'y'}, b'z')


# -- headers ---------------------------------------------------------------------------------------

def test_header_dict_is_case_free_and_takes_any_value():
    headers = HeaderKeyDict({'eTag': 5}, x_y=b'\xe9')
    assert headers == {'Etag': '5', 'X_Y': '\xe9'}
    assert 'ETAG' in headers and headers.get('etag') == headers['eTAG'] == '5'
    headers['caf'] = '\u65e5'
    assert headers['caf'] == '\xe6\x97\xa5'
    headers['etag'] = None
    assert 'etag' not in headers and headers.pop('etag', 1) == 1
    assert headers.setdefault('New', 1) == '1' == headers.setdefault('new', 2)
    copy = headers.copy()
    del copy['NEW']
    assert 'new' in headers and type(copy) is HeaderKeyDict
    headers.update([('a', 'b')], c='d')
    assert (headers['A'], headers['C']) == ('b', 'd')


# -- location, challenge ---------------------------------------------------------------------------

@pytest.mark.parametrize('location, environ, expected', [
    ('/v1/a', {}, 'http://host:8080/v1/a'),
    ('/v1/a', {'swift.leave_relative_location': True}, '/v1/a'),
    ('//evil/x', {}, 'http://host:8080//evil/x'),
    ('https://other/x', {}, 'https://other/x'),
    ('/x', {'HTTP_HOST': 'host:80'}, 'http://host/x'),
    ('/x', {'HTTP_HOST': 'host:443', 'wsgi.url_scheme': 'https'}, 'https://host/x'),
    ('/x', {'HTTP_HOST': '', 'SERVER_NAME': 's', 'SERVER_PORT': '81'}, 'http://s:81/x')])
def test_location(location, environ, expected):
    assert call(Response(status=301, location=location), **environ)[1]['Location'] == expected


def test_host_url_of_nothing():
    assert host_url({}) == 'http://localhost'


@pytest.mark.parametrize('path, realm', [
    ('/v1/AUTH_test/c/o', 'AUTH_test'), ('/v1/a"b', 'a%22b'), ('/v1', 'unknown'),
    ('/auth/v1.0', 'unknown'), ('/x/auth', 'unknown'), ('/', 'unknown'),
    ('/v1/caf\xc3\xa9', 'caf%C3%A9')])
def test_challenge_names_the_account(path, realm):
    _status, headers, _body = call(HTTPUnauthorized(), PATH_INFO=path)
    assert headers['Www-Authenticate'] == f'Swift realm="{realm}"'


def test_challenge_only_where_none_is_and_only_on_a_born_401():
    assert call(HTTPUnauthorized(headers={'Www-Authenticate': 'x'}))[1]['Www-Authenticate'] == 'x'
    turned = Response()
    turned.status = 401
    assert 'Www-Authenticate' not in call(turned)[1]
    forgiven = HTTPUnauthorized()
    forgiven.status = 200
    assert 'Www-Authenticate' not in call(forgiven)[1]


# -- conditions and ranges -------------------------------------------------------------------------

@pytest.mark.parametrize('environ, status', [
    ({'HTTP_IF_NONE_MATCH': ETAG}, '304 Not Modified'),
    ({'HTTP_IF_MATCH': 'bad'}, '412 Precondition Failed'),
    ({'HTTP_IF_MODIFIED_SINCE': 'Tue, 14 Nov 2023 22:13:20 GMT'}, '304 Not Modified'),
    ({'HTTP_IF_UNMODIFIED_SINCE': 'Tue, 14 Nov 2023 22:13:19 GMT'}, '412 Precondition Failed'),
    ({'HTTP_IF_MATCH': 'bad', 'HTTP_RANGE': 'bytes=0-1'}, '412 Precondition Failed')])
@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_failed_conditions_are_empty_and_keep_the_headers(environ, status, method):
    body = RangeBody()
    line, headers, data = call(stored(body), method, **environ)
    assert (line, data, headers['Content-Length']) == (status, b'', '0')
    assert headers['Content-Type'] == 'text/plain' and headers['Etag'] == f'"{ETAG}"'
    assert body.closed == 1


def test_conditions_compare_the_alternate_tag():
    assert call(stored(Body(), conditional_etag='alt'), HTTP_IF_MATCH='alt')[0] == '200 OK'
    assert call(stored(Body(), conditional_etag='alt'), HTTP_IF_NONE_MATCH=ETAG)[0] == '200 OK'


def test_responses_that_are_not_conditional_ignore_conditions():
    response = Response(body='x', etag='x')
    assert call(response, HTTP_IF_MATCH='bad', HTTP_RANGE='bytes=0-0')[0] == '200 OK'


def test_conditions_of_a_missing_object():
    missing = HTTPNotFound(conditional_response=True)
    assert call(missing, HTTP_IF_MATCH='*')[::2] == ('412 Precondition Failed', b'')
    missing = HTTPNotFound(conditional_response=True)
    assert call(missing, HTTP_IF_NONE_MATCH='*', HTTP_RANGE='bytes=5-')[0] == '404 Not Found'


@pytest.mark.parametrize('body', [RangeBody, lambda: [HELLO], lambda: [b'hel', b'lo world']])
def test_single_range(body):
    line, headers, data = call(stored(body()), HTTP_RANGE='bytes=6-20')
    assert (line, data) == ('206 Partial Content', b'world')
    assert headers['Content-Range'] == 'bytes 6-10/11' and headers['Content-Length'] == '5'
    assert headers['Content-Type'] == 'text/plain'


@pytest.mark.parametrize('body', [RangeBody, lambda: [HELLO]])
def test_several_ranges(body):
    line, headers, data = call(stored(body()), HTTP_RANGE='bytes=3-4,0-1')
    kind, boundary = headers['Content-Type'].split('=')
    assert (line, kind) == ('206 Partial Content', 'multipart/byteranges;boundary')
    assert len(boundary) == 32
    assert 'Content-Range' not in headers and headers['Content-Length'] == '230' == str(len(data))
    part = '--{}\r\nContent-Type: text/plain\r\nContent-Range: bytes {}/11\r\n\r\n{}\r\n'
    assert data.decode() == (part.format(boundary, '3-4', 'lo') + part.format(boundary, '0-1', 'he')
                             + f'--{boundary}--')


def test_body_that_frames_ranges_itself_is_asked_to():
    response = stored(OwnRangesBody())
    response.boundary = 'bb'
    data = call(response, HTTP_RANGE='bytes=0-1,3-4')[2]
    assert data == b"([(0, 2), (3, 5)], 'text/plain', 'bb', 11)"


def test_several_ranges_close_the_body():
    body = RangeBody()
    call(stored(body), HTTP_RANGE='bytes=0-1,3-4')
    assert body.closed == 1


@pytest.mark.parametrize('header', ['bytes=11-', 'bytes=-0', 'bytes=' + ','.join(['0-0'] * 51)])
def test_unsatisfiable_range_has_the_default_page_and_the_object_headers(header):
    body = RangeBody()
    line, headers, data = call(stored(body), HTTP_RANGE=header)
    assert line == '416 Requested Range Not Satisfiable'
    assert headers['Content-Range'] == 'bytes */11' and headers['Content-Type'] == 'text/plain'
    assert data == (b'<html><h1>Requested Range Not Satisfiable</h1>'
                    b'<p>The Range requested is not available.</p></html>')
    assert headers['Content-Length'] == '97' and headers['Etag'] == f'"{ETAG}"'
    assert body.closed == 1


@pytest.mark.parametrize('response, method', [
    (lambda: stored(RangeBody()), 'HEAD'),           # HEAD knows no ranges
    (lambda: stored(Body()), 'GET'),                 # a body that cannot be cut
    (lambda: stored(RangeBody(), content_range='bytes 0-10/20'), 'GET'),  # cut already
])
def test_ranges_that_do_not_apply(response, method):
    line, headers, _data = call(response(), method, HTTP_RANGE='bytes=0-1')
    assert line == '200 OK' and headers['Content-Length'] == '11'


def test_range_of_a_body_of_unknown_length_is_ignored():
    response = Response(app_iter=RangeBody(), conditional_response=True)
    assert call(response, HTTP_RANGE='bytes=0-1')[::2] == ('200 OK', HELLO)


def test_last_bytes_of_nothing_are_nothing():
    response = Response(conditional_response=True)
    assert call(response, HTTP_RANGE='bytes=-5')[::2] == ('200 OK', b'')


def test_multi_range_iterator_closes_each_part():
    parts = []

    def part(start, stop):
        parts.append(Body(HELLO[start:stop]))
        return parts[-1]
    b''.join(multi_range_iterator([(0, 5), (6, 11)], 'a/b', 'B', 11, part))
    assert [p.closed for p in parts] == [1, 1]


def test_head_closes_the_body_and_keeps_the_length():
    body = Body()
    assert call(stored(body), 'HEAD')[1]['Content-Length'] == '11'
    assert body.closed == 1


# -- exceptions ------------------------------------------------------------------------------------

def test_errors_can_be_raised_and_caught_by_kind():
    with pytest.raises(HTTPNotFound) as caught:
        raise HTTPNotFound(body='gone')
    assert str(caught.value) == '404 Not Found' and caught.value.body == b'gone'
    assert status_map[404] is HTTPNotFound
    assert isinstance(HTTPServerError(), Response)
