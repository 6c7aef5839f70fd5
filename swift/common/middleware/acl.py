"""Names of the ACL rules under the path that third-party auth filters import.

No rule lives here: see ``swift.core.acl``.
"""
from swift.core.acl import (
    acls_from_account_info,
    clean_acl,
    format_acl,
    format_acl_v1,
    format_acl_v2,
    parse_acl,
    parse_acl_v1,
    parse_acl_v2,
    referrer_allowed,
)

__all__ = ['acls_from_account_info', 'clean_acl', 'format_acl', 'format_acl_v1', 'format_acl_v2',
           'parse_acl', 'parse_acl_v1', 'parse_acl_v2', 'referrer_allowed']
