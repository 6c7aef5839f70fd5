"""Options of the object server and of what works on its devices.

Layer 3. Source: sheet 02 §23.1, §23.2.
"""
from swift.common.config.common import StorageServerOptions
from swift.common.config.options import (
    AutoInt,
    Bool,
    Bytes,
    Float,
    Integer,
    List,
    Options,
    Percent,
    Seconds,
    Text,
    refuse_unless,
    warn_unless,
)
from swift.core.headers import OBJECT_ALLOWED_DEFAULT

# Measured with 16 connections: more threads only fight for the interpreter (PUT 4 KiB: 820 µs of
# processor time with 4, 1240 with 8).
DISK_THREADS_DEFAULT = 4


class DiskOptions(Options):
    """How object files on a device are read and written."""

    reclaim_age = Seconds(604800, 'Age at which tombstones and stray metadata are removed. Must be '
                                  'the same on all nodes and not above that of containers.')
    commit_window = Seconds(60, 'A fragment without commit is kept at least this long.')
    disk_chunk_size = Bytes(65536, 'Unit in which bodies are read from disk and sent.', at_least=1)
    mb_per_sync = Integer(512, 'MiB written before data is synced in the middle of a body; '
                               '0 = only at the end.', at_least=0)
    keep_cache_size = Bytes(5242880, 'Bodies up to this size stay in the page cache.')
    keep_cache_private = Bool(False, 'Also those of requests with a token.')
    keep_cache_slo_manifest = Bool(False, 'Also manifests of static large objects.')
    etag_validate_pct = Percent(100, 'Share of whole reads whose checksum is verified.')
    eventlet_tpool_num_threads = AutoInt(DISK_THREADS_DEFAULT,
                                         'Native threads for disk work, per device.')


class ObjectServerOptions(StorageServerOptions, DiskOptions, section='app:object-server'):
    """The object server itself."""

    conn_timeout = Seconds(0.5, 'Time allowed to connect to a container server.')
    node_timeout = Seconds(3, 'Time allowed for the answer of a container server.')
    container_update_timeout = Seconds(1.0, 'An answer waits this long for container updates; '
                                            'then they are left to the object-updater.')
    network_chunk_size = Bytes(65536, 'Unit in which bodies are read from the network.',
                               at_least=1)
    max_upload_time = Seconds(86400, 'Time allowed for a whole PUT.')
    slow = Seconds(0, 'Make PUT and DELETE last at least this long; for tests only.')
    cooperative_period = Integer(0, 'Let other requests run every so many chunks; 0 = off.',
                                 at_least=0)
    slow_delete_log_threshold_seconds = Float(120, 'Slower DELETEs are logged; -1 = never.')
    allowed_headers = List(OBJECT_ALLOWED_DEFAULT,
                           'Headers stored with an object besides metadata.')
    replication_concurrency = Text('4', 'Incoming SSYNC sessions at a time; 0 = no limit.')
    replication_concurrency_per_device = Integer(
        None, 'The same for each device; 0 = no limit. Default 1.', at_least=0)
    replication_one_per_device = Text('', 'Old form of the above: true = 1, false = 0.')
    replication_lock_timeout = Seconds(15, 'How long an SSYNC session waits for its locks.')
    replication_failure_threshold = Integer(100, 'Failed updates after which a session may be '
                                                 'given up.')
    replication_failure_ratio = Float(1.0, 'Failures per success above which it is.')
    splice = Bool(False, 'Send whole bodies without copying them through the process.')
    auto_create_account_prefix = Text('.', 'Deprecated; set it in swift.conf.')
    expiring_objects_account_name = Text('expiring_objects', 'Deprecated.')
    expiring_objects_container_divisor = Integer(86400, 'Deprecated.')

    rules = (
        refuse_unless(lambda o: o.expiring_objects_container_divisor > 100,
                      'expiring_objects_container_divisor must be greater than 100'),
        refuse_unless(lambda o: (o.replication_concurrency.strip() or '0').isdecimal(),
                      'replication_concurrency must be a whole number'),
        warn_unless(lambda o: not (o.replication_one_per_device
                                   and o.replication_concurrency_per_device is not None),
                    'replication_one_per_device is deprecated and ignored beside '
                    'replication_concurrency_per_device'))
