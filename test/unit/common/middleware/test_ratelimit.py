"""ratelimit: who waits, who is refused, and what it costs."""
import pytest

from swift.common.clock import ManualClock
from swift.common.errors import ConfigError
from swift.common.info import headers_to_account_info, headers_to_container_info
from swift.common.middleware.ratelimit import RateLimit, RateLimitOptions, filter_factory
from swift.common.registry import get_swift_info
from swift.common.swob import Request
from test.support.fake_cache import FakeCache
from test.support.logs import RecordingLogger
from test.support.stub_app import StubApp


class World:
    """A filter whose sleeping moves the clock, over a stub that accepts everything."""

    def __init__(self, sysmeta='', objects=0, **options):
        self.clock = ManualClock()
        self.cache = FakeCache(self.clock)
        self.slept = []
        self.logger = RecordingLogger()
        self.stub = StubApp()
        self.filtered = RateLimit(self.stub, RateLimitOptions.parse(options), self.logger,
                                  clock=self.clock, sleep=self._sleep)
        self.cache.set('account/a', headers_to_account_info(
            {'X-Account-Sysmeta-Global-Write-Ratelimit': sysmeta} if sysmeta else {}, 204))
        self.cache.set('container/a/c', headers_to_container_info(
            {'X-Container-Object-Count': str(objects)}, 204))

    def _sleep(self, seconds):
        self.slept.append(round(seconds, 6))
        self.clock.advance(seconds)

    def send(self, method, path, **env):
        self.stub.answer(method, path, '204 No Content')
        req = Request.blank(path, {'swift.cache': self.cache, **env}, method=method)
        return req.get_response(self.filtered)

    def sleeps(self, *requests, times=1):
        """Return how long requests (`METHOD path`) slept, one after the other."""
        self.slept = []
        for _ in range(times):
            for line in requests:
                assert self.send(*line.split()).status_int == 204
        return self.slept


def test_containers_of_an_account():
    world = World(account_ratelimit='2')
    assert world.sleeps('PUT /v1/a/c', 'DELETE /v1/a/c', 'PUT /v1/a/d') == [0.5, 0.5]
    assert world.sleeps('POST /v1/a/c', 'GET /v1/a/c', 'HEAD /v1/a/c', 'PUT /v1/a',
                        'PUT /v1/a/c/o', 'PUT /v1/b/c', times=2) == [0.5]    # that of account b
    assert world.sleeps('PUT /v1/a/c') == []


@pytest.mark.parametrize('objects, slept', [(9, []), (10, [0.1]), (15, [1 / 7.5]), (99, [0.2])])
def test_objects_of_a_container(objects, slept):
    world = World(objects=objects, container_ratelimit_10='10', container_ratelimit_20='5')
    for method in ('PUT', 'POST', 'DELETE', 'COPY'):
        world.clock.advance(100)
        assert world.sleeps(f'{method} /v1/a/c/o', times=2) == [
            pytest.approx(seconds, abs=0.001) for seconds in slept]
    assert world.sleeps('GET /v1/a/c/o', 'HEAD /v1/a/c/o', 'GET /v1/a/c', 'PUT /v1/a/c',
                        times=2) == []


def test_listings_of_a_container():
    world = World(objects=5, container_listing_ratelimit_0='4')
    assert world.sleeps('GET /v1/a/c', times=3) == [0.25, 0.25]
    assert world.sleeps('HEAD /v1/a/c', 'PUT /v1/a/c/o', times=3) == []


def test_containers_of_unknown_size_are_not_limited():
    world = World(container_ratelimit_0='1')
    assert world.sleeps('PUT /v1/a/unknown/o', times=3) == []


def test_writes_in_an_account():
    world = World(sysmeta='4')
    assert world.sleeps('PUT /v1/a', 'POST /v1/a/c', 'DELETE /v1/a/c/o',
                        'COPY /v1/a/c/o') == [0.25] * 3
    assert world.sleeps('GET /v1/a', 'HEAD /v1/a/c', 'GET /v1/a/c/o', times=2) == []


