"""Limits under the names that third-party filters import; the rules are in core/constraints.py.

Layer 1. Filters written for OpenStack Swift read limits as constants of this module, in capitals
(`MAX_META_COUNT`), and call checks without saying which cluster they mean: the one of the swift_dir
that the environment variable SWIFT_DIR names, else /etc/swift. It is read when a constant is first
asked for. The cluster's own code passes a Constraints object instead.
"""
import os
from functools import lru_cache

from swift.common.cluster import Cluster
from swift.common.places import config_root
from swift.common.swob import HTTPBadRequest, Request, status_map
from swift.core import constraints as rules
from swift.core.names import check_utf8

__all__ = ['check_metadata', 'check_object_creation', 'check_utf8', 'valid_api_version']


@lru_cache(maxsize=1)
def _limits() -> rules.Constraints:
    cluster = Cluster(config_root())
    return cluster.constraints if os.path.exists(cluster.conf_path) else rules.DEFAULT


def __getattr__(name: str):
    """Return a limit of the cluster by its name in capitals."""
    if name == 'MAX_HEADER_COUNT':
        return _limits().max_header_count
    if name.isupper() and name.lower() in rules.Constraints.__dataclass_fields__:
        return getattr(_limits(), name.lower())
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def _answer(req: Request, refusal: rules.Refusal | None):
    if refusal is None:
        return None
    return status_map[refusal.status](request=req, body=refusal.body,
                                      content_type=refusal.content_type)


def check_metadata(req: Request, target_type: str):
    """Return None, or the answer to a request whose metadata breaks a limit."""
    return _answer(req, rules.check_metadata(req.headers.items(), target_type.lower(), _limits()))


def check_object_creation(req: Request, object_name: str):
    """Return None, or the answer to an object PUT that breaks a rule."""
    try:
        now = req.timestamp
    except ValueError as problem:
        return HTTPBadRequest(request=req, body=str(problem), content_type='text/plain')
    return _answer(req, rules.check_object_creation(req.headers, object_name, now, _limits()))


def valid_api_version(version: str) -> bool:
    """True iff the first path segment names a version of the API that is served."""
    return rules.valid_api_version(version, _limits())
