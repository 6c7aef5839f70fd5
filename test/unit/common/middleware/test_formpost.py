"""formpost: what is stored, what is refused, where browsers are sent."""
import hmac
from io import BytesIO

import pytest

from swift.common.clock import ManualClock
from swift.common.errors import ClientDisconnect, ClientReadTimeout, ConfigError
from swift.common.middleware.formpost import FormPost, filter_factory
from swift.common.registry import get_swift_info
from swift.common.swob import HTTPForbidden, Request
from test.support.stub_app import StubApp

B = 'frontier'
FORM = f'multipart/form-data; boundary={B}'
PATH = '/v1/a/c/p_'


def part(name, data, filename=None, **headers):
    disposition = f'form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    lines = [f'--{B}', f'Content-Disposition: {disposition}',
             *(f'{key.replace("_", "-")}: {value}' for key, value in headers.items()), '']
    data = data if isinstance(data, bytes) else str(data).encode()
    return '\r\n'.join(lines).encode('latin-1') + b'\r\n' + data + b'\r\n'


def signature(path=PATH, key='key', algorithm='sha256', **fields):
    lines = [path, *(str(fields.get(name, default)) for name, default in (
        ('redirect', ''), ('max_file_size', 0), ('max_file_count', 0), ('expires', 0)))]
    return hmac.new(key.encode(), '\n'.join(lines).encode(), algorithm).hexdigest()


def form(*files, fields=None, path=PATH, key='key', last=(), end=b'--\r\n', **changes):
    """A signed form; `fields` are signed, `changes` are made afterwards."""
    signed = {'max_file_size': 100, 'max_file_count': 2, 'expires': 2000, **(fields or {})}
    shown = {**signed, 'signature': signature(path, key, **signed), **changes}
    return b''.join([part(name, value) for name, value in shown.items() if value is not None]
                    + list(files) + list(last)) + f'--{B}'.encode() + end


def file(name='f', data=b'data', **headers):
    return part('file', data, name, **headers)


class Counter:
    def __init__(self):
        self.names = []

    def increment(self, name):
        self.names.append(name)


class Pieces:
    """A body that arrives in pieces of one size, and may break."""

    def __init__(self, data, size=10**6, error=None):
        self._file = BytesIO(data)
        self._size = size
        self._error = error

    def read(self, size=-1):
        data = self._file.read(min(size, self._size))
        if not data and self._error:
            raise self._error
        return data


class World:
    def __init__(self, account_meta=None, container_meta=None):
        self.stub = StubApp()
        self.metrics = Counter()
        self.filter = FormPost(self.stub, ('sha1', 'sha256', 'sha512'), self.metrics,
                               ManualClock(1000.0))
        self.infocache = {
            'account/a': {'status': 200, 'meta': account_meta or {}},
            'container/a/c': {'status': 200, 'meta': {
                'temp-url-key': 'key'} if container_meta is None else container_meta}}

    def accept(self, *names, status='201 Created', headers=None, body=b''):
        for name in names:
            self.stub.answer('PUT', f'/v1/a/c/{name}', status, headers, body)
        return self

    def post(self, body, path=PATH, content_type=FORM, headers=None, **env):
        source = body if hasattr(body, 'read') else BytesIO(body)
        env = {'wsgi.input': source, 'CONTENT_TYPE': content_type,
               'swift.infocache': dict(self.infocache),
               'swift.authorize': lambda req: HTTPForbidden(request=req), **env}
        resp = Request.blank(path, environ=env, method='POST', headers=headers or {}
                             ).get_response(self.filter)
        _ = resp.body
        assert not self.stub.unclosed
        return resp

    @property
    def stored(self):
        return {call.path: call.body for call in self.stub.calls}


def said(resp):
    return resp.status_int, resp.body.decode()


# -- what is stored ----------------------------------------------------------------------------

def test_files_become_objects_behind_the_prefix():
    world = World().accept('p_a', 'p_b')
    resp = world.post(form(file('a', b'one'), file('b', b'')))
    assert said(resp) == (201, '201 Created')
    assert resp.headers == {'Content-Length': '11', 'Content-Type': 'text/plain'}
    assert world.stored == {'/v1/a/c/p_a': b'one', '/v1/a/c/p_b': b''}
    assert world.metrics.names == ['formpost.digests.sha256'] * 2


