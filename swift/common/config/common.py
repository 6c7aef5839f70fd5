"""Options that several services share: process, logging, metrics, listening, storage, daemons.

Layer 1. Services subclass these tables, so that a shared option has one default and one text.
Classes marked `shared` are what operators write in [DEFAULT].

    CommonOptions ── CommonServerOptions ── StorageServerOptions
             └────── DaemonOptions ──────── StorageDaemonOptions

Source: sheet 07 sections 3.1, 3.2, 17.1, 18.1.
"""
import os
from collections.abc import Mapping

from swift.common.config.options import (
    AutoInt,
    Bool,
    Choice,
    Float,
    Integer,
    List,
    Options,
    Prefixed,
    Reserve,
    ReserveSize,
    Seconds,
    Text,
    known_everywhere,
    warn_unless,
)
from swift.common.places import DEFAULT_SWIFT_DIR, config_root


def cpu_count() -> int:
    """Return the processors this process may use."""
    return len(os.sched_getaffinity(0)) or 1


class SwiftDir(Text):
    """A configuration root; absent, it is the one of the environment."""

    def absent(self, conf: Mapping[str, str]) -> str:
        return config_root()


class LogOptions(Options, shared=True):
    """Where and how log lines go."""

    log_name = Text('', 'Start of each log line and of each metric name. Default: the name of '
                        'the section. Setting it in [DEFAULT] renames every process.')
    log_facility = Text('LOG_LOCAL0', 'Syslog facility; an unknown name means LOG_LOCAL0.')
    log_level = Text('INFO', 'DEBUG, INFO, NOTICE, WARNING, ERROR or CRITICAL.')
    log_address = Text('/dev/log', 'Unix socket of the syslog daemon. When it is missing, lines '
                                   'go to UDP port 514 on localhost.')
    log_udp_host = Text('', 'Send log lines by UDP to this host instead of log_address.')
    log_udp_port = Integer(514, 'UDP port of log_udp_host.', at_least=1, at_most=65535)
    log_file = Text('', 'Append log lines to this file instead of sending them to syslog. It may '
                        'be rotated by renaming and be shared by processes.')
    log_max_line_length = Integer(0, 'Longer lines lose their middle part; 0 = no limit.',
                                  at_least=0)
    log_custom_handlers = List((), 'Functions module.function that get the chance to add '
                                   'handlers to each logger.')


class StatsdOptions(Options, shared=True):
    """Where metrics go."""

    log_statsd_host = Text('', 'Host that receives StatsD metrics; none are sent without it.')
    log_statsd_port = Integer(8125, 'UDP port of log_statsd_host.', at_least=1, at_most=65535)
    log_statsd_default_sample_rate = Float(1.0, 'Share of events reported where the code gives '
                                                'no rate.', at_least=0, at_most=1)
    log_statsd_sample_rate_factor = Float(1.0, 'Multiplied with every sample rate; lower it '
                                               'for high traffic.', at_least=0, at_most=1)
    log_statsd_metric_prefix = Text('', 'Put before every metric name, for instance the host.')
    statsd_emit_legacy = Bool(True, 'Send the metrics with dotted names.')
    statsd_label_mode = Choice('disabled', 'dogstatsd', 'graphite', 'influxdb', 'librato',
                               doc='Dialect in which labelled metrics are sent too.')
    statsd_user_labels = Prefixed('statsd_user_label_', 'Constant label user_<name> on every '
                                                        'labelled metric.')


class CommonOptions(LogOptions, StatsdOptions, shared=True):
    """What every server and daemon understands."""

    user = Text('swift', 'User to run as. Privileges are dropped only when started as root.')
    swift_dir = SwiftDir(DEFAULT_SWIFT_DIR, 'Directory of swift.conf, rings and shared files; '
                                            'without it that of the environment variable '
                                            'SWIFT_DIR.')
    nice_priority = Integer(None, 'CPU scheduling priority, -20 (most favourable) to 19.',
                            at_least=-20, at_most=19)
    cpu_scheduling = Choice('batch', 'normal', doc=(
        'batch: a process that is woken waits for the one that is running to pause, so that '
        'bursts of work are not cut to pieces (SCHED_BATCH); normal: as the system does it.'))
    ionice_class = Text('', 'I/O scheduling class: IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or '
                            'IOPRIO_CLASS_IDLE.')
    ionice_priority = Integer(0, 'Priority within ionice_class, 0 (highest) to 7.',
                              at_least=0, at_most=7)
    disable_fallocate = Bool(False, 'Do not preallocate space and do not check the reserve '
                                    'when a file is created.')
    fallocate_reserve = ReserveSize(Reserve(1.0, percent=True),
                                    'Space that must stay free on each device, in bytes or, '
                                    'ending with %, as a share of the file system.')


