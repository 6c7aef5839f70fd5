"""The configuration files of an all-in-one cluster, as text (layer 4, pure).

Same shape as a hand-made /etc/swift, so that everything learnt here holds in production:
one file per storage node and service, read by servers and daemons alike.
"""
import getpass

from swift.cli.saio import rsyncd
from swift.cli.saio.layout import USERS, Layout

PIPELINE = ('catch_errors gatekeeper healthcheck proxy-logging cache etag-quoter listing_formats '
            'bulk tempurl ratelimit crossdomain container_sync tempauth staticweb copy '
            'container-quotas account-quotas slo dlo versioned_writes symlink proxy-logging '
            'proxy-server')

# Daemons look around often, so that a developer sees the effect of what he does.
DAEMONS = {
    'object': {'object-replicator': {'interval': 30, 'concurrency': 1},
               'object-updater': {'interval': 10, 'concurrency': 1},
               'object-expirer': {'interval': 10}, 'object-auditor': {'interval': 60}},
    'container': {'container-replicator': {'interval': 30},
                  'container-updater': {'interval': 10, 'concurrency': 1},
                  'container-auditor': {'interval': 60}, 'container-sync': {'interval': 10}},
    'account': {'account-replicator': {'interval': 30},
                'account-reaper': {'interval': 10, 'concurrency': 4},
                'account-auditor': {'interval': 60}},
}
DAEMON_NICENESS = 15
# One expirer is enough for all nodes.
ON_FIRST_NODE = ('object-expirer',)
# Configured on every node, started on the first one only, to save memory: containers with a replica
# there are served. `swift-init container-sync start` serves the others too.
STARTED_ON_FIRST_NODE = ('container-sync',)
CLIENT_PIPELINE = 'catch_errors proxy-logging cache proxy-server'
LINKED_CLIENT_PIPELINE = 'catch_errors proxy-logging cache symlink proxy-server'
REALM, REALM_CLUSTER = 'saio', 'saio_endpoint'


def all_files(layout: Layout) -> dict[str, str]:
    """Map file names below etc/ to their text."""
    files = {'swift.conf': swift_conf(layout), 'proxy-server.conf': proxy_conf(layout),
             'test.conf': test_conf(layout), 'dispersion.conf': dispersion_conf(layout),
             'rsyncd.conf': rsyncd.config(layout),
             'internal-client.conf': client_conf(layout, 'internal-client',
                                                 names=LINKED_CLIENT_PIPELINE),
             'container-sync-realms.conf': realms_conf(layout),
             'container-reconciler.conf': client_conf(
                 layout, 'reconciler', section('container-reconciler', {'interval': 10}))}
    for kind in DAEMONS:
        for node in layout.node_numbers:
            files[f'{kind}-server/{node}.conf'] = storage_conf(layout, kind, node)
    return files


def section(name: str, options: dict) -> str:
    return f'[{name}]\n' + ''.join(f'{key} = {value}\n' for key, value in options.items()) + '\n'


def swift_conf(layout: Layout) -> str:
    text = section('swift-hash', {'swift_hash_path_prefix': 'changeme',
                                  'swift_hash_path_suffix': 'changeme'})
    for policy in layout.policies:
        options = {'name': policy.name, 'policy_type': 'replication'}
        if policy.index == 0:
            options['default'] = 'yes'
        text += section(f'storage-policy:{policy.index}', options)
    return text


def common_options(layout: Layout, log_name: str) -> dict:
    return {'user': getpass.getuser(), 'swift_dir': layout.etc,
            'log_file': f'{layout.log}/{log_name}.log'}


def proxy_conf(layout: Layout) -> str:
    text = section('DEFAULT', {'bind_ip': '127.0.0.1', 'bind_port': layout.port,
                               'workers': layout.workers, **common_options(layout, 'proxy')})
    return text + pipeline(layout, PIPELINE)


def client_conf(layout: Layout, log_name: str, daemon: str = '',
                names: str = CLIENT_PIPELINE) -> str:
    """Return the pipeline of a client inside a daemon, and the daemon's own section."""
    text = section('DEFAULT', {'recon_cache_path': layout.cache(1),
                               **common_options(layout, log_name)})
    return text + daemon + pipeline(layout, names)


