"""Options of the account and the container replicator. Layer 1. Source: sheet 03 §26.3."""
from swift.common.config.common import StorageDaemonOptions
from swift.common.config.options import AutoInt, Bool, Float, Integer, Seconds


class ReplicatorOptions(StorageDaemonOptions):
    """What both replicators understand."""

    interval = Seconds(30, 'Shortest time between the starts of two passes.',
                       aliases=('run_pause',))
    concurrency = Integer(8, 'Databases that are replicated at the same time.', at_least=1)
    per_diff = Integer(1000, 'Rows sent in one request; and a peer that lacks more than this, and '
                             'more than half of them, gets the whole database.', at_least=1)
    max_diffs = Integer(100, 'Requests with rows that one peer gets for one database in one pass.',
                        at_least=1)
    databases_per_second = Float(50, 'Most databases looked at per second; 0 = no limit.',
                                 at_least=0)
    node_timeout = Seconds(10, 'Longest wait for a peer to answer; also for rsync.')
    conn_timeout = Seconds(0.5, 'Longest wait for a connection to a peer; also for rsync.')
    reclaim_age = Seconds(604800, 'Removed rows, metadata and databases are kept so long.')
    rsync_compress = Bool(False, 'Let rsync compress what goes to another region.')
    handoffs_only = Bool(False, 'Emergency: replicate only what does not belong on this device.')
    handoff_delete = AutoInt(0, 'Emergency: remove a database that does not belong on this device '
                                'when so many peers have it; auto = all.')