def test_put_is_pre_authorised_and_has_nothing_of_the_form_but_its_file():
    world = World().accept('p_f')
    world.post(form(file(Content_Type='image/png', X_Evil='1')), headers={
        'User-Agent': 'browser', 'X-Auth-Token': 't', 'X-Object-Meta-X': '1',
        'Content-Length': '999'})
    call = world.stub.calls[0]
    assert call.query == '' and call.env['swift.source'] == 'FP'
    assert call.headers == {
        'Content-Type': 'image/png', 'Transfer-Encoding': 'chunked', 'Host': 'localhost:80',
        'User-Agent': 'browser FormPost'}
    assert call.env['REMOTE_USER'] == '.wsgi.pre_authed'


@pytest.mark.parametrize('size', [1, 2, 7, 50, 100000])
def test_it_does_not_matter_how_the_form_arrives(size):
    world = World().accept('p_a', 'p_b')
    data = b'\r\n--front\r\n--' * 7
    resp = world.post(Pieces(form(file('a', data), file('b', b'--')), size))
    assert said(resp) == (201, '201 Created')
    assert world.stored == {'/v1/a/c/p_a': data, '/v1/a/c/p_b': b'--'}


def test_fields_of_the_form_say_type_encoding_and_expiry():
    world = World().accept('p_f')
    world.post(form(file(Content_Type='a/b', Content_Encoding='br'), x_delete_at=5, **{
        'x_delete_after': 6, 'content-type': 'my/type', 'content-encoding': 'gzip'}))
    headers = world.stub.calls[0].headers
    assert {name: headers[name] for name in ('Content-Type', 'Content-Encoding', 'X-Delete-At',
                                             'X-Delete-After')} == {
        'Content-Type': 'my/type', 'Content-Encoding': 'gzip', 'X-Delete-At': '5',
        'X-Delete-After': '6'}


def test_without_a_type_nothing_is_said_of_it():
    world = World().accept('p_f')
    world.post(form(file()))
    assert 'Content-Type' not in world.stub.calls[0].headers


@pytest.mark.parametrize('path', ['/v1/a/c', '/v1/a/c/'])
def test_a_form_for_a_container_stores_by_the_name_of_the_file(path):
    world = World().accept('f')
    assert world.post(form(file(), path=path), path).status_int == 201
    assert list(world.stored) == ['/v1/a/c/f']


def test_names_are_bytes():
    world = World().accept('p_\xc3\xa9 "x"?y')
    assert world.post(form(file('\xc3\xa9 \\"x\\"?y'))).status_int == 201


def test_names_of_fields_have_no_case_and_values_no_line_ends():
    world = World().accept('p_f')
    body = form(file(), max_file_size=None).replace(b'name="expires"', b'name="EXPIRES"')
    resp = world.post(part('Max_File_Size', '100\r\n') + body)
    assert resp.status_int == 201


@pytest.mark.parametrize('algorithm', ['sha1', 'sha256', 'sha512'])
def test_any_digest_signs(algorithm):
    world = World().accept('p_f')
    fields = {'max_file_size': 100, 'max_file_count': 2, 'expires': 2000}
    resp = world.post(form(file(), signature=signature(algorithm=algorithm, **fields)))
    assert resp.status_int == 201


def test_keys_of_the_account_sign_too():
    world = World({'temp-url-key-2': 'other'}, {}).accept('p_f')
    assert world.post(form(file(), key='other')).status_int == 201


# -- what passes -------------------------------------------------------------------------------

@pytest.mark.parametrize('path, content_type', [
    ('/v1/a/c', 'text/plain'), ('/v1/a/c', 'multipart/form-data'), ('/auth/v1.0', FORM),
    ('/bucket', FORM), ('/v9/a/c', FORM), ('/v1', FORM)])
def test_other_posts_pass(path, content_type):
    world = World()
    world.stub.answer('POST', path, '204 No Content')
    resp = world.post(b'x', path, content_type, **{'swift.authorize': None})
    assert resp.status_int == 204 and world.stored == {path: b'x'}