def realms_conf(layout: Layout) -> str:
    """Return a realm whose only cluster is this one: containers synchronise with each other."""
    return section(REALM, {'key': 'changeme', 'key2': 'changeme',
                           f'cluster_{REALM_CLUSTER}': f'http://127.0.0.1:{layout.port}/v1/'})


def pipeline(layout: Layout, names: str) -> str:
    text = section('pipeline:main', {'pipeline': names})
    for name in dict.fromkeys(names.split()[:-1]):
        text += section(f'filter:{name}', {'use': f'egg:swift#{entry_point(name)}',
                                           **filter_options(layout, name)})
    return text + section('app:proxy-server', {
        'use': 'egg:swift#proxy', 'account_autocreate': 'true', 'allow_account_management': 'true'})


def entry_point(name: str) -> str:
    """Return the entry point of a filter that is called `name` in pipelines."""
    return 'memcache' if name == 'cache' else name.replace('-', '_')


def filter_options(layout: Layout, name: str) -> dict:
    if name == 'cache':
        return {'memcache_servers': f'127.0.0.1:{layout.memcache_port}',
                'memcache_max_connections': 32}
    if name == 'container_sync':
        return {'current': f'//{REALM}/{REALM_CLUSTER}'}
    if name == 'tempauth':
        return {f'user_{user.account}_{user.name}': f'{user.key} {user.groups}'.strip()
                for user in USERS}
    if name == 'versioned_writes':
        return {'allow_versioned_writes': 'true', 'allow_object_versioning': 'true'}
    return {}


def storage_conf(layout: Layout, kind: str, node: int) -> str:
    text = section('DEFAULT', {
        'devices': layout.devices_root(node), 'mount_check': 'false', 'disable_fallocate': 'true',
        'bind_ip': layout.ip(node), 'bind_port': layout.port_of(kind, node), 'workers': 1,
        'recon_cache_path': layout.cache(node), **common_options(layout, f'{kind}{node}')})
    text += section('pipeline:main', {'pipeline': f'healthcheck recon {kind}-server'})
    more = {'splice': 'yes'} if kind == 'object' else {}
    text += section(f'app:{kind}-server', {'use': f'egg:swift#{kind}', **more})
    text += section('filter:healthcheck', {'use': 'egg:swift#healthcheck'})
    text += section('filter:recon', {'use': 'egg:swift#recon'})
    for daemon, options in DAEMONS[kind].items():
        # What can wait takes the time that nobody else wants.
        options = {**options, 'nice_priority': DAEMON_NICENESS}
        if node == 1 or daemon not in ON_FIRST_NODE:
            text += section(daemon, {**options, **located_options(layout, daemon)})
    return text


def located_options(layout: Layout, daemon: str) -> dict:
    if daemon == 'object-expirer':
        return {'dequeue_from_legacy': 'true',
                'internal_client_conf_path': f'{layout.etc}/internal-client.conf'}
    if daemon == 'container-sync':
        return {'internal_client_conf_path': f'{layout.etc}/internal-client.conf'}
    if daemon.endswith('-replicator'):
        return {'rsync_module': rsyncd.module_template(layout, daemon.partition('-')[0])}
    return {}


def test_conf(layout: Layout) -> str:
    return section('func_test', {
        'auth_uri': layout.auth_url, 'auth_version': 1,
        'account': 'test', 'username': 'tester', 'password': 'testing',
        'account2': 'test2', 'username2': 'tester2', 'password2': 'testing2',
        'username3': 'tester3', 'password3': 'testing3',
        'account5': 'test5', 'username5': 'tester5', 'password5': 'testing5',
        'account6': 'admin', 'username6': 'admin', 'password6': 'admin'}) + section(
        'probe_test', {'proxy_base_url': layout.endpoint})


def dispersion_conf(layout: Layout) -> str:
    return section('dispersion', {'auth_url': layout.auth_url, 'auth_user': 'admin:admin',
                                  'auth_key': 'admin'})
