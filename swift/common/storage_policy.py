"""Names that plug-ins import for storage policies; the rules live in swift.core.policy (layer 1).

Compat: there is no global POLICIES. A plug-in gets the collection from its server's Cluster.
"""
from swift.core.policy import (
    EC as EC_POLICY,
)
from swift.core.policy import (
    REPLICATION as REPL_POLICY,
)
from swift.core.policy import (
    ErasureCode,
    PolicyCollection,
    PolicyError,
    StoragePolicy,
    parse_policies,
    policy_name_of,
    quorum_size,
    split_policy_name,
)

__all__ = ['EC_POLICY', 'REPL_POLICY', 'ErasureCode', 'PolicyCollection', 'PolicyError',
           'StoragePolicy', 'parse_policies', 'policy_name_of', 'quorum_size',
           'split_policy_name']