def test_other_methods_pass():
    world = World()
    world.stub.answer('PUT', PATH, '201 Created')
    resp = Request.blank(PATH, method='PUT', body=b'x', headers={'Content-Type': FORM}
                         ).get_response(world.filter)
    assert resp.status_int == 201


# -- what is refused ---------------------------------------------------------------------------

@pytest.mark.parametrize('body', [b'', b'garbage', b'--front', b'\r\n\r\n', b'--other\r\n\r\n',
                                  b'--frontierx\r\n'])
def test_form_begins_with_its_boundary(body):
    resp = World().post(body)
    assert said(resp) == (400, 'FormPost: invalid starting boundary')
    assert resp.content_type == 'text/plain'


def test_a_boundary_may_be_too_long():
    assert said(World().post(b'x', content_type=FORM + 'x' * 300)) == (
        400, 'FormPost: invalid starting boundary')


def test_more_files_than_allowed_end_the_form():
    world = World().accept('p_1', 'p_2')
    resp = world.post(form(file('1'), file('2'), file('3')))
    assert said(resp) == (400, '400 Bad Request\r\nFormPost: Max File Count Exceeded')
    assert list(world.stored) == ['/v1/a/c/p_1', '/v1/a/c/p_2']


@pytest.mark.parametrize('size, status', [(9, 201), (10, 201), (11, 400), (100000, 400)])
def test_files_have_a_limit(size, status):
    world = World().accept('p_f')
    resp = world.post(form(file(data=b'x' * size), fields={
        'max_file_size': 10, 'redirect': 'http://r/'}))
    if status == 400:
        assert said(resp) == (400, 'FormPost: max_file_size exceeded')
    else:
        assert resp.status_int == 303


@pytest.mark.parametrize('cut', [1, 3, 12, 13])
def test_a_file_that_is_cut_off_is_an_error(cut):
    world = World().accept('p_f')
    whole = form(file(data=b'x' * 20), end=b'--')
    assert said(world.post(whole[:-cut])) == (400, 'FormPost: unexpected end of the form')


def test_a_form_cut_off_before_its_files_has_none():
    assert said(World().post(part('x', 'y')[:-1])) == (
        400, '400 Bad Request\r\nFormPost: No Files To Process')


@pytest.mark.parametrize('files', [[], [part('file', 'x')], [part('file', 'x', '')]])
def test_a_form_needs_files(files):
    assert said(World().post(form(*files))) == (
        400, '400 Bad Request\r\nFormPost: No Files To Process')


@pytest.mark.parametrize('changes, text', [
    ({'max_file_size': 'x'}, 'max_file_size not an integer'),
    ({'max_file_count': 'x'}, 'max_file_count not an integer'),
    ({'expires': 'x'}, 'expired not an integer'),
    ({'x_delete_at': 'x'}, 'x_delete_at not an integer: Unix timestamp required.'),
    ({'x_delete_after': 'x'}, 'x_delete_after not an integer: Number of seconds required.')])
def test_numbers_are_numbers(changes, text):
    world = World()
    resp = world.post(form(file(), **changes))
    assert said(resp) == (400, f'FormPost: {text}') and not world.stored


@pytest.mark.parametrize('changes, text', [
    ({'fields': {'expires': 999}}, 'Form Expired'), ({'key': 'other'}, 'Invalid Signature'),
    ({'signature': None}, 'Invalid Signature'), ({'signature': 'short'}, 'Invalid Signature'),
    ({'signature': '0' * 40}, 'Invalid Signature'), ({'signature': ''}, 'Invalid Signature'),
    ({'max_file_size': 101}, 'Invalid Signature'), ({'max_file_count': 3}, 'Invalid Signature'),
    ({'expires': 2001}, 'Invalid Signature'), ({'redirect': 'http://r/'}, 'Invalid Signature'),
    ({'path': '/v1/a/c/other'}, 'Invalid Signature')])
def test_what_is_signed_cannot_be_changed(changes, text):
    world = World()
    resp = world.post(form(file(), **changes))
    assert said(resp) == (401, f'FormPost: {text}') and not world.stored
    assert resp.headers['Www-Authenticate'] == 'Swift realm="unknown"'
    assert resp.content_type.startswith('text/html') and not world.metrics.names


