"""tempurl: which requests pass, what filters to the right see, what the client gets."""
import hashlib
import hmac

import pytest

from swift.common.clock import ManualClock
from swift.common.errors import ConfigError
from swift.common.middleware.tempurl import NameFilter, TempUrl, TempUrlOptions, filter_factory
from swift.common.registry import get_sensitive_params, get_swift_info
from swift.common.swob import HTTPForbidden, Request
from test.support.stub_app import StubApp

NOW = 1000.0
EXPIRES = 2000
OBJECT = {'Content-Type': 'text/plain', 'X-Object-Meta-Hidden': 'h',
          'X-Object-Meta-Public-Seen': 's', 'Etag': 'x'}


class Counter:
    def __init__(self):
        self.names = []

    def increment(self, name):
        self.names.append(name)


class World:
    def __init__(self, account_meta=None, container_meta=None, **options):
        self.stub = StubApp()
        self.metrics = Counter()
        self.filter = TempUrl(self.stub, TempUrlOptions.parse(options),
                              options.get('allowed_digests', 'sha1 sha256 sha512').split(),
                              self.metrics, ManualClock(NOW))
        self.infocache = {
            'account/a': {'status': 200, 'meta': account_meta or {}},
            'container/a/c': {'status': 200, 'meta': {
                'temp-url-key': 'key'} if container_meta is None else container_meta}}
        for method in ('GET', 'HEAD', 'PUT', 'POST', 'DELETE'):
            self.stub.answer(method, '/v1/a/c/o', '200 OK', OBJECT, b'data')

    def send(self, method, path, headers=None, **env):
        env = {'swift.infocache': dict(self.infocache), 'REMOTE_ADDR': '1.2.3.4',
               'swift.authorize': lambda req: HTTPForbidden(request=req), **env}
        self.env = env
        req = Request.blank(path, environ=env, method=method, headers=headers or {})
        self.req = req
        resp = req.get_response(self.filter)
        _ = resp.body
        assert not self.stub.unclosed
        return resp

    def signed(self, method='GET', path='/v1/a/c/o', signed_method=None, key='key', query='',
               expires=EXPIRES, message_path=None, **kwargs):
        text = f'{signed_method or method}\n{expires}\n{message_path or path}'
        digest = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
        return self.send(method, f'{path}?temp_url_sig={digest}&temp_url_expires={expires}{query}',
                         **kwargs)

    @property
    def call(self):
        return self.stub.calls[-1]


def assert_refused(resp):
    assert (resp.status_int, resp.body) == (401, b'401 Unauthorized: Temp URL invalid\n')
    assert resp.headers['Www-Authenticate'] == 'Swift realm="unknown"'


# -- who passes --------------------------------------------------------------------------------

@pytest.mark.parametrize('path', ['/v1/a/c/o', '/v1/a/c/o?x=y', '/v1/a/c/o?temp_url_prefix=o',
                                  '/v1/a/c/o?template=1', '/info'])
def test_other_requests_pass_untouched(path):
    world = World()
    assert world.send('GET', path, **{'swift.authorize': None}).status_int in (200, 404)
    assert world.call.query == path.partition('?')[2]
    assert world.req.environ.get('REMOTE_USER') is None


def test_a_signed_request_is_authorised_and_marked():
    world = World()
    assert world.signed().status_int == 200
    env = world.req.environ
    assert (env['REMOTE_USER'], env['swift.authorize_override']) == ('.wsgi.tempurl', True)
    assert world.metrics.names == ['tempurl.digests.sha256']


