import pytest

from swift.common.header_key_dict import HeaderKeyDict
from swift.common.http import HTTP_NOT_FOUND, HTTP_OK, is_success, status
from swift.common.request_helpers import (
    check_path_header,
    copy_header_subset,
    remove_items,
    resolve_etag_is_at_header,
    resolve_ignore_range_header,
    split_and_validate_path,
    update_etag_is_at_header,
    update_ignore_range_header,
)
from swift.common.subrequest import WSGIContext
from swift.common.swob import HTTPBadRequest, HTTPPreconditionFailed, Request, Response


def test_backend_paths_are_text():
    req = Request.blank('/sda/7/a/caf%C3%A9/o/p')
    assert split_and_validate_path(req, 5, 5, True) == ['sda', '7', 'a', 'caf\xe9', 'o/p']
    assert split_and_validate_path(Request.blank('/a/b'), 2) == ['a', 'b']


@pytest.mark.parametrize('path, rest, text', [
    ('/sda/../a/c/o', True, b'Invalid partition: ..'), ('/sda/7', True, b'Invalid path: /sda/7'),
    ('/sda', False, b'Invalid path: /sda')])
def test_bad_backend_paths(path, rest, text):
    with pytest.raises(HTTPBadRequest) as caught:
        split_and_validate_path(Request.blank(path), 5, 5, rest)
    assert (caught.value.body, caught.value.content_type) == (text, 'text/plain')


def test_path_headers():
    req = Request.blank('/', headers={'Destination': 'c/o%20p', 'Bad': 'c'})
    assert check_path_header(req, 'Destination', 2, 'no') == ['c', 'o p']
    with pytest.raises(HTTPPreconditionFailed) as caught:
        check_path_header(req, 'Bad', 2, 'no')
    assert caught.value.body == b'no'


def test_moving_headers():
    headers = HeaderKeyDict({'X-A': '1', 'Y': '2'})
    assert remove_items(headers, lambda name: name.startswith('X')) == {'X-A': '1'}
    assert headers == {'Y': '2'}
    req, response = Request.blank('/'), Response(headers={'X-A': '1', 'Y': '2'})
    copy_header_subset(response, req, lambda name: name.startswith('x'))
    assert req.headers.get('X-A') == '1' and 'Y' not in req.headers


def test_alternate_tags():
    req = Request.blank('/')
    assert resolve_etag_is_at_header(req, {}) is None
    update_etag_is_at_header(req, 'X-A')
    update_etag_is_at_header(req, 'X-B')
    assert req.headers['X-Backend-Etag-Is-At'] == 'X-A,X-B'
    assert resolve_etag_is_at_header(req, {'X-B': 'b'}) == 'b'
    with pytest.raises(ValueError):
        update_etag_is_at_header(req, 'X-C,X-D')


def test_ignored_ranges():
    req = Request.blank('/', headers={'Range': 'bytes=0-1'})
    update_ignore_range_header(req, 'X-Static-Large-Object')
    resolve_ignore_range_header(req, {'X-Other': '1'})
    assert 'Range' in req.headers
    resolve_ignore_range_header(req, {'X-Static-Large-Object': 'True'})
    assert req.range is None


def test_names_and_classes_of_statuses():
    assert (HTTP_OK, HTTP_NOT_FOUND, status.NAMES['HTTP_RATE_LIMITED']) == (200, 404, 498)
    classes = (status.is_informational, is_success, status.is_redirection,
               status.is_client_error, status.is_server_error)
    for first in range(100, 600, 100):
        for number in (first, first + 99):
            assert [check(number) for check in classes] == [
                first == 100 * (place + 1) for place in range(5)]
    with pytest.raises(ImportError):
        from swift.common.http import HTTP_NONSENSE  # noqa: F401


def test_wsgi_context_keeps_the_answer():
    context = WSGIContext(Response(body='abc', status=201))
    body = context._app_call(Request.blank('/').environ)
    assert b''.join(body) == b'abc' and context._get_status_int() == 201
    assert context._response_header_value('content-length') == '3'
    assert context._response_header_value('none') is None
    context.update_content_length(5)
    assert context._response_header_value('Content-Length') == '5'
