import pytest

from swift.common.middleware.gatekeeper import (
    GatekeeperMiddleware,
    GatekeeperOptions,
    filter_factory,
    relative,
)
from swift.common.swob import Request
from swift.core.headers import INTERNAL_NAMES, INTERNAL_PREFIXES
from test.support.logs import RecordingLogger

INTERNAL = sorted([*INTERNAL_NAMES, *(prefix + 'foo' for prefix in INTERNAL_PREFIXES),
                   *INTERNAL_PREFIXES])
HARMLESS = ['X-Account-Hostile', 'X-Container-Meta-Host', 'X-Object-Meta-X-Backend', 'X-Trans-Id',
            'X-Delete-At', 'X-Account-Meta-Sysmeta', 'Etag']


class Recorder:
    """An application that keeps the environ and answers with given headers."""

    def __init__(self, headers=(), **environ):
        self.headers, self.environ = list(headers), environ

    def __call__(self, env, start_response):
        self.env = env
        env.update(self.environ)
        start_response('200 OK', list(self.headers))
        return []


def run(app, headers=None, **options):
    filtered = GatekeeperMiddleware(
        app, GatekeeperOptions.parse({name: str(value) for name, value in options.items()}),
        RecordingLogger())
    return Request.blank('/', headers=headers).get_response(filtered)


@pytest.mark.parametrize('name', INTERNAL)
@pytest.mark.parametrize('spell', [str.lower, str.upper, str.title])
def test_internal_headers_pass_in_no_direction(name, spell):
    app = Recorder([(spell(name), 'x'), ('Keep', 'y')])
    response = run(app, {spell(name): 'x'})
    assert spell(name) not in Request(app.env).headers
    assert dict(response.headers) == {'Keep': 'y'}


@pytest.mark.parametrize('name', HARMLESS)
def test_other_headers_pass(name):
    app = Recorder([(name, 'x')])
    response = run(app, {name: 'x'})
    assert Request(app.env).headers[name] == 'x' == response.headers[name]


def test_timestamp_of_a_client_is_set_aside():
    app = Recorder()
    run(app, {'X-Timestamp': '5', 'X-Backend-Inbound-X-Timestamp': 'forged'})
    headers = Request(app.env).headers
    assert 'X-Timestamp' not in headers and headers['X-Backend-Inbound-X-Timestamp'] == '5'
    run(app, {'X-Timestamp': '5'}, shunt_inbound_x_timestamp=False)
    assert Request(app.env).headers['X-Timestamp'] == '5'


def test_reserved_names_are_opened_only_by_the_option():
    app = Recorder()
    run(app, {'X-Allow-Reserved-Names': 'true'})
    assert not Request(app.env).allow_reserved_names
    run(app, {'X-Backend-Allow-Reserved-Names': 'true'}, allow_reserved_names_header=True)
    assert not Request(app.env).allow_reserved_names
    run(app, {'X-Allow-Reserved-Names': 'true'}, allow_reserved_names_header=True)
    assert Request(app.env).allow_reserved_names


@pytest.mark.parametrize('environ, expected', [
    ({}, 'http://h/v1/a?q#f'), ({'swift.leave_relative_location': True}, '/v1/a?q#f')])
def test_location(environ, expected):
    app = Recorder([('Location', 'http://h/v1/a?q#f')], **environ)
    assert run(app).headers['Location'] == expected


def test_relative():
    assert relative('/a') == '/a' and relative('https://h:1/a?b') == '/a?b'


def test_factory():
    app = Recorder()
    Request.blank('/', headers={'X-Backend-X': '1'}).get_response(filter_factory({})(app))
    assert 'HTTP_X_BACKEND_X' not in app.env