class CommonServerOptions(CommonOptions, shared=True):
    """What every listening server understands."""

    bind_ip = Text('0.0.0.0', 'Address to listen on, IPv4 or IPv6. Also decides which ring '
                              'devices belong to this machine.')
    bind_port = Integer(None, 'Port to listen on. Has no default.')
    bind_timeout = Seconds(30, 'How long to try when the address is in use.')
    keep_idle = Integer(600, 'Seconds of silence before TCP keep-alive probes start.',
                        at_least=1, at_most=32766)
    backlog = Integer(4096, 'Connections the kernel queues for each worker.', at_least=1)
    workers = AutoInt(cpu_count, 'Worker processes; auto = one per processor, 0 = serve in the '
                                 'starting process.')
    max_clients = Integer(1024, 'Requests one worker handles at the same time.', at_least=1)
    client_timeout = Seconds(60, 'Longest silence of a client while a request or an answer is '
                                 'on its way.')
    keepalive_timeout = Seconds(same_as='client_timeout',
                                doc='Longest pause between two requests on one connection; '
                                    '0 = close after each answer.')
    require_proxy_protocol = Bool(False, 'Expect a PROXY protocol (version 1) line at the start '
                                         'of each connection.')
    cert_file = Text('', 'TLS certificate for testing; terminate TLS outside in production.')
    key_file = Text('', 'Key of cert_file.')
    eventlet_debug = Bool(False, 'Log a line for each answer of the HTTP engine, in addition '
                                'to what the application logs.')
    stale_worker_timeout = Seconds(86400, 'Workers still busy this long after a seamless '
                                          'reload or a graceful shutdown are ended.')
    servers_per_port = Integer(0, 'Object server: this many workers for each port that the '
                                  'rings give to devices of this machine; 0 = use bind_port '
                                  'and workers.', at_least=0)
    ring_ip = Text('', 'Address that identifies this machine in the rings; default bind_ip.')
    ring_check_interval = Seconds(15, 'How often ring files are checked for changes.')

    rules = (warn_unless(lambda o: bool(o.cert_file) == bool(o.key_file),
                         'cert_file and key_file only work together'),)


class StorageServerOptions(CommonServerOptions, shared=True):
    """What account, container and object servers understand."""

    devices = Text('/srv/node', 'Parent directory of the device mount points.')
    mount_check = Bool(True, 'Refuse devices that are not mount points.')
    log_requests = Bool(True, 'Log a line for each request.')
    log_format = Text(
        '{remote_addr} - - [{time.d}/{time.b}/{time.Y}:{time.H}:{time.M}:{time.S} +0000] '
        '"{method} {path}" {status} {content_length} "{referer}" "{txn_id}" "{user_agent}" '
        '{trans_time:.4f} "{additional_info}" {pid} {policy_index}',
        'Template of the request line.')
    log_anonymization_method = Text('MD5', 'Hash behind the .anonymized fields of log_format.')
    log_anonymization_salt = Text('', 'Salt of that hash.')
    replication_server = Bool(True, 'true: serve every verb; false: only those of clients.')


class DatabaseServerOptions(StorageServerOptions, shared=True):
    """What account and container servers add."""

    db_preallocation = Bool(False, 'Preallocate space for database files.')
    db_query_logging = Bool(False, 'Log every SQL statement, for debugging.')


class DaemonOptions(CommonOptions):
    """What every daemon understands; a daemon declares `interval` with its own default."""

    interval = Seconds(300, 'Shortest time between the starts of two passes.')
    daemonize = Bool(True, 'false: do one pass and exit, as with --once.')
    recon_cache_path = Text('/var/cache/swift', 'Directory of the recon files.')


class StorageDaemonOptions(DaemonOptions):
    """What daemons that work on local devices understand."""

    devices = Text('/srv/node', 'Parent directory of the device mount points.')
    mount_check = Bool(True, 'Skip devices that are not mount points.')
    bind_ip = Text('0.0.0.0', 'Address of the server on this machine.')
    bind_port = Integer(None, 'Port of the server on this machine.')
    ring_ip = Text('', 'Address that identifies this machine in the rings; default bind_ip.')
    servers_per_port = Integer(0, 'As for the object server.', at_least=0)


# Options of one service that its sample or its operators put into [DEFAULT].
known_everywhere(
    'interval', 'recon_cache_path', 'conn_timeout', 'node_timeout', 'container_update_timeout',
    'network_chunk_size', 'disk_chunk_size', 'reclaim_age', 'commit_window', 'expose_info',
    'admin_key', 'disallowed_sections', 'trans_id_suffix', 'cors_allow_origin',
    'strict_cors_mode', 'cors_expose_headers', 'allowed_sync_hosts', 'log_headers',
    'run_dir', 'recon_lock_path')
