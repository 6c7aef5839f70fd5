"""xprofile: what is gathered, what the pages show."""
import io
import json
import os
import zipfile
from urllib.parse import urlencode

import pytest

from swift.common.clock import ManualClock
from swift.common.errors import ConfigError
from swift.common.middleware.xprofile import XProfile, XProfileOptions, filter_factory
from swift.common.swob import Request
from test.support.logs import RecordingLogger


def work_hard():
    return sum(range(10))


class App:
    def __init__(self):
        self.closed = 0

    def __call__(self, env, start_response):
        start_response('200 OK', [('Content-Length', '2')])
        work_hard()
        return self

    def __iter__(self):
        work_lazily()
        yield b'ok'

    def close(self):
        self.closed += 1


def work_lazily():
    return 1


class World:
    def __init__(self, tmp_path, **options):
        options = {'log_filename_prefix': f'{tmp_path}/x/p.', 'profile_module': 'cProfile',
                   **options}
        self.clock = ManualClock()
        self.app = App()
        self.folder = tmp_path / 'x'
        self.filtered = XProfile(self.app, XProfileOptions.parse(options), RecordingLogger(),
                                 clock=self.clock)

    def ask(self, path, method='GET', form=None, **query):
        target = f'{path}?{urlencode(query)}' if query else path
        body = urlencode(form).encode() if form is not None else None
        resp = Request.blank(target, method=method, body=body).get_response(self.filtered)
        return resp.status_int, resp.content_type, resp.body

    def names(self, which='current', **query):
        status, _type, body = self.ask(f'/__profile__/{which}', format='json', **query)
        assert status == 200
        return [row['function'] for row in json.loads(body)['functions']]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    assert world.ask('/v1/a')[2] == b'ok'
    return world


PID = str(os.getpid())


def test_requests_are_profiled_and_listed(world):
    assert json.loads(world.ask('/__profile__/')[2]) == {'profile_ids': [PID]}
    assert 'work_hard' in world.names() and world.app.closed
    assert 'work_lazily' not in world.names()


def test_unwind_profiles_bodies(tmp_path):
    world = World(tmp_path, unwind='yes')
    assert world.ask('/v1/a')[2] == b'ok' and world.app.closed == 1
    assert 'work_lazily' in world.names()


def test_profiles_are_written_now_and_then(world):
    before = (world.folder / f'p.{PID}').read_bytes()
    world.ask('/v1/a')
    assert (world.folder / f'p.{PID}').read_bytes() == before
    world.clock.advance(5)
    world.ask('/v1/a')
    assert (world.folder / f'p.{PID}').read_bytes() != before


def test_dump_timestamp_keeps_all(tmp_path):
    world = World(tmp_path, dump_timestamp='yes')
    for _ in range(2):
        world.ask('/v1/a')
        world.clock.advance(6)
    ids = json.loads(world.ask('/__profile__/')[2])['profile_ids']
    assert ids == [f'{PID}-1700000000000', f'{PID}-1700000006000']
    assert 'work_hard' in world.names(ids[0]) and 'work_hard' in world.names(PID)


@pytest.mark.parametrize('kind, content_type, start', [
    ('default', 'text/plain', b''), ('json', 'application/json', b'{"functions": ['),
    ('csv', 'text/csv', b'ncalls,pcalls,tottime,cumtime,file,line,function\n'),
    ('ods', 'application/vnd.oasis.opendocument.spreadsheet', b'PK')])
def test_formats(world, kind, content_type, start):
    status, found_type, body = world.ask('/__profile__/all', format=kind)
    assert status == 200 and found_type.partition(';')[0] == content_type
    assert body.startswith(start)
    if kind == 'ods':
        with zipfile.ZipFile(io.BytesIO(body)) as ods:
            body = ods.read('content.xml')
    assert b'work_hard' in body


def test_one_function(world):
    rows = json.loads(world.ask('/__profile__/current', format='json')[2])['functions']
    row = next(row for row in rows if row['function'] == 'work_hard')
    name = f'{row["file"]}:{row["line"]}(work_hard)'
    assert world.names(f'current/{name}') == ['work_hard']


def test_views(world):
    assert len(world.names(limit='2')) == 2
    assert world.names(nfl_filter='work_h') == ['work_hard']
    assert world.names(sort='name') == sorted(world.names(sort='name'))
    files = json.loads(world.ask('/__profile__/all', format='json', fulldirs='1')[2])['functions']
    assert any(row['file'] == __file__ for row in files)


@pytest.mark.parametrize('query', [{'format': 'pdf'}, {'sort': 'size'}, {'limit': 'x'},
                                   {'nfl_filter': '('}])
def test_bad_parameters(world, query):
    assert world.ask('/__profile__/all', **query)[0] == 400


def test_index(world):
    for method in ('GET', 'POST'):
        status, content_type, body = world.ask('/__profile__', method)
        assert (status, content_type.partition(';')[0]) == (200, 'text/html')
        assert b'<form' in body and b'work_hard' in body


def test_plot_and_download(world):
    status, content_type, body = world.ask('/__profile__', 'POST',
                                           {'plot': '1', 'metric': 'tt', 'profile': 'all'})
    assert (status, content_type) == (200, 'image/svg+xml') and b'work_hard' in body
    assert world.ask('/__profile__', 'POST', {'plot': '1', 'metric': 'x'})[0] == 400
    req = Request.blank('/__profile__?download=1&format=csv')
    resp = req.get_response(world.filtered)
    assert resp.headers['Content-Disposition'] == 'attachment; filename="profile.csv"'


def test_clear(world):
    assert world.ask('/__profile__', 'GET', clear='1')[0] == 200
    assert len(json.loads(world.ask('/__profile__/')[2])['profile_ids']) == 1
    status, _type, body = world.ask('/__profile__', 'POST', {'clear': '1', 'profile': 'all'})
    assert status == 200 and b'no profile yet' in body
    assert json.loads(world.ask('/__profile__/')[2]) == {'profile_ids': []}


@pytest.mark.parametrize('path, status', [
    ('/__profile__/9999999', 404), ('/__profile__/../../etc/passwd', 404),
    ('/__profile__/favicon.ico', 200)])
def test_other_data_pages(world, path, status):
    assert world.ask(path)[0] == status


@pytest.mark.parametrize('method, path', [('PUT', '/__profile__'), ('POST', '/__profile__/all'),
                                          ('DELETE', '/__profile__/')])
def test_methods(world, method, path):
    assert world.ask(path, method)[0] == 405


def test_a_damaged_file_is_no_profile(world):
    (world.folder / 'p.77').write_bytes(b'nonsense')
    assert world.ask('/__profile__/77')[0] == 404


def test_default_profiler(tmp_path):
    world = World(tmp_path, profile_module='eventlet.green.profile')
    assert world.ask('/v1/a')[2] == b'ok'
    assert 'work_hard' in world.names()


@pytest.mark.parametrize('module', ['nowhere', 'json'])
def test_bad_module(tmp_path, module):
    with pytest.raises(ConfigError, match='profile_module'):
        filter_factory({}, profile_module=module, log_filename_prefix=f'{tmp_path}/p')(App())
