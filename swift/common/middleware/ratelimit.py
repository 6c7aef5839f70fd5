"""ratelimit: how often accounts and containers may be written to, over all proxies.

Layer 2, right of the cache, left of authentication. Needs memcached; without it, or when it does
not answer, there are no limits. Limits are counters that the proxies of a cluster share
(`swift.core.pacing_rates.next_turn`), so their clocks must agree.

    ratelimit/<a>                 containers made or deleted     account_ratelimit
    ratelimit/<a>/<c>             objects written or deleted     container_ratelimit_<size>
    ratelimit_listing/<a>/<c>     listings of a container        container_listing_ratelimit_<size>
    ratelimit/global-write/<a>    any write in an account        (system metadata, see below)

A request that comes too early waits; who would have to wait for longer than
max_sleep_time_seconds is sent away: 498 `Slow down`. Operators set the system metadata with an
internal client, to a rate, WHITELIST or BLACKLIST (497, after a second). Source: sheet 05 §13.1.

Cost: the account's information, which comes with the one trip to memcached that the
authentication filter would make later; a further trip for each limit that applies.
"""
from collections.abc import Callable, Iterable
from functools import cached_property

from swift.common import green
from swift.common.clock import SYSTEM, Clock
from swift.common.config.options import Float, Integer, List, Options, Prefixed, Seconds
from swift.common.errors import ConfigError, TransportError
from swift.common.info import account_info, cached_info, prefetch_early
from swift.common.log import Logger
from swift.common.registry import register_swift_info
from swift.common.sections import read_section
from swift.common.swob import Request, Response, wsgi_quote, wsgi_to_str
from swift.core.constraints import split_api_path
from swift.core.pacing_rates import RateTable, is_too_long, next_turn, ticks_per_turn

SOURCE = 'RL'
HANDLED = 'swift.ratelimit.handled'
SYSMETA = 'global-write-ratelimit'
WHITELIST, BLACKLIST = 'WHITELIST', 'BLACKLIST'
BLACKLIST_SLEEP_S = 1
WRITES = frozenset(('PUT', 'POST', 'DELETE', 'COPY'))


class RateLimitOptions(Options, section='filter:ratelimit'):
    """How often accounts and containers may be written to."""

    clock_accuracy = Integer(1000, 'Ticks per second that the proxies count in.', at_least=1)
    max_sleep_time_seconds = Seconds(60, 'Longest wait of a request; who would wait longer is '
                                         'refused with 498.')
    log_sleep_time_seconds = Seconds(0, 'Log waits that are longer; 0 = none.')
    rate_buffer_seconds = Seconds(5, 'Idle time that may be caught up on at full speed.')
    account_ratelimit = Float(0, 'Containers made or deleted per second and account; '
                                 '0 = no limit.', at_least=0)
    container_ratelimits = Prefixed(
        'container_ratelimit_', 'Objects written per second in a container of <name> or more '
                                'objects; between two sizes the rate is interpolated.')
    container_listing_ratelimits = Prefixed(
        'container_listing_ratelimit_', 'The same for listings of the container.')
    account_whitelist = List((), 'Deprecated: accounts without limits; set WHITELIST in '
                                 'X-Account-Sysmeta-Global-Write-Ratelimit instead.')
    account_blacklist = List((), 'Deprecated: accounts that are always refused; BLACKLIST there.')


class SlowDown(Exception):
    """The request would have to wait for too long."""


