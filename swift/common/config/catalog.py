"""All configuration files and the option tables behind their sections.

Layer 1, data. Tables are named as `module:Class` and imported only when somebody asks, because
they live in the modules they belong to, servers and filters included. Samples, the reference
and swift-config work from this list; a test demands that every table in it exists and that no
table of the tree is missing from it.
"""
import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from swift.common.config.options import Options

COMMON = 'swift.common.config.common:'
CLUSTER = 'swift.common.config.cluster_options:'
FILTERS = 'swift.common.middleware.'
# Tables that other tables include; their options are described once.
SHARED = (
    ('Logging', COMMON + 'LogOptions'),
    ('Metrics', COMMON + 'StatsdOptions'),
    ('Every server and daemon', COMMON + 'CommonOptions'),
    ('Every server', COMMON + 'CommonServerOptions'),
    ('Account, container and object servers', COMMON + 'StorageServerOptions'),
    ('Account and container servers', COMMON + 'DatabaseServerOptions'),
)
OBJECT_ONLY = ('servers_per_port', 'ring_ip', 'ring_check_interval')
PROXY_ONLY = ('require_proxy_protocol',)


@dataclass(frozen=True)
class Section:
    """One section of a sample: its name, its table if it has options, its fixed lines.

    A section that would not work everywhere is commented out as a whole.
    """

    name: str
    table: str = ''
    lines: tuple[str, ...] = ()
    note: str = ''
    commented: bool = False


@dataclass(frozen=True)
class Sample:
    """One sample file: what is in [DEFAULT], then the sections in order."""

    name: str
    about: str
    defaults: str = ''
    bind_port: int = 0
    omitted: tuple[str, ...] = ()
    sections: tuple[Section, ...] = field(default_factory=tuple)


def _use(name: str) -> tuple[str, ...]:
    return ('use = egg:swift#' + name,)


def _filter(name: str, table: str, entry_point: str = '', *lines: str) -> Section:
    return Section('filter:' + name, FILTERS + table if table else '',
                   _use(entry_point or name) + lines)


HEALTHCHECK = _filter('healthcheck', 'healthcheck:HealthCheckOptions')
CACHE = Section('filter:cache', 'swift.common.memcache_conf:MemcacheOptions', _use('memcache'))
RECON = _filter('recon', 'recon:ReconOptions')
BACKEND_RATELIMIT = _filter('backend_ratelimit', 'backend_ratelimit:BackendRateLimitOptions')
XPROFILE = _filter('xprofile', 'xprofile:XProfileOptions')
LOGGING = _filter('proxy-logging', 'proxy_logging:ProxyLoggingOptions', 'proxy_logging')
CATCH_ERRORS = _filter('catch_errors', 'catch_errors:CatchErrorsOptions')
# Of another project, so without a table: what it needs at least.
AUTHTOKEN = Section('filter:authtoken', '', (
    'paste.filter_factory = keystonemiddleware.auth_token:filter_factory',
    'www_authenticate_uri = http://keystone.example.com:5000',
    'auth_url = http://keystone.example.com:5000', 'auth_type = password',
    'project_domain_id = default', 'user_domain_id = default', 'project_name = service',
    'username = swift', 'password = secret', 'delay_auth_decision = True',
    'cache = swift.cache', 'include_service_catalog = False'),
    'For pipelines with keystoneauth: ... ratelimit authtoken keystoneauth copy ...',
    commented=True)
TEMPAUTH_USERS = (
    'user_admin_admin = admin .admin .reseller_admin',
    'user_admin_auditor = admin_ro .reseller_reader',
    'user_test_tester = testing .admin',
    'user_test_tester2 = testing2 .admin',
    'user_test_tester3 = testing3',
    'user_test2_tester2 = testing2 .admin',
    'user_test5_tester5 = testing5 service',
)


def _storage_head(kind: str, table: str) -> tuple[Section, ...]:
    return (Section('pipeline:main', lines=(
                'pipeline = healthcheck recon backend_ratelimit %s-server' % kind,)),
            Section('app:%s-server' % kind, table, _use(kind)), HEALTHCHECK, RECON,
            BACKEND_RATELIMIT)


EXPIRER = 'swift.obj.expirer:ObjectExpirerOptions'
SYMLINK = _filter('symlink', 'symlink:SymlinkOptions')
_CLIENT = (
    Section('app:proxy-server', '', (*_use('proxy'), 'account_autocreate = true',
                                     'allow_account_management = true')),
    Section('filter:catch_errors', '', _use('catch_errors')),
    Section('filter:proxy-logging', '', _use('proxy_logging')),
    Section('filter:cache', '', _use('memcache')))