def test_fields_between_files_are_checked_again():
    world = World().accept('p_a', 'p_b')
    resp = world.post(form(file('a'), part('max_file_size', '1000'), file('b')))
    assert said(resp) == (401, 'FormPost: Invalid Signature')
    assert list(world.stored) == ['/v1/a/c/p_a']


def test_an_account_takes_no_files_even_for_its_own_key():
    world = World({'temp-url-key': 'key'})
    resp = world.post(form(file(), path='/v1/a'), '/v1/a')
    assert said(resp) == (401, 'FormPost: Invalid Signature') and not world.stored


def test_a_put_that_fails_ends_the_form_with_its_answer():
    world = World().accept('p_a', status='507 Insufficient Storage', body=b'full')
    resp = world.post(form(file('a'), file('b')))
    assert said(resp) == (507, 'full') and resp.content_type == 'text/plain'
    assert list(world.stored) == ['/v1/a/c/p_a']


@pytest.mark.parametrize('error, status', [(ClientReadTimeout(seconds=1), 408),
                                           (ClientDisconnect('gone'), 499)])
def test_a_client_that_stops_in_the_middle_of_a_field(error, status):
    body = Pieces(part('x', 'y')[:-2], error=error)
    assert World().post(body).status_int == status


def test_a_client_that_leaves_in_the_middle_of_a_file():
    body = Pieces(form(file(data=b'x' * 50))[:-30], error=ClientDisconnect('gone'))
    assert World().accept('p_f').post(body).status_int == 499


def test_fields_may_be_long_but_only_their_beginning_counts():
    world = World().accept('p_f')
    resp = world.post(part('other', b'x' * 100000) + part('content-type', b'x' * 100000)
                      + form(file()))
    assert resp.status_int == 201
    assert world.stub.calls[0].headers['Content-Type'] == 'x' * 4096


# -- where browsers are sent -------------------------------------------------------------------

@pytest.mark.parametrize('files, target, count', [
    ([file('1')], 'status=201&message=', 2),
    ([], 'status=400&message=no%20files%20to%20process', 2),
    ([file('1'), file('2')], 'status=400&message=max%20file%20count%20exceeded', 1),
    ([file('missing')], 'status=404&message=', 1)])
def test_a_signed_redirect_is_followed(files, target, count):
    world = World().accept('p_1', 'p_2')
    resp = world.post(form(*files, fields={'redirect': 'http://r/', 'max_file_count': count}))
    target = f'http://r/?{target}'
    page = f'<html><body><p><a href="{target}">Click to continue...</a></p></body></html>'
    assert said(resp) == (303, page)
    assert resp.headers == {'Location': target, 'Content-Length': str(len(page))}


def test_a_redirect_that_is_not_signed_is_not_followed():
    assert World().post(form(redirect='http://evil/')).status_int == 400
    world = World().accept('p_f')
    resp = world.post(form(file(), last=[part('redirect', 'http://evil/')]))
    assert said(resp) == (201, '201 Created')


def test_answer_to_another_origin_keeps_what_allows_it():
    world = World().accept('p_f', headers={'Access-Control-Allow-Origin': '*', 'X-Other': '1'})
    for fields in ({}, {'redirect': 'http://r/'}):
        headers = world.post(form(file(), fields=fields)).headers
        assert headers['Access-Control-Allow-Origin'] == '*' and 'X-Other' not in headers


# -- options -----------------------------------------------------------------------------------

def test_factory_registers_the_digests():
    filter_factory({}, allowed_digests='sha512 sha256')
    assert get_swift_info()['formpost']['allowed_digests'] == ['sha256', 'sha512']
    with pytest.raises(ConfigError):
        filter_factory({}, allowed_digests='md5')


def test_sheets_example_of_a_signature():
    assert signature('/v1/AUTH_account/container/object_prefix', 'mykey',
                     redirect='https://srv.com/some-page', max_file_size=104857600,
                     max_file_count=10, expires=1700000600) == (
        '87c13b97266645e450b8f2962b76e48658c93f3c027aab88026837241ec48281')
