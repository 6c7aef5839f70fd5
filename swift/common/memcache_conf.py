"""From configuration to a cache client: the options, and which file they come from.

Layer 1. The cache filter and the daemons that share its servers call `load_memcache`.
Options stand in the filter's section or in `<swift_dir>/memcache.conf`, section [memcache].
That file is read only while the filter's section lacks the servers or a positive number of
connections; then its values are the base and the section's win, option by option.
Source: sheet 04 section 15.4, sheet 05 section 7.
"""
import os
import ssl
from collections.abc import Mapping

from swift.common.config.options import Bool, Integer, List, Options, Seconds, Text, refuse_unless
from swift.common.config.parser import read_plain
from swift.common.errors import ConfigError
from swift.common.log import get_logger
from swift.common.memcached import MemcacheRing, MemcacheSettings, parse_server
from swift.common.metrics import Statsd
from swift.common.places import config_root

CONNECTIONS_NAMES = ('memcache_max_connections', 'max_connections')


class MemcacheOptions(Options, section='filter:cache'):
    """The servers that keep tokens and account and container information for all proxies."""

    memcache_servers = List('127.0.0.1:11211', 'Servers, as host, host:port or [IPv6]:port. '
                                               'All proxies must list the same ones.')
    memcache_max_connections = Integer(2, 'Connections to each server from each worker.',
                                       at_least=1, aliases=('max_connections',))
    connect_timeout = Seconds(0.3, 'Time allowed to open a connection.')
    pool_timeout = Seconds(1.0, 'Longest wait for one of the connections to be free.')
    io_timeout = Seconds(2.0, 'Longest wait for the answer to a command.')
    tries = Integer(3, 'Servers asked, one after the other, when servers fail.', at_least=1)
    error_suppression_interval = Seconds(
        60.0, 'A server with too many errors is left alone for this long; 0 = never.')
    error_suppression_limit = Integer(
        10, 'More errors than this within the interval are too many.', at_least=0)
    tls_enabled = Bool(False, 'Talk TLS to the servers.')
    tls_cafile = Text('', 'Certificates that the servers are checked against.')
    tls_certfile = Text('', 'Our certificate, if the servers ask for one.')
    tls_keyfile = Text('', 'Key of tls_certfile.')
    item_size_warning_threshold = Integer(
        -1, 'Log a warning for each value of at least this many bytes; -1 = never.', at_least=-1)

    rules = (refuse_unless(lambda options: _server_problem(options) is None,
                           'memcache_servers: each must be host, host:port or [IPv6]:port'),)


def _server_problem(options: MemcacheOptions) -> str | None:
    try:
        for server in options.memcache_servers:
            parse_server(server)
    except ValueError as problem:
        return str(problem)
    return None


def memcache_section(conf: Mapping[str, str]) -> dict[str, str]:
    """Return the filter's section, completed from memcache.conf where that rule says so."""
    section = dict(conf)
    if section.get('memcache_servers') and _has_connections(section):
        return section
    path = os.path.join(config_root(conf.get('swift_dir')), 'memcache.conf')
    base = read_plain(path).get('memcache', {}) if os.path.isfile(path) else {}
    # Two names of one option: the section's spelling must not leave the file's one behind.
    if any(section.get(name) for name in CONNECTIONS_NAMES):
        base = {name: value for name, value in base.items() if name not in CONNECTIONS_NAMES}
    # Compat: an empty value in the section counts as not given.
    ours = {option.name for option in MemcacheOptions.describe()}.union(CONNECTIONS_NAMES)
    return {**base, **{name: value for name, value in section.items()
                       if value != '' or name not in ours}}


def _has_connections(section: Mapping[str, str]) -> bool:
    for name in CONNECTIONS_NAMES:
        text = section.get(name, '').strip()
        if text:
            return text.isdigit() and int(text) > 0
    return False


def load_memcache(conf: Mapping[str, str], logger=None) -> MemcacheRing:
    """Return the client that a filter's or daemon's section describes; connects to nothing yet.

    Raises ConfigError.
    """
    options = MemcacheOptions.parse(memcache_section(conf), source=conf.get('__file__', ''))
    logger = logger or get_logger(conf, 'swift', 'memcache')
    options.report_to(logger)
    settings = MemcacheSettings(
        max_connections=options.memcache_max_connections,
        connect_timeout_s=options.connect_timeout,
        pool_timeout_s=options.pool_timeout,
        io_timeout_s=options.io_timeout,
        tries=options.tries,
        error_limit=options.error_suppression_limit,
        error_interval_s=options.error_suppression_interval,
        item_size_warning_threshold=options.item_size_warning_threshold,
        tls_context=_tls_context(options) if options.tls_enabled else None)
    metrics = Statsd.from_options(conf, tail=conf.get('log_name') or 'swift', logger=logger)
    return MemcacheRing(options.memcache_servers, settings, logger=logger,
                        metrics=metrics if metrics.enabled else None)


def _tls_context(options: MemcacheOptions) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.tls_cafile or None)
        if options.tls_certfile:
            context.load_cert_chain(options.tls_certfile, options.tls_keyfile or None)
    except (OSError, ssl.SSLError) as problem:
        raise ConfigError(f'memcache TLS files cannot be used: {problem}') from problem
    return context