def test_options_passes_although_signed():
    world = World()
    world.stub.answer('OPTIONS', '/v1/a/c/o')
    assert world.send('OPTIONS', '/v1/a/c/o?temp_url_sig=x', **{'swift.authorize': None}
                      ).status_int == 200


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'])
@pytest.mark.parametrize('signed', ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'])
def test_signature_serves_its_method_and_most_serve_head(method, signed):
    world = World()
    passes = method == signed or (method == 'HEAD' and signed != 'DELETE')
    resp = world.signed(method, signed_method=signed)
    assert resp.status_int == (200 if passes else 401)
    assert len(world.stub.calls) == passes


@pytest.mark.parametrize('change', [
    {'expires': 999}, {'key': 'other'}, {'message_path': '/v1/a/c/p'},
    {'query': '&temp_url_prefix=p'}, {'query': '&temp_url_ip_range=1.2.3.4'},
    {'signed_method': 'COPY'}])
def test_a_claim_that_does_not_hold_is_refused_without_asking_further(change):
    world = World()
    assert_refused(world.signed(**change))
    assert not world.stub.calls and not world.metrics.names


def test_expiry_is_the_last_moment():
    assert World().signed(expires=int(NOW)).status_int == 200
    assert_refused(World().signed(expires=int(NOW) - 1))


def test_refusal_of_head_has_no_body():
    resp = World().signed('HEAD', key='other')
    assert (resp.status_int, resp.body, resp.headers['Content-Length']) == (401, b'', '0')


def test_methods_are_an_option():
    world = World(methods='GET')
    assert world.signed().status_int == 200
    assert_refused(world.signed('PUT'))
    assert_refused(world.signed('COPY'))


def test_digests_are_an_option():
    assert_refused(World(allowed_digests='sha512').signed())


def test_without_keys_nothing_is_signed():
    assert_refused(World(container_meta={}).signed(key=''))


@pytest.mark.parametrize('meta', [{'temp-url-key': 'k'}, {'temp-url-key-2': 'k'},
                                  {'temp-url-key': 'x', 'temp-url-key-2': 'k'}])
def test_either_key_of_account_or_container_signs(meta):
    assert World(container_meta=meta).signed(key='k').status_int == 200
    assert World(account_meta=meta, container_meta={}).signed(key='k').status_int == 200


def test_range_is_about_the_address_of_the_connection():
    world = World()

    def ask(ip_range, **env):
        text = f'ip={ip_range}\nGET\n{EXPIRES}\n/v1/a/c/o'
        digest = hmac.new(b'key', text.encode(), hashlib.sha256).hexdigest()
        return world.send('GET', f'/v1/a/c/o?temp_url_sig={digest}&temp_url_expires={EXPIRES}'
                          f'&temp_url_ip_range={ip_range}', {'X-Forwarded-For': '9.9.9.9'}, **env)
    assert ask('1.2.3.0/24').status_int == 200
    assert 'temp_url_ip_range=1.2.3.0%2F24' in world.call.query
    assert_refused(ask('9.9.9.9'))
    assert ask('::1', REMOTE_ADDR='::1').status_int == 200


# -- how far the authorisation reaches ---------------------------------------------------------

@pytest.mark.parametrize('meta, path, allowed', [
    ('account_meta', '/v1/a/other/x', True), ('account_meta', '/v1/a', True),
    ('account_meta', '/v1/b/c/o', False), ('container_meta', '/v1/a/c/other', True),
    ('container_meta', '/v1/a/c', True), ('container_meta', '/v1/a/d/o', False),
    ('container_meta', '/v1/a', False), ('container_meta', '/v1/b/c/o', False),
    ('account_meta', '/', False)])
def test_keys_open_their_account_or_their_container(meta, path, allowed):
    world = World(**{'container_meta': {}, meta: {'temp-url-key': 'key'}})
    world.signed()
    answer = world.req.environ['swift.authorize'](Request.blank(path))
    assert answer is None if allowed else answer.status_int == 401


# -- what filters to the right see -------------------------------------------------------------

def test_query_is_cut_down_to_the_claim():
    world = World()
    world.signed(query='&multipart-manifest=get&format=json&inline=1&filename=a%20b')
    digest = world.call.query.partition('&')[0]
    assert world.call.query == f'{digest}&temp_url_expires=2000&filename=a%20b&inline'


def test_headers_are_taken_off_the_request():
    world = World(incoming_remove_headers='x-a x-b-* content-type',
                  incoming_allow_headers='x-b-ok*')
    world.signed('PUT', headers={'X-A': '1', 'X-Ab': '2', 'X-B-C': '3', 'X-B-Okay': '4',
                                 'Content-Type': 'text/x', 'X-Timestamp': '5'})
    kept = {name for name in world.call.headers if name.startswith(('X-', 'Content-T'))}
    assert kept == {'X-Ab', 'X-B-Okay', 'X-Timestamp'}


def test_times_of_clients_are_taken_off_by_default():
    world = World()
    world.signed('PUT', headers={'X-Timestamp': '5', 'X-Open-Expired': 'true'})
    assert not {'X-Timestamp', 'X-Open-Expired'} & set(world.call.headers)


@pytest.mark.parametrize('header', ['X-Object-Manifest', 'X-Symlink-Target', 'X-Copy-From'])
def test_content_from_elsewhere_cannot_be_uploaded(header):
    for method in ('PUT', 'POST', 'DELETE'):
        world = World()
        resp = world.signed(method, headers={header: 'd/x'})
        assert (resp.status_int, resp.body.decode()) == (
            400, f"The header '{header}' is not allowed in this tempurl")
        assert not world.stub.calls
    assert World().signed('GET', headers={header: 'd/x'}).status_int == 200


# -- what the client gets ----------------------------------------------------------------------

def test_answer_hides_metadata_names_the_file_and_its_expiry():
    headers = World().signed().headers
    assert headers == {
        'Content-Type': 'text/plain', 'X-Object-Meta-Public-Seen': 's', 'Etag': 'x',
        'Content-Length': '4', 'Expires': 'Thu, 01 Jan 1970 00:33:20 GMT',
        'Content-Disposition': 'attachment; filename="o"; filename*=UTF-8\'\'o'}


def test_expiry_beyond_the_calendar_is_its_end():
    assert World().signed(expires=10**17).headers['Expires'] == 'Fri, 31 Dec 9999 23:59:59 GMT'


@pytest.mark.parametrize('query, own, value', [
    ('&inline', None, 'inline'),
    ('&inline&filename=n', 'own', 'inline; filename="n"; filename*=UTF-8\'\'n'),
    ('', 'attachment; filename="own"', 'attachment; filename="own"'),
    ('&filename=', 'own', 'own'), ('&inline', 'own', 'inline'),
    ('&filename=n', 'own', 'attachment; filename="n"; filename*=UTF-8\'\'n')])
def test_disposition_is_chosen_by_query_then_object(query, own, value):
    world = World()
    path = '/v1/a/c/d'
    world.stub.answer('GET', path, '200 OK', {'content-disposition': own} if own else {})
    assert world.signed(path=path, query=query).headers['Content-Disposition'] == value


@pytest.mark.parametrize('status', ['304 Not Modified', '404 Not Found', '416 Bad Range'])
def test_only_successful_reads_get_a_name(status):
    world = World()
    world.stub.answer('GET', '/v1/a/c/p', status, OBJECT)
    headers = world.signed(path='/v1/a/c/p').headers
    assert 'Content-Disposition' not in headers and 'X-Object-Meta-Hidden' not in headers
    assert 'Content-Disposition' not in world.signed('PUT').headers


def test_pages_of_staticweb_are_shown():
    world = World()
    world.stub.answer('GET', '/v1/a/c/d/', '200 OK', {'X-Backend-Content-Generator': 'staticweb'})
    assert world.signed(path='/v1/a/c/d/').headers['Content-Disposition'] == 'inline'


# -- the container itself ----------------------------------------------------------------------

@pytest.mark.parametrize('path', ['/v1/a/c', '/v1/a/c/'])
def test_container_is_open_to_pages_of_staticweb_alone(path):
    signed = {'path': path, 'message_path': 'prefix:/v1/a/c/', 'query': '&temp_url_prefix='}
    world = World()
    world.stub.answer('GET', path, '200 OK', {'Content-Type': 'text/plain'}, b'a listing')
    assert_refused(world.signed(**signed))
    world = World()
    world.stub.answer('GET', path, '200 OK', {'X-Backend-Content-Generator': 'staticweb'}, b'page')
    resp = world.signed(**signed)
    assert (resp.body, resp.headers['Content-Disposition']) == (b'page', 'inline')
    assert 'Expires' in resp.headers


def test_container_cannot_be_written():
    world = World()
    for method in ('PUT', 'POST', 'DELETE'):
        assert_refused(world.signed(method, path='/v1/a/c', message_path='prefix:/v1/a/c/',
                                    query='&temp_url_prefix='))
    assert not world.stub.calls


# -- options -----------------------------------------------------------------------------------

def test_factory_registers_what_the_sheet_says():
    filter_factory({}, allowed_digests='sha256 md5 sha1')
    assert get_swift_info()['tempurl'] == {
        'methods': ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'],
        'incoming_remove_headers': ['x-timestamp', 'x-open-expired'], 'incoming_allow_headers': [],
        'outgoing_remove_headers': ['x-object-meta-*'],
        'outgoing_allow_headers': ['x-object-meta-public-*'],
        'allowed_digests': ['sha1', 'sha256'], 'deprecated_digests': ['sha1']}
    assert 'temp_url_sig' in get_sensitive_params()


def test_no_usable_digest_is_an_error_at_start():
    with pytest.raises(ConfigError, match='none of sha1 sha256 sha512 is among "md5"'):
        filter_factory({}, allowed_digests='md5')


@pytest.mark.parametrize('name, removed', [
    ('x-a', True), ('X-A', True), ('x-ab', False), ('x-b-c', True), ('x-b-keep', False),
    ('x-b-keeper', True), ('x-b-k-1', False)])
def test_name_filter(name, removed):
    assert NameFilter.of(('X-A', 'x-b-*'), ('x-b-keep', 'x-b-k-*')).removes(name) is removed
