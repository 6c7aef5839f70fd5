"""What can be set for the proxy server: the application's section and its per-policy sections.

Layer 3. One table of options (sheet 04 section 19, sheet 07 section 3.3). Options that may differ
per storage policy are also in PolicyOptions, which [proxy-server:policy:N] sections overlay.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from swift.common.config.common import CommonServerOptions
from swift.common.config.options import (
    AutoInt,
    Bool,
    Bytes,
    Choice,
    Integer,
    List,
    Multiple,
    Option,
    Options,
    Percent,
    ReplicaCount,
    Seconds,
    Text,
    known_everywhere,
    warn_unless,
)
from swift.core.affinity import parse_read_affinity, parse_write_affinity
from swift.core.headers import OWNER_HEADERS_DEFAULT

SECONDS_PER_DAY = 86400


class ReadAffinity(Option):
    """`r1z1=100, r2=200`; the value is the text, checked."""

    kind = 'affinity'

    def parse(self, text: str) -> str:
        parse_read_affinity(text)
        return text


class WriteAffinity(Option):
    """`r1, r2z1`; the value is the text, checked."""

    kind = 'affinity'

    def parse(self, text: str) -> str:
        parse_write_affinity(text)
        return text


class PolicyOptions(Options, section='proxy-server:policy:N'):
    """What one storage policy may have of its own; names as in the application's section."""

    sorting_method = Choice('shuffle', 'timing', 'affinity',
                            wrong='Invalid sorting_method value;',
                            doc='Order in which replicas are tried: random, fastest first, or '
                                'by read_affinity.')
    read_affinity = ReadAffinity(
        '', 'Nearness of regions and zones for reads, as in "r1z1=100, r1=200": lowest number '
            'first. Needs sorting_method = affinity.')
    write_affinity = WriteAffinity(
        '', 'Regions and zones that get new objects first, as in "r1, r2z1"; replication moves '
            'them to their places later.')
    write_affinity_node_count = ReplicaCount(
        Multiple(2, True), 'How many local nodes are tried before others when writing.')
    write_affinity_handoff_delete_count = AutoInt(
        None, 'How many local handoffs a DELETE asks besides the primaries; auto = as many as '
              'primaries are remote.')
    rebalance_missing_suppression_count = Integer(
        1, 'So many primaries that know nothing of an object are ignored in a read, because a '
           'rebalance may just have given them the partition.', at_least=0)
    concurrent_gets = Bool(False, 'Ask another replica when one is slow, and use the first '
                                  'answer.')
    concurrency_timeout = Seconds(same_as='conn_timeout',
                                  doc='How long one replica may be silent before the next one '
                                      'is asked, with concurrent_gets.')
    concurrent_ec_extra_requests = Integer(
        0, 'Erasure coding: so many fragments more than needed are asked for at once.',
        at_least=0)
    conn_timeout = Seconds(0.5, 'Time allowed to open a connection to a storage node.')

    rules = (warn_unless(
        lambda o: not o.read_affinity or o.sorting_method == 'affinity',
        'sorting_method is not affinity, so read_affinity has no effect'),)


