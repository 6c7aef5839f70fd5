import re

import pytest

from swift.common import log
from swift.common.clock import ManualClock
from swift.common.green import Timeout
from swift.common.middleware.catch_errors import (
    CatchErrorsMiddleware,
    CatchErrorsOptions,
    ExactBody,
    WrongBodyLength,
    announced_length,
    filter_factory,
)
from swift.common.swob import Request, Response
from test.support.logs import RecordingLogger


class Body:
    """An iterator of chunks that knows whether it was closed."""

    def __init__(self, *chunks):
        self.chunks, self.closed = list(chunks), 0

    def __iter__(self):
        for chunk in self.chunks:
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk

    def close(self):
        self.closed += 1


def make(app, suffix=''):
    logger = RecordingLogger()
    options = CatchErrorsOptions.parse({'trans_id_suffix': suffix})
    return CatchErrorsMiddleware(app, options, logger, ManualClock(1700000000)), logger


def answering(body, headers=(), status='200 OK'):
    def app(env, start_response):
        start_response(status, list(headers))
        return body
    return app


def get(app, path='/x', **kwargs):
    return Request.blank(path, **kwargs).get_response(make(app)[0])


def test_every_answer_has_the_transaction_id():
    seen = {}

    def app(env, start_response):
        seen.update(env=env['swift.trans_id'], log=log.get_transaction().trans_id)
        return Response(body='x')(env, start_response)
    response = get(app)
    trans_id = response.headers['X-Trans-Id']
    assert re.fullmatch('tx[0-9a-f]{21}-006553f100', trans_id)
    assert response.headers['X-Openstack-Request-Id'] == trans_id == seen['env'] == seen['log']


@pytest.mark.parametrize('suffix, extra, end', [
    ('', None, ''), ('-site a', None, '-site%20a'), ('', 'x y', '-x%20y'),
    ('s', 'e' * 40, 's-' + 'e' * 32)])
def test_suffix_of_the_id(suffix, extra, end):
    filtered, _logger = make(Response(body='x'), suffix)
    headers = {'X-Trans-Id-Extra': extra} if extra else {}
    response = Request.blank('/', headers=headers).get_response(filtered)
    assert response.headers['X-Trans-Id'][34:] == end


@pytest.mark.parametrize('error', [RuntimeError('boom'), Timeout(None), AssertionError()])
def test_whatever_escapes_becomes_a_bare_500(error):
    def app(env, start_response):
        raise error
    filtered, logger = make(app)
    response = Request.blank('/').get_response(filtered)
    assert (response.status, response.body) == ('500 Internal Error', b'An error occurred')
    assert response.headers['Content-Type'] == 'text/plain'
    assert response.headers['Content-Length'] == '17'
    assert response.headers['X-Trans-Id']
    assert any('An error occurred' in line for line in logger.lines(log.ERROR))
    if isinstance(error, Timeout):
        error.cancel()


def test_error_of_a_head_has_no_body():
    def app(env, start_response):
        raise RuntimeError
    assert get(app, method='HEAD').body == b''


def test_error_before_a_late_start_closes_the_body():
    body = Body(RuntimeError('late'))
    filtered, _logger = make(lambda env, start_response: body)
    response = Request.blank('/').get_response(filtered)
    assert response.status_int == 500 and body.closed == 1


def test_late_start_and_written_chunks_are_kept():
    def late(env, start_response):
        yield b''
        start_response('200 OK', [('Content-Length', '3')])
        yield b'abc'

    def written(env, start_response):
        start_response('200 OK', [('Content-Length', '3')])(b'a')
        return [b'bc']
    for app in (late, written):
        response = get(app)
        assert (response.status_int, response.body) == (200, b'abc')


def test_body_of_the_right_length_passes_and_is_closed():
    body = Body(b'ab', b'', b'c')
    assert get(answering(body, [('Content-Length', '3')])).body == b'abc'
    assert body.closed == 1


def test_list_of_the_right_length_is_not_wrapped():
    body = [b'ab', b'c']
    response = get(answering(body, [('Content-Length', '3')]))
    assert response.app_iter is body


@pytest.mark.parametrize('chunks, sent', [
    ([b'abcd'], [b'abc']), ([b'ab', b'cd'], [b'ab', b'c']), ([b'abc', b'd'], [b'abc']),
    ([b'ab'], [b'ab']), ([], [])])
def test_wrong_length_raises_after_what_may_be_sent(chunks, sent):
    body = iter(ExactBody(chunks, 3))
    assert [next(body) for _ in sent] == sent
    with pytest.raises(WrongBodyLength, match='announced 3 bytes'):
        next(body)


def test_head_must_send_nothing():
    response = get(answering([b'abc'], [('Content-Length', '3')]), method='HEAD')
    with pytest.raises(WrongBodyLength):
        b''.join(response.app_iter)
    assert get(answering([b''], [('Content-Length', '3')]), method='HEAD').body == b''


@pytest.mark.parametrize('headers, expected', [
    ([], None), ([('content-LENGTH', '5')], 5), ([('Content-Length', 'x')], None),
    ([('Content-Length', '5'), ('Content-Length', '5')], None), ([('Content-Length', '-1')], None)])
def test_announced_length(headers, expected):
    assert announced_length(headers) == expected


def test_body_without_length_passes_unchanged():
    body = Body(b'a')
    assert get(answering(body)).app_iter is body


def test_factory():
    filtered = filter_factory({'trans_id_suffix': '-g'}, trans_id_suffix='-l')(Response(body='x'))
    assert Request.blank('/').get_response(filtered).headers['X-Trans-Id'].endswith('-l')