CLIENT_PIPELINE = (
    Section('pipeline:main', lines=('pipeline = catch_errors proxy-logging cache proxy-server',)),
    *_CLIENT)
# For daemons that should see what clients see; others want links as they are.
LINKED_CLIENT_PIPELINE = (
    Section('pipeline:main',
            lines=('pipeline = catch_errors proxy-logging cache symlink proxy-server',)),
    *_CLIENT, SYMLINK)


SAMPLES = (
    Sample('swift.conf', 'What all nodes of a cluster must have in common.', sections=(
        Section('swift-hash', CLUSTER + 'HashOptions', (
            'swift_hash_path_suffix = changeme', 'swift_hash_path_prefix = changeme'),
            'Choose secrets of your own before the first start and never change them.'),
        Section('storage-policy:0', CLUSTER + 'StoragePolicyOptions', (
            'name = Policy-0', 'default = yes', 'aliases = yellow, orange')),
        Section('swift-constraints', CLUSTER + 'ConstraintOptions'))),
    Sample('proxy-server.conf', 'Proxy server: the public API.',
           COMMON + 'CommonServerOptions', 8080, OBJECT_ONLY, (
               Section('pipeline:main', lines=(
                   'pipeline = catch_errors gatekeeper healthcheck proxy-logging cache '
                   'listing_formats bulk tempurl ratelimit container_sync tempauth staticweb copy '
                   'container-quotas account-quotas slo dlo versioned_writes symlink '
                   'proxy-logging proxy-server',)),
               Section('app:proxy-server', 'swift.proxy.options:ProxyOptions', _use('proxy')),
               Section('proxy-server:policy:1', 'swift.proxy.options:PolicyOptions',
                       note='One such section per storage policy that differs. Here [DEFAULT] '
                            'does not win.', commented=True),
               CATCH_ERRORS,
               _filter('gatekeeper', 'gatekeeper:GatekeeperOptions'),
               HEALTHCHECK, LOGGING, CACHE,
               _filter('etag-quoter', 'etag_quoter:EtagQuoterOptions', 'etag_quoter'),
               _filter('cname_lookup', 'cname_lookup:CnameLookupOptions'),
               _filter('domain_remap', 'domain_remap:DomainRemapOptions'),
               _filter('listing_formats', ''),
               _filter('name_check', 'name_check:NameCheckOptions'),
               _filter('bulk', 'bulk:BulkOptions'),
               _filter('tempurl', 'tempurl:TempUrlOptions'),
               _filter('ratelimit', 'ratelimit:RateLimitOptions'),
               _filter('read_only', 'read_only:ReadOnlyOptions'),
               _filter('crossdomain', 'crossdomain:CrossDomainOptions'),
               _filter('container_sync', 'container_sync:ContainerSyncOptions'),
               _filter('formpost', 'formpost:FormPostOptions'),
               _filter('tempauth', 'tempauth:TempAuthOptions', '', *TEMPAUTH_USERS),
               AUTHTOKEN,
               _filter('keystoneauth', 'keystoneauth:KeystoneAuthOptions'),
               _filter('staticweb', 'staticweb:StaticWebOptions'),
               _filter('copy', 'copy:CopyOptions'),
               _filter('container-quotas', '', 'container_quotas'),
               _filter('account-quotas', '', 'account_quotas'),
               _filter('slo', 'slo:SloOptions'),
               _filter('dlo', 'dlo:DloOptions'),
               _filter('versioned_writes', 'versioned_writes:VersionedWritesOptions'),
               SYMLINK,
               _filter('list-endpoints', 'list_endpoints:ListEndpointsOptions',
                       'list_endpoints'), XPROFILE)),
    Sample('account-server.conf', 'Account server and its daemons.',
           COMMON + 'DatabaseServerOptions', 6202, OBJECT_ONLY + PROXY_ONLY,
           (*_storage_head('account', 'swift.account.options:AccountServerOptions'),
            Section('account-replicator', 'swift.account.replicator:AccountReplicatorOptions'),
            Section('account-reaper', 'swift.account.reaper:AccountReaperOptions'),
            Section('account-auditor', 'swift.account.auditor:AccountAuditorOptions'),
            XPROFILE)),
    Sample('container-server.conf', 'Container server and its daemons.',
           COMMON + 'DatabaseServerOptions', 6201, OBJECT_ONLY + PROXY_ONLY,
           (*_storage_head('container', 'swift.container.options:ContainerServerOptions'),
            Section('container-replicator',
                    'swift.container.replicator:ContainerReplicatorOptions'),
            Section('container-updater', 'swift.container.options:ContainerUpdaterOptions'),
            Section('container-auditor', 'swift.container.auditor:ContainerAuditorOptions'),
            Section('container-sync', 'swift.container.sync:ContainerSyncOptions'),
            XPROFILE)),
    Sample('object-server.conf', 'Object server and its daemons.',
           COMMON + 'StorageServerOptions', 6200, PROXY_ONLY,
           (*_storage_head('object', 'swift.obj.options:ObjectServerOptions'),
            Section('object-replicator', 'swift.obj.replicator:ObjectReplicatorOptions'),
            Section('object-updater', 'swift.obj.updater:ObjectUpdaterOptions'),
            Section('object-auditor', 'swift.obj.auditor:ObjectAuditorOptions'),
            Section('object-auditor:watcher:swift#dark_data',
                    'swift.obj.watchers.dark_data:DarkDataOptions'),
            Section('object-expirer', EXPIRER), XPROFILE)),
    Sample('object-expirer.conf', 'Deprecated: the object-expirer with a file of its own; '
                                  'put [object-expirer] into object-server.conf instead.',
           COMMON + 'CommonOptions', sections=(
               Section('object-expirer', EXPIRER), *CLIENT_PIPELINE)),
    Sample('container-reconciler.conf', 'Container reconciler and its pipeline. Never add '
                                        'encryption or gatekeeper.',
           COMMON + 'CommonOptions', sections=(
               Section('container-reconciler',
                       'swift.container.reconciler:ContainerReconcilerOptions'),
               *CLIENT_PIPELINE)),
    Sample('drive-audit.conf', 'swift-drive-audit, which root runs from cron.',
           sections=(Section('drive-audit', 'swift.cli.drive_audit:DriveAuditOptions'),)),
    Sample('memcache.conf', 'Cache servers, for all filters and daemons that name none.',
           sections=(Section('memcache', 'swift.common.memcache_conf:MemcacheOptions'),)),
    Sample('dispersion.conf', 'swift-dispersion-populate and swift-dispersion-report.',
           sections=(Section('dispersion', 'swift.cli.dispersion.options:DispersionOptions', (
               'auth_url = http://localhost:8080/auth/v1.0', 'auth_user = test:tester',
               'auth_key = testing')),)),
    Sample('backend-ratelimit.conf', 'Rates of storage servers, read again while they run; '
                                     'stronger than [filter:backend_ratelimit].',
           sections=(Section('backend_ratelimit', FILTERS + 'backend_ratelimit:BackendRates'),)),
    Sample('container-sync-realms.conf', 'Realms: clusters that synchronise containers with each '
                                         'other.',
           'swift.common.sync_realms:RealmsDefaults', sections=(
               Section('realm1', 'swift.common.sync_realms:RealmOptions', (
                   'key = realm1key', 'key2 = realm1key2',
                   'cluster_clustername1 = https://host1/v1/',
                   'cluster_clustername2 = https://host2/v1/'), commented=True),)),
    Sample('internal-client.conf', 'Pipeline of clients inside daemons. Never add gatekeeper.',
           sections=LINKED_CLIENT_PIPELINE),
)


def load(path: str) -> type[Options]:
    """Return the table named `module:Class`. Raises ImportError or AttributeError."""
    module, _colon, name = path.partition(':')
    table = getattr(importlib.import_module(module), name)
    assert issubclass(table, Options), path
    return table


def tables() -> Iterator[tuple[str, str]]:
    """Yield (section name, table) of every section with options, once each."""
    seen = set()
    for sample in SAMPLES:
        for section in sample.sections:
            if section.table and section.table not in seen:
                seen.add(section.table)
                yield section.name, section.table


def find(section: str) -> type[Options] | None:
    """Return the table for a section of a configuration; None for sections we do not know."""
    for name, path in tables():
        same_family = ':policy:' in section or section.startswith('storage-policy:')
        if name == section or (same_family and name.rpartition(':')[0]
                               == section.rpartition(':')[0]):
            return load(path)
    return None
