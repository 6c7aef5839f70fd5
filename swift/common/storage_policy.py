"""Names that plug-ins import for storage policies; the rules live in swift.core.policy (layer 1).

Plug-ins written for OpenStack Swift expect one collection per process, ``POLICIES``: here it is
that of the swift_dir which the environment variable SWIFT_DIR names, else /etc/swift, read when
the name is first asked for. The cluster's own code gets the collection from its Cluster.
"""
from functools import lru_cache

from swift.common.cluster import Cluster
from swift.common.places import config_root
from swift.core.names import policy_name as get_policy_string
from swift.core.names import split_policy_name
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
    quorum_size,
)

# POLICIES comes from __getattr__: it is read late, so it cannot stand in this list.
__all__ = ['EC_POLICY', 'REPL_POLICY', 'ErasureCode', 'PolicyCollection', 'PolicyError',
           'StoragePolicy', 'get_policy_string', 'parse_policies', 'quorum_size',
           'split_policy_name']


@lru_cache(maxsize=1)
def _policies() -> PolicyCollection:
    return Cluster(config_root()).policies


def __getattr__(name: str) -> PolicyCollection:
    if name == 'POLICIES':
        return _policies()
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