class RateLimit:
    """The filter; see the module docstring. `sleep` is how it waits."""

    def __init__(self, app: Callable, options: RateLimitOptions, logger: Logger, *,
                 clock: Clock = SYSTEM, sleep: Callable[[float], None] = green.sleep):
        """Raises ConfigError."""
        self.app = app
        self.logger = logger
        self.options = options
        self._clock = clock
        self._sleep = sleep
        try:
            self.tables = {name: RateTable.parse(getattr(options, f'container_{name}s'))
                           for name in ('ratelimit', 'listing_ratelimit')}
        except ValueError as problem:
            raise ConfigError(f'[filter:ratelimit]: sizes and rates are numbers: {problem}')

    @cached_property
    def _later_filters(self) -> list:
        """The elements of the pipeline that say what they will want from memcached."""
        return [element for element in getattr(self, '_pipeline', ())
                if hasattr(element, 'cache_keys')]

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        if HANDLED in env:
            return self.app(env, start_response)
        names = split_api_path(env['PATH_INFO'])
        if names is None:
            return self.app(env, start_response)
        env[HANDLED] = True
        if env.get('swift.cache') is None:
            self.logger.warning('Warning: Cannot ratelimit without a memcached client')
            return self.app(env, start_response)
        _version, account, container, obj = names
        refusal = self._refusal(env, wsgi_to_str(account), wsgi_to_str(container), obj)
        return (refusal or self.app)(env, start_response)

    def _refusal(self, env: dict, account: str, container: str | None,
                 obj: str | None) -> Response | None:
        """Wait for the request's turn; return the answer if it does not get one."""
        listed = self._listed(env, account, container)
        if listed == BLACKLIST:
            self.logger.error('Returning 497 because of blacklisting: %s', account)
            self._sleep(BLACKLIST_SLEEP_S)
            return Response(status='497 Blacklisted', request=Request(env),
                            body='Your account has been blacklisted')
        if listed == WHITELIST or (obj and env['REQUEST_METHOD'] not in WRITES):
            return None
        try:
            for key, rate in self._limits(env, account, container, obj, listed):
                self._wait(env['swift.cache'], key, rate, account)
        except SlowDown as problem:
            self.logger.error('Returning 498 for %s to %s. Ratelimit (Max Sleep) %s',
                              env['REQUEST_METHOD'], wsgi_quote(env['PATH_INFO']), problem)
            return Response(status='498 Rate Limited', request=Request(env), body='Slow down')
        return None

    def _listed(self, env: dict, account: str, container: str | None) -> str:
        """Return what the operator says of an account: a rate, a list, or nothing."""
        if account in self.options.account_blacklist:
            return BLACKLIST
        if account in self.options.account_whitelist:
            return WHITELIST
        known = prefetch_early(env, env['swift.cache'], account, container, self._later_filters)
        info = known.get('account/' + account) or account_info(env, self.app, account, SOURCE)
        return (info.get('sysmeta') or {}).get(SYSMETA) or ''

    def _limits(self, env: dict, account: str, container: str | None, obj: str | None,
                account_rate: str) -> list[tuple[str, float]]:
        """Return (counter, rate) of the limits that apply to a request."""
        method = env['REQUEST_METHOD']
        limits = []
        if container and not obj:
            if method in ('PUT', 'DELETE') and self.options.account_ratelimit:
                limits.append((f'ratelimit/{account}', self.options.account_ratelimit))
            if method == 'GET':
                limits += self._by_size(env, 'listing_ratelimit', 'ratelimit_listing', account,
                                        container)
        elif obj and method in WRITES:
            limits += self._by_size(env, 'ratelimit', 'ratelimit', account, container)
        if account_rate and method in WRITES:
            rate = _rate(account_rate)
            if rate > 0:
                limits.append((f'ratelimit/global-write/{account}', rate))
        return limits

    def _by_size(self, env: dict, table: str, key: str, account: str,
                 container: str) -> list[tuple[str, float]]:
        rates = self.tables[table]
        if not rates.points:
            return []
        info = cached_info(env, f'container/{account}/{container}', self.app, 'container')
        rate = rates.rate_at(int(info['object_count'] or 0)) if info else None
        return [(f'{key}/{account}/{container}', rate)] if rate else []

    def _wait(self, cache, key: str, rate: float, account: str) -> None:
        """Wait until a counter lets the request pass. Raises SlowDown."""
        accuracy = self.options.clock_accuracy
        try:
            wait = self._ticks_to_wait(cache, key, rate)
        except TransportError:
            return
        if wait <= 0:
            return
        wait_s = wait / accuracy
        log_above_s = self.options.log_sleep_time_seconds
        if log_above_s and wait_s > log_above_s:
            self.logger.warning('Ratelimit sleep log: %s for %s', wait_s, account)
        self._sleep(wait_s)

    def _ticks_to_wait(self, cache, key: str, rate: float) -> int:
        """Take a turn of a counter. Raises SlowDown, TransportError."""
        accuracy = self.options.clock_accuracy
        step = ticks_per_turn(rate, accuracy)
        counter = cache.incr(key, delta=step)
        now = round(self._clock.time() * accuracy)
        turn = next_turn(counter, step, now, round(self.options.rate_buffer_seconds * accuracy))
        if turn.restart_at is not None:
            cache.set(key, str(turn.restart_at), serialize=False)
            return 0
        limit = round(self.options.max_sleep_time_seconds * accuracy)
        if is_too_long(turn.wait, limit, accuracy):
            # Who is refused has not had his turn.
            cache.decr(key, delta=step)
            raise SlowDown('Max Sleep Time Exceeded: %.2f' % (turn.wait / accuracy))
        return turn.wait


def _rate(text: str) -> float:
    """Return the rate that an operator has stored, 0 for what is none."""
    try:
        return float(text)
    except ValueError:
        return 0


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#ratelimit`."""
    section = read_section(RateLimitOptions, global_conf, local_conf, 'ratelimit')
    options = section.options

    def make(app: Callable) -> RateLimit:
        filtered = RateLimit(app, options, section.logger)
        points = {name: [list(point) for point in table.points]
                  for name, table in filtered.tables.items()}
        register_swift_info(
            'ratelimit', account_ratelimit=options.account_ratelimit,
            max_sleep_time_seconds=options.max_sleep_time_seconds,
            container_ratelimits=points['ratelimit'],
            container_listing_ratelimits=points['listing_ratelimit'])
        return filtered

    return make