@pytest.mark.parametrize('sysmeta', ['WHITELIST', 'nonsense', '0', '-1', ''])
def test_accounts_without_a_rate_of_their_own(sysmeta):
    world = World(sysmeta=sysmeta, account_ratelimit='1')
    assert world.sleeps('PUT /v1/a/c', times=2) == ([] if sysmeta == 'WHITELIST' else [1.0])


@pytest.mark.parametrize('options, account', [
    ({'sysmeta': 'BLACKLIST'}, 'a'), ({'account_blacklist': 'x, b'}, 'b')])
@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT'])
def test_refused_accounts(options, account, method):
    world = World(**options)
    resp = world.send(method, f'/v1/{account}/c')
    assert resp.status == '497 Blacklisted' and world.slept == [1]
    assert resp.body == (b'' if method == 'HEAD' else b'Your account has been blacklisted')
    assert not world.stub.calls


def test_accounts_that_are_always_served():
    world = World(sysmeta='1', account_ratelimit='1', account_whitelist='a')
    assert world.sleeps('PUT /v1/a/c', times=3) == []


@pytest.mark.parametrize('path', ['/v1/a', '/v1/a/c', '/v1/a/c/o'])
def test_who_would_have_to_wait_for_too_long_is_refused(path):
    world = World(sysmeta='0.1', max_sleep_time_seconds='5')
    assert world.send('POST', path).status_int == 204
    for _ in range(2):
        resp = world.send('POST', path)
        assert (resp.status, resp.body) == ('498 Rate Limited', b'Slow down')
    assert world.slept == []
    world.clock.advance(6)      # four seconds are left: those who were refused took no turns
    assert world.sleeps(f'POST {path}') == [4.0]


def test_long_waits_are_logged():
    world = World(account_ratelimit='1', log_sleep_time_seconds='0.5')
    world.sleeps('PUT /v1/a/c', times=2)
    assert 'Ratelimit sleep log' in str(world.logger.lines())


def test_requests_are_handled_once():
    world = World(account_ratelimit='1')
    env = {'swift.ratelimit.handled': True}
    assert [world.send('PUT', '/v1/a/c', **env).status_int for _ in range(2)] == [204, 204]
    assert world.slept == []


@pytest.mark.parametrize('path', ['/info', '/auth/v1.0', '/v9/a/c'])
def test_paths_of_others_cost_nothing(path):
    world = World()
    before = world.cache.trips
    world.send('PUT', path)
    assert world.cache.trips == before


def test_without_memcached_nothing_is_limited():
    world = World(account_ratelimit='1')
    assert world.send('PUT', '/v1/a/c', **{'swift.cache': None}).status_int == 204
    assert 'Cannot ratelimit without a memcached client' in str(world.logger.lines())


def test_a_broken_memcached_limits_nothing():
    world = World(account_ratelimit='1')
    world.cache.broken = True
    world.stub.answer('HEAD', '/v1/a', '204 No Content')
    assert world.sleeps('PUT /v1/a/c', times=3) == []


def test_one_trip_brings_what_later_filters_want():
    class Later:
        def cache_keys(self, env):
            return ['token/x']

    world = World()
    world.filtered._pipeline = [object(), world.filtered, Later()]
    before = world.cache.trips
    world.send('GET', '/v1/a/c/o')
    assert world.cache.trips == before + 1


@pytest.mark.parametrize('options', [
    {'container_ratelimit_many': '1'}, {'container_listing_ratelimit_1': 'x'},
    {'clock_accuracy': '0'}])
def test_bad_options(options):
    with pytest.raises(ConfigError):
        filter_factory({}, **options)(StubApp())


def test_info():
    filter_factory({}, account_ratelimit='2', container_ratelimit_100='3.5',
                   container_ratelimit_10='20')(StubApp())
    assert get_swift_info()['ratelimit'] == {
        'account_ratelimit': 2.0, 'max_sleep_time_seconds': 60.0,
        'container_ratelimits': [[10, 20.0], [100, 3.5]], 'container_listing_ratelimits': []}