class ProxyOptions(CommonServerOptions, PolicyOptions, section='app:proxy-server'):
    """Everything in [app:proxy-server] and what it takes from [DEFAULT]."""

    log_handoffs = Bool(True, 'Log when a node beyond the expected ones has to be used.')
    trans_id_suffix = Text('', 'Appended to transaction ids, for instance a site name.')
    expose_info = Bool(True, 'Answer /info.')
    admin_key = Text('', 'Key that signs requests for the administrator part of /info.')
    disallowed_sections = List('swift.auto_create_account_prefix, swift.valid_api_versions',
                               'Dotted paths that are left out of /info.')
    cors_allow_origin = List((), 'Origins that every container allows besides its own.')
    cors_expose_headers = List((), 'Response headers that browsers may show to scripts, besides '
                                   'the usual ones.')
    strict_cors_mode = Bool(True, 'Answers to origins that are not allowed carry no CORS '
                                  'headers.')
    node_timeout = Seconds(10, 'Longest silence allowed from a storage node.')
    recoverable_node_timeout = Seconds(
        same_as='node_timeout', doc='The same for object reads, which can move to another node.')
    post_quorum_timeout = Seconds(0.5, 'How long to wait for the rest when a quorum of nodes '
                                       'has answered.')
    object_chunk_size = Bytes(65536, 'Unit in which bodies are read from storage nodes.',
                              at_least=1)
    client_chunk_size = Bytes(65536, 'Unit in which bodies are read from clients.', at_least=1)
    error_suppression_interval = Seconds(60, 'A node with too many errors is left alone until '
                                             'this long after the last one; 0 = never.')
    error_suppression_limit = Integer(10, 'Errors that are too many.', at_least=0)
    recheck_account_existence = Seconds(60, 'How long account information is cached.')
    recheck_container_existence = Seconds(60, 'How long container information is cached.')
    recheck_updating_shard_ranges = Seconds(3600, 'How long the shards that take object updates '
                                                  'are cached; 0 = not at all.')
    recheck_listing_shard_ranges = Seconds(600, 'How long the shards that make up a listing are '
                                                'cached; 0 = not at all.')
    account_existence_skip_cache_pct = Percent(0, 'Share of account lookups that go to the '
                                                  'servers even when cached.')
    container_existence_skip_cache_pct = Percent(0, 'Share of container lookups that go to the '
                                                    'servers even when cached.')
    container_updating_shard_ranges_skip_cache_pct = Percent(
        0, 'Share of lookups of updating shards that are not answered from the cache.')
    container_listing_shard_ranges_skip_cache_pct = Percent(
        0, 'Share of lookups of listing shards that are not answered from the cache.')
    namespace_cache_tokens_per_session = Integer(
        3, 'How many requests at once may fetch a missing list of updating shards; 0 = all.',
        at_least=0)
    namespace_avg_backend_fetch_time = Seconds(0.3, 'Usual time of such a fetch.')
    allow_account_management = Bool(False, 'Accept PUT and DELETE of accounts.')
    account_autocreate = Bool(False, 'Create accounts on first use.')
    max_containers_per_account = Integer(0, 'Limit of containers in one account (approximate); '
                                            '0 = none.', at_least=0)
    max_containers_whitelist = List((), 'Accounts without that limit.')
    deny_host_headers = List((), 'Requests with these Host headers are refused.')
    timing_expiry = Seconds(300, 'How long a measured node speed counts, with sorting_method = '
                                 'timing.')
    request_node_count = ReplicaCount(Multiple(2, True), 'How many nodes a request tries at '
                                                         'most.')
    swift_owner_headers = List(OWNER_HEADERS_DEFAULT,
                               'Headers that only owners of the account see and set.')
    allow_open_expired = Bool(False, 'Let X-Open-Expired requests read expired objects that are '
                                     'still on disk.')
    write_legacy_ec_crc = Bool(None, 'Write fragments that very old versions of liberasurecode '
                                     'can read.')
    expiring_objects_account_name = Text('expiring_objects', 'Deprecated. Account of the queue '
                                         'of expiring objects, without its dot.')
    expiring_objects_container_divisor = Integer(
        SECONDS_PER_DAY, 'Deprecated. Seconds of expiry times that share one queue container.',
        at_least=101)

    rules = (
        warn_unless(lambda o: o.conn_timeout <= o.node_timeout,
                    'conn_timeout above node_timeout: a dead node is noticed late'),
    )


known_everywhere(*(option.name for option in ProxyOptions.describe()
                   if option.name.startswith(('cors_', 'strict_cors'))))


@dataclass(frozen=True, slots=True)
class PolicySection:
    """A [proxy-server:policy:N] section as found in the file."""

    index: int
    conf: Mapping[str, str]


def policy_options(base: ProxyOptions, conf: Mapping[str, str], source: str = '') -> PolicyOptions:
    """Return the options of one policy: what its section sets, the rest as in `base`."""
    parsed = PolicyOptions.parse(dict(conf), source)
    changes = {}
    for attribute, option in PolicyOptions.table.items():
        if not any(name in conf for name in (option.name, *option.aliases)):
            changes[attribute] = getattr(base, attribute)
    if 'conn_timeout' in conf and 'concurrency_timeout' not in conf:
        changes['concurrency_timeout'] = base.concurrency_timeout
    return parsed.replace(**changes)
