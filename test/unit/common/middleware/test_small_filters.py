"""healthcheck, crossdomain, name_check, read_only: filters that answer or refuse by themselves."""
import pytest

from swift.common.errors import ConfigError
from swift.common.middleware import crossdomain, healthcheck, name_check, read_only
from swift.common.registry import get_swift_info
from swift.common.swob import Request, Response

PASSED = Response(body='passed')


def ask(filtered, method, path, **headers):
    return Request.blank(path, method=method, headers=headers).get_response(filtered)


# -- healthcheck -----------------------------------------------------------------------------------

@pytest.mark.parametrize('method', ['GET', 'POST', 'PUT', 'HEAD'])
def test_healthcheck_answers_any_method(method):
    response = ask(healthcheck.filter_factory({})(PASSED), method, '/healthcheck?x=1')
    assert (response.status_int, response.headers) == (
        200, {'Content-Type': 'text/plain', 'Content-Length': '2'})
    assert response.body == (b'' if method == 'HEAD' else b'OK')


@pytest.mark.parametrize('path', ['/healthcheck/', '/healthcheck/x', '/v1/healthcheck', '/'])
def test_healthcheck_answers_its_path_alone(path):
    assert ask(healthcheck.filter_factory({})(PASSED), 'GET', path).body == b'passed'


def test_healthcheck_is_disabled_by_a_file(tmp_path):
    path = tmp_path / 'disabled'
    filtered = healthcheck.filter_factory({}, disable_path=str(path))(PASSED)
    assert ask(filtered, 'GET', '/healthcheck').body == b'OK'
    path.touch()
    response = ask(filtered, 'GET', '/healthcheck')
    assert (response.status_int, response.body, response.content_type) == (
        503, b'DISABLED BY FILE', 'text/plain')


# -- crossdomain -----------------------------------------------------------------------------------

def test_crossdomain_document():
    response = ask(crossdomain.filter_factory({})(PASSED), 'GET', '/crossdomain.xml')
    assert response.content_type == 'application/xml' and response.content_length == 209
    assert response.body.decode() == '\n'.join([
        '<?xml version="1.0"?>',
        '<!DOCTYPE cross-domain-policy SYSTEM '
        '"http://www.adobe.com/xml/dtds/cross-domain-policy.dtd" >',
        '<cross-domain-policy>', '<allow-access-from domain="*" secure="false" />',
        '</cross-domain-policy>'])
    assert get_swift_info()['crossdomain'] == {}


def test_crossdomain_policy_of_the_operator():
    filtered = crossdomain.filter_factory({}, cross_domain_policy='<a/>\n<b/>')(PASSED)
    assert b'\n<a/>\n<b/>\n' in ask(filtered, 'GET', '/crossdomain.xml').body


@pytest.mark.parametrize('method, path', [
    ('HEAD', '/crossdomain.xml'), ('POST', '/crossdomain.xml'), ('GET', '/crossdomain.xml/')])
def test_crossdomain_passes_the_rest(method, path):
    response = ask(crossdomain.filter_factory({})(PASSED), method, path)
    assert response.headers['Content-Length'] == '6'


# -- name_check ------------------------------------------------------------------------------------

CHARS = b'Object/Container/Account name contains forbidden chars from \'"`<>'
LONG = b'Object/Container/Account name longer than the allowed maximum 255'
REGEXP = (b'Object/Container/Account name contains a forbidden substring from regular expression '
          rb'/\./|/\.\./|/\.$|/\.\.$')


@pytest.mark.parametrize('path, text', [
    ('/v1/a/c/a%22b', CHARS), ('/v1/a/c/a%27b', CHARS), ('/v1/a/c/a%60b', CHARS),
    ('/v1/a/c%3C', CHARS), ('/info%3E', CHARS), ('/v1/a/c/a/./b', REGEXP),
    ('/v1/a/c/a/../b', REGEXP), ('/v1/a/c/a/.', REGEXP), ('/v1/a/c/..', REGEXP),
    ('/' + 'x' * 255, LONG), ('/' + '%C3%A9' * 128, LONG), ('/%22' + 'x' * 300, CHARS)])
def test_name_check_refuses(path, text):
    response = ask(name_check.filter_factory({})(PASSED), 'GET', path)
    assert (response.status_int, response.body) == (400, text)
    assert response.content_type == 'text/html; charset=UTF-8'


