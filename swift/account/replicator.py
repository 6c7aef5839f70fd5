"""account-replicator: account databases to all their replicas. Layer 3. Source: sheet 03 §17."""
from typing import Any

from swift.account.backend import AccountBroker
from swift.common.config.options import Text
from swift.common.db.replication.daemon import Replicator
from swift.common.db.replication.options import ReplicatorOptions


class AccountReplicatorOptions(ReplicatorOptions, section='account-replicator'):
    """The daemon that keeps the replicas of accounts equal."""

    rsync_module = Text('{replication_ip}::account', 'Module of the peers\' rsync daemons.')


class AccountReplicator(Replicator):
    """The daemon."""

    options_class = AccountReplicatorOptions
    kind = 'account'
    broker_class = AccountBroker

    @property
    def ring(self) -> Any:
        return self.cluster.account_ring
