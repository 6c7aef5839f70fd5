import pytest

from swift.common.subrequest import (
    PRE_AUTHED_USER,
    make_env,
    make_pre_authed_env,
    make_pre_authed_request,
    make_subrequest,
)
from swift.common.swob import Request

KEPT = {
    'HTTP_HOST': 'host', 'REMOTE_USER': 'me', 'HTTP_ORIGIN': 'http://o', 'HTTP_X_USER_ID': 'u',
    'HTTP_ACCESS_CONTROL_REQUEST_METHOD': 'PUT', 'HTTP_X_PROJECT_ID': 'p', 'HTTP_REFERER': 'r',
    'swift.cache': object(), 'swift.source': 'X', 'swift.trans_id': 'tx', 'swift.infocache': {},
    'swift.authorize': len, 'swift.authorize_override': False, 'swift.base_labels': {},
    'swift.shard_listing_history': [], 'HTTP_USER_AGENT': 'curl'}
DROPPED = {
    'HTTP_X_AUTH_TOKEN': 't', 'CONTENT_TYPE': 'a/b', 'HTTP_X_OBJECT_META_A': 'b',
    'HTTP_RANGE': 'bytes=0-1', 'HTTP_X_BACKEND_FOO': 'x', 'swift_owner': True,
    'HTTP_IF_MATCH': 'x', 'swift.proxy_access_log_made': True}


@pytest.fixture
def env():
    return Request.blank('/v1/a/c?q=1', environ={**KEPT, **DROPPED}, body='secret',
                         method='PUT').environ


def test_only_the_listed_keys_pass(env):
    new = make_env(env, agent=None)
    for key, value in KEPT.items():
        assert new[key] is value
    assert not set(DROPPED) & set(new) and 'CONTENT_LENGTH' not in new
    assert new['wsgi.input'].read() == b''
    assert [new[key] for key in ('REQUEST_METHOD', 'PATH_INFO', 'QUERY_STRING')] == [
        'PUT', '/v1/a/c', 'q=1']


def test_caches_are_shared_with_the_request(env):
    assert make_env(env)['swift.infocache'] is env['swift.infocache']


@pytest.mark.parametrize('agent, expected', [
    ('Swift', 'Swift'), ('%(orig)s Mine', 'curl Mine'), (None, 'curl'), ('', None)])
def test_user_agent(env, agent, expected):
    assert make_env(env, agent=agent).get('HTTP_USER_AGENT') == expected


def test_agent_template_without_a_client_agent(env):
    del env['HTTP_USER_AGENT']
    assert make_env(env, agent='%(orig)s Mine')['HTTP_USER_AGENT'] == 'Mine'


def test_method_path_query_and_source(env):
    env['SCRIPT_NAME'] = '/s'
    new = make_env(env, 'HEAD', '/v1/b', query_string='', swift_source='SLO')
    assert (new['REQUEST_METHOD'], new['SCRIPT_NAME'], new['PATH_INFO'], new['QUERY_STRING'],
            new['swift.source']) == ('HEAD', '', '/v1/b', '', 'SLO')


def test_pre_authed_passes_every_authorisation(env):
    new = make_pre_authed_env(env, swift_source='X')
    assert new['swift.authorize'](None) is None
    assert (new['swift.authorize_override'], new['REMOTE_USER']) == (True, PRE_AUTHED_USER)


def test_subrequest_unquotes_the_path_and_reads_its_query(env):
    req = make_subrequest(env, 'GET', '/v1/a/caf%C3%A9?x=y', headers={'X-Foo': 'bar'}, body='abc')
    assert (req.path_info, req.query_string) == ('/v1/a/caf\xc3\xa9', 'x=y')
    assert (req.headers['X-Foo'], req.body, req.content_length) == ('bar', b'abc', 3)
    assert make_subrequest(env, path='/v1/a').query_string == 'q=1'
    assert make_subrequest(env).path == '/v1/a/c'


def test_pre_authed_request(env):
    req = make_pre_authed_request(env, 'DELETE', '/v1/a/c/o', agent='Me', swift_source='Y')
    assert (req.method, req.remote_user, req.user_agent) == ('DELETE', PRE_AUTHED_USER, 'Me')