@pytest.mark.parametrize('path', [
    '/v1/a/c/.b', '/v1/a/c/...', '/' + 'x' * 254, '/' + '%C3%A9' * 127, '/v1/a?prefix=%3C'])
def test_name_check_passes(path):
    assert ask(name_check.filter_factory({})(PASSED), 'GET', path).body == b'passed'


def test_name_check_options():
    filtered = name_check.filter_factory(
        {}, forbidden_chars='\xe9x', maximum_length='9', forbidden_regexp='')(PASSED)
    assert ask(filtered, 'GET', '/a/../b').body == b'passed'
    assert b'longer than the allowed maximum 9' in ask(filtered, 'GET', '/123456789').body
    assert b'forbidden chars from' in ask(filtered, 'GET', '/%C3%A9').body
    assert get_swift_info()['name_check'] == {
        'forbidden_chars': '\xe9x', 'maximum_length': 9, 'forbidden_regexp': ''}


def test_name_check_refuses_to_start_with_a_bad_expression():
    with pytest.raises(ConfigError, match='forbidden_regexp'):
        name_check.filter_factory({}, forbidden_regexp='(')


# -- read_only -------------------------------------------------------------------------------------

class Accounts:
    """The rest of a pipeline; knows the read-only sysmeta of accounts."""

    def __init__(self, **flags):
        self.flags, self.asked = flags, []

    def __call__(self, env, start_response):
        if env['REQUEST_METHOD'] == 'HEAD' and env.get('swift.source') == 'RO':
            account = env['PATH_INFO'].split('/')[2]
            self.asked.append(account)
            flag = self.flags.get(account)
            headers = {'X-Account-Sysmeta-Read-Only': flag} if flag else {}
            return Response(status=204, headers=headers)(env, start_response)
        return Response(body='passed')(env, start_response)


def status(app, method, path, options=None, **headers):
    filtered = read_only.filter_factory({}, **(options or {}))(app)
    headers = {name.replace('_', '-'): value for name, value in headers.items()}
    response = ask(filtered, method, path, **headers)
    if response.status_int == 405:
        assert response.body == b'Writes are disabled for this account.'
        assert response.content_type == 'text/html; charset=UTF-8'
    return response.status_int


ON = {'read_only': 'true'}


@pytest.mark.parametrize('method', ['PUT', 'POST', 'DELETE', 'COPY'])
@pytest.mark.parametrize('path', ['/v1/a', '/v1/a/c', '/v1.0/a/c/o/p'])
@pytest.mark.parametrize('option, flag, expected', [
    ('false', None, 200), ('true', None, 405), ('true', 'false', 200), ('false', 'true', 405),
    ('false', 'yes', 405), ('true', 'nonsense', 200)])
def test_the_flag_of_the_account_beats_the_option(method, path, option, flag, expected):
    app = Accounts(a=flag)
    assert status(app, method, path, {'read_only': option}) == expected


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'OPTIONS'])
def test_reads_cost_nothing(method):
    app = Accounts(a='true')
    assert status(app, method, '/v1/a/c', ON) == 200 and app.asked == []


@pytest.mark.parametrize('path', ['/healthcheck', '/v1', '/', '/auth/v1.0', '/v1//c'])
def test_other_paths_pass(path):
    assert status(Accounts(), 'PUT', path, ON) == 200


def test_deletes_may_be_allowed():
    options = {**ON, 'allow_deletes': 'true'}
    assert status(Accounts(), 'DELETE', '/v1/a/c', options) == 200
    assert status(Accounts(), 'PUT', '/v1/a/c', options) == 405


@pytest.mark.parametrize('destination, expected', [('b', 405), ('a', 200), ('%62', 405)])
def test_copies_write_to_the_other_account(destination, expected):
    app = Accounts(b='true')
    assert status(app, 'COPY', '/v1/a/c/o', Destination_Account=destination) == expected


@pytest.mark.parametrize('destination, text', [
    ('b/c', b'Account name cannot contain slashes'), ('', b'Account name cannot be empty')])
def test_bad_destination_account(destination, text):
    filtered = read_only.filter_factory({})(Accounts())
    response = ask(filtered, 'COPY', '/v1/a/c/o', **{'Destination-Account': destination})
    assert (response.status_int, response.body) == (412, text)


def test_only_the_option_is_published():
    read_only.filter_factory({}, **ON)
    assert get_swift_info()['read_only'] == {}
