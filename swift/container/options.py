"""Options of the container server and the container updater. Layer 3. Source: sheet 03 §26."""
from swift.common.config.common import DatabaseServerOptions, StorageDaemonOptions
from swift.common.config.options import Bool, Float, Integer, List, Seconds


class ContainerServerOptions(DatabaseServerOptions, section='app:container-server'):
    """The container server."""

    bind_port = Integer(6201, 'Port to listen on.')
    node_timeout = Seconds(3, 'Longest wait for an account server to answer an update.')
    conn_timeout = Seconds(0.5, 'Longest wait for a connection to an account server.')
    allow_versions = Bool(False, 'Deprecated: store X-Versions-Location with containers.')
    allowed_sync_hosts = List(('127.0.0.1',), 'Hosts that X-Container-Sync-To may name by URL.')


class ContainerUpdaterOptions(StorageDaemonOptions, section='container-updater'):
    """The daemon that reports container totals to accounts."""

    interval = Seconds(300, 'Shortest time between the starts of two passes.')
    concurrency = Integer(4, 'Containers that are reported at the same time.', at_least=1)
    node_timeout = Seconds(3, 'Longest wait for an account server to answer.')
    conn_timeout = Seconds(0.5, 'Longest wait for a connection to an account server.')
    containers_per_second = Float(50, 'Most containers looked at per second; 0 = no limit.',
                                  at_least=0)
    slowdown = Float(None, 'Deprecated: seconds to sleep between containers; use '
                           'containers_per_second.')
    account_suppression_time = Seconds(60, 'After a failed report, leave containers of that '
                                           'account alone for so long.')
    report_again_interval = Seconds(86400, 'Repeat the report of each container once in so long, '
                                           'even without news, so that an account that was told '
                                           'late or in the wrong order is right again; 0 = never.')
