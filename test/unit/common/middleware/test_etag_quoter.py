"""etag_quoter: whose tags are quoted, and how owners say so."""
import itertools

import pytest

from swift.common.info import headers_to_account_info, headers_to_container_info
from swift.common.middleware.etag_quoter import (
    EtagQuoter,
    EtagQuoterOptions,
    filter_factory,
    is_quoted,
)
from swift.common.registry import get_swift_info
from swift.common.swob import Request
from test.support.stub_app import StubApp


def get_tag(container=None, account=None, default='false', tag='abc', statuses=(204, 204),
            method='GET', known=True):
    stub = StubApp()
    stub.answer(method, '/v1/a/c/o', '200 OK', {'X-First': '1', 'Etag': tag, 'X-Last': '2'})

    def sysmeta(kind, value):
        return {f'X-{kind}-Sysmeta-Rfc-Compliant-Etags': value} if value else {}

    found = {'account/a': headers_to_account_info(sysmeta('Account', account), statuses[0]),
             'container/a/c': headers_to_container_info(sysmeta('Container', container),
                                                        statuses[1])}
    # The proxy finds it out while it answers.
    stub.on_call = lambda env: env['swift.infocache'].update(found)
    quoter = EtagQuoter(stub, EtagQuoterOptions.parse({'enable_by_default': default}))
    req = Request.blank('/v1/a/c/o', {'swift.infocache': dict(found)} if known else {},
                        method=method)
    resp = req.get_response(quoter)
    assert (resp.headers['X-First'], resp.headers['X-Last']) == ('1', '2')
    return resp.headers['Etag']


def test_the_container_decides_then_the_account_then_the_option():
    for container, account, default in itertools.product(
            (None, 'True', 'False'), (None, 'True', 'False'), ('true', 'false')):
        decides = container or account or default
        expected = '"abc"' if decides.lower() == 'true' else 'abc'
        assert get_tag(container, account, default) == expected


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT', 'POST', 'COPY'])
@pytest.mark.parametrize('known', [True, False])
def test_every_method(method, known):
    assert get_tag('True', method=method, known=known) == '"abc"'


@pytest.mark.parametrize('tag', ['"abc"', 'W/"abc"', '""'])
def test_quoted_tags_stay(tag):
    assert get_tag('True', tag=tag) == tag


@pytest.mark.parametrize('tag', ['', 'abc', '"', 'a"', '"a', 'W/abc', 'W/"'])
def test_what_is_not_quoted(tag):
    assert not is_quoted(tag)


@pytest.mark.parametrize('statuses', [(204, 404), (404, 204), (503, 503)])
def test_tags_stay_when_nothing_is_known(statuses):
    assert get_tag(default='true', statuses=statuses) == 'abc'


@pytest.mark.parametrize('kind, path', [('Account', '/v1/a'), ('Container', '/v1/a/c')])
@pytest.mark.parametrize('headers, stored', [
    ({'{}': 'yes'}, 'True'), ({'{}': '0'}, 'False'), ({'{}': ''}, ''),
    ({'Remove-{}': 'x'}, ''), ({'Remove-{}': 'x', '{}': 'yes'}, ''), ({}, None)])
def test_owners_say_so(kind, path, headers, stored):
    stub = StubApp()
    stub.answer('POST', path, '204 No Content')
    sent = {'X-' + name.format(f'{kind}-Rfc-Compliant-Etags'): value
            for name, value in headers.items()}
    Request.blank(path, headers=sent, method='POST').get_response(
        EtagQuoter(stub, EtagQuoterOptions.parse({})))
    found = stub.calls[0].headers
    assert found.get(f'X-{kind}-Sysmeta-Rfc-Compliant-Etags') == stored
    assert not [name for name in found if name.endswith('Etags') and 'Sysmeta' not in name]


@pytest.mark.parametrize('kind, path', [('Account', '/v1/a'), ('Container', '/v1/a/c')])
def test_settings_are_shown(kind, path):
    stub = StubApp()
    stub.answer('HEAD', path, '204 No Content', {f'X-{kind}-Sysmeta-Rfc-Compliant-Etags': 'True'})
    resp = Request.blank(path, method='HEAD').get_response(
        EtagQuoter(stub, EtagQuoterOptions.parse({})))
    assert resp.headers[f'X-{kind}-Rfc-Compliant-Etags'] == 'True'


def test_factory_registers():
    filter_factory({}, enable_by_default='yes')
    assert get_swift_info()['etag_quoter'] == {'enable_by_default': True}
