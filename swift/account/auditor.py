"""account-auditor: finds damaged account databases, and totals that differ from their parts.

Layer 3. Sheet 03 §22; the walk is in swift/common/db/auditor.py.
"""
from swift.account.backend import AccountBroker, AccountInfo
from swift.common.config.options import Float
from swift.common.db.auditor import DatabaseAuditor, DatabaseAuditorOptions

TOTALS = ('container_count', 'object_count', 'bytes_used')


class AccountAuditorOptions(DatabaseAuditorOptions, section='account-auditor'):
    """The daemon that checks account databases."""

    accounts_per_second = Float(200, 'Most accounts looked at per second; 0 = no limit.',
                                at_least=0)


class AccountAuditor(DatabaseAuditor):
    """The daemon."""

    options_class = AccountAuditorOptions
    kind = 'account'
    broker_class = AccountBroker
    rate_option = 'accounts_per_second'

    def problem_of(self, broker: AccountBroker, info: AccountInfo) -> str | None:
        """Return which total differs from its sum over the policies."""
        if broker.migrate():
            info = broker.info()
        return totals_problem(info)


def totals_problem(info: AccountInfo) -> str | None:
    """Return how the totals of an account contradict its totals per policy, None if they do not.

    Databases from before containers were counted per policy are not asked for that sum.
    """
    for key in TOTALS:
        parts = [getattr(totals, key) for totals in info.policies.values()]
        total = getattr(info, key)
        if None not in parts and sum(parts) != total:
            return ('The total %s for the account %s (%s) does not match the sum of %s across '
                    'policies (%s)' % (key, info.account, total, key, sum(parts)))
    return None
