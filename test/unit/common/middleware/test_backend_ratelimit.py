"""backend_ratelimit: allowances of devices and methods, and a file that is read again."""
import pytest

from swift.common import log
from swift.common.clock import ManualClock
from swift.common.errors import ConfigError
from swift.common.metrics import Statsd
from swift.common.middleware.backend_ratelimit import (
    METHODS,
    BackendRateLimit,
    BackendRateLimitOptions,
    filter_factory,
)
from swift.common.swob import Request, Response
from test.support.logs import RecordingLogger

PASSED = Response(body='passed')


class World:
    def __init__(self, tmp_path, file=None, **conf):
        self.clock = ManualClock()
        self.logger = RecordingLogger()
        self.sent = []
        self.path = tmp_path / 'backend-ratelimit.conf'
        if file is not None:
            self.write(**file)
        conf = {'swift_dir': str(tmp_path), **conf}
        self.filtered = BackendRateLimit(
            PASSED, conf, BackendRateLimitOptions.parse(conf), self.logger,
            Statsd(self.sent.append), clock=self.clock)

    def write(self, **options):
        self.path.write_text('[backend_ratelimit]\n' + ''.join(
            f'{name} = {value}\n' for name, value in options.items()))

    def ask(self, line, times=1):
        """Return the statuses of requests (`METHOD path`)."""
        method, path = line.split()
        return [Request.blank(path, method=method).get_response(self.filtered).status_int
                for _ in range(times)]


DEVICE = {'requests_per_device_per_second': '1'}


def test_without_rates_everything_passes(tmp_path):
    assert World(tmp_path).ask('PUT /sda/1/a/c/o', 50) == [200] * 50


@pytest.mark.parametrize('method', METHODS)
def test_a_device_has_one_allowance_for_all_methods(tmp_path, method):
    world = World(tmp_path, **DEVICE)
    assert world.ask(f'{method} /sda/1/a/c/o', 2) == [200, 529]
    assert world.ask('GET /sda/2') == [529]
    assert world.ask('GET /sdb/1/a') == [200]
    assert world.sent == [b'backend.ratelimit:1|c'] * 2
    assert not world.logger.lines()


@pytest.mark.parametrize('line', [
    'OPTIONS /sda/1/a', 'SSYNC /sda/1', 'GET /sda/x/a', 'GET /sda', 'GET /', 'GET /recon/load',
    'GET /healthcheck', 'GET /sda/-1/a', 'GET //1/a'])
def test_what_is_not_counted(tmp_path, line):
    assert World(tmp_path, **DEVICE).ask(line, 3) == [200] * 3


def test_methods_have_allowances_of_their_own(tmp_path):
    world = World(tmp_path, put_requests_per_device_per_second='1')
    assert world.ask('PUT /sda/1/a', 2) == [200, 529]
    assert world.ask('GET /sda/1/a', 3) == [200] * 3
    world.clock.advance(1)
    assert world.ask('PUT /sda/1/a', 2) == [200, 529]


def test_what_a_method_refuses_has_been_taken_from_the_device(tmp_path):
    world = World(tmp_path, requests_per_device_per_second='2',
                  requests_per_device_rate_buffer='0', put_requests_per_device_per_second='1')
    assert world.ask('PUT /sda/1/a') == [200]
    world.clock.advance(0.5)
    assert world.ask('PUT /sda/1/a') == [529]
    assert world.ask('GET /sda/1/a') == [529]


def test_the_file_beats_the_section_and_is_read_again(tmp_path):
    world = World(tmp_path, {'put_requests_per_device_per_second': '1'},
                  get_requests_per_device_per_second='1')
    assert world.ask('PUT /sda/1/a', 2) == [200, 529]
    assert world.ask('GET /sda/1/a', 2) == [200, 529]
    world.write(get_requests_per_device_per_second='0')
    assert world.ask('PUT /sda/1/a') == [529]           # not looked at yet
    world.clock.advance(60)
    assert world.ask('PUT /sda/1/a', 3) == [200] * 3    # taken out of the file: no limit
    assert world.ask('GET /sda/1/a', 3) == [200] * 3
    world.path.unlink()
    world.clock.advance(60)
    assert world.ask('GET /sda/1/a', 2) == [200, 529]   # what the section says
    assert world.logger.lines(log.WARNING) == []


@pytest.mark.parametrize('text', ['nonsense', '[backend_ratelimit]\nput_requests_per_device_per_'
                                  'second = many\n'])
def test_a_bad_file_changes_nothing(tmp_path, text):
    world = World(tmp_path, {'put_requests_per_device_per_second': '1'})
    world.path.write_text(text)
    world.clock.advance(61)
    assert world.ask('PUT /sda/1/a', 2) == [200, 529]
    assert 'keeping the current rates' in world.logger.lines(log.WARNING)[0]


def test_a_file_that_was_asked_for_must_be_there(tmp_path):
    world = World(tmp_path, backend_ratelimit_conf_path=str(tmp_path / 'other.conf'), **DEVICE)
    assert 'other.conf' in world.logger.lines(log.WARNING)[0]
    assert world.ask('PUT /sda/1/a', 2) == [200, 529]


def test_an_interval_of_zero_reads_once(tmp_path):
    world = World(tmp_path, {'put_requests_per_device_per_second': '1'},
                  config_reload_interval='0')
    world.write()
    world.clock.advance(10 ** 6)
    assert world.ask('PUT /sda/1/a', 2) == [200, 529]


def test_allowances_survive_a_file_that_says_the_same(tmp_path):
    world = World(tmp_path, {'put_requests_per_device_per_second': '0.01'})
    assert world.ask('PUT /sda/1/a', 2) == [200, 529]
    world.clock.advance(61)
    assert world.ask('PUT /sda/1/a') == [529]


def test_factory(tmp_path):
    filtered = filter_factory({'swift_dir': str(tmp_path)}, **DEVICE)(PASSED)
    assert [Request.blank('/sda/1/a').get_response(filtered).status_int
            for _ in range(2)] == [200, 529]
    with pytest.raises(ConfigError):
        filter_factory({}, get_requests_per_device_per_second='x')
