"""Who is granted what: the container ACL language and the account ACL document.

Pure (layer 0): takes header texts, returns values. Auth filters decide with it; the container
controller stores what ``clean_acl`` returns. Sources: sheet 05 section 18.1, sheet 04 section 4.3.

Container ACL (``X-Container-Read``, ``X-Container-Write``): a comma list of items.

    item      = referrer | group
    referrer  = ".r:" ["-"] host        ".ref", ".referer", ".referrer" are accepted spellings
    host      = "*" | name | "." suffix       a "*" in front of a suffix is dropped
    group     = anything else, e.g. "account", "account:user", ".rlistings"

Of the referrer items the *last* one that matches wins; nothing matched means no.

Account ACL, version 2 (``X-Account-Access-Control``): a JSON object whose keys ``admin``,
``read-write`` and ``read-only`` name lists of groups. It travels as ASCII JSON without spaces,
keys sorted; the empty text clears it.
"""
import json
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote, urlsplit

REFERRER_SPELLINGS = frozenset(('.r', '.ref', '.referer', '.referrer'))
REFERRER_PREFIX = '.r:'
RLISTINGS = '.rlistings'
ACCOUNT_ACL_ROLES = ('admin', 'read-write', 'read-only')
ACCOUNT_ACL_SYSMETA = 'core-access-control'
UNKNOWN_HOST = 'unknown'


def clean_acl(name: str, value: str) -> str:
    """Return the stored form of a container ACL header.

    ``name`` is the header's name: names with "write" in them may not grant by referrer.
    Raises ValueError with the text that the client is shown.
    """
    cleaned = []
    for raw_item in value.split(','):
        item = raw_item.strip()
        if not item:
            continue
        left, colon, right = item.partition(':')
        left = left.strip()
        if not colon or not left.startswith('.'):
            cleaned.append(item)
        elif left not in REFERRER_SPELLINGS:
            raise ValueError(f'Unknown designator {left!r} in ACL: {item!r}')
        elif 'write' in name.lower():
            raise ValueError(f'Referrers not allowed in write ACL: {item!r}')
        else:
            cleaned.append(REFERRER_PREFIX + _clean_referrer(right.strip(), item))
    return ','.join(cleaned)


def _clean_referrer(text: str, item: str) -> str:
    """Return ``[-]host`` of a referrer item; ``item`` is only for the message."""
    deny = text.startswith('-')
    host = text[1:].strip() if deny else text
    if host.startswith('*') and host != '*':
        host = host[1:].strip()
    if host in ('', '.'):
        raise ValueError(f'No host/domain value after referrer designation in ACL: {item!r}')
    return '-' + host if deny else host


def parse_acl_v1(acl_text: str | None) -> tuple[list[str], list[str]]:
    """Return (referrer items without their prefix, groups) of a cleaned container ACL."""
    referrers, groups = [], []
    if acl_text:
        for item in acl_text.split(','):
            if item.startswith(REFERRER_PREFIX):
                referrers.append(item[len(REFERRER_PREFIX):])
            else:
                # Compat: groups may be percent-quoted, so that names with commas can be granted.
                groups.append(unquote(item))
    return referrers, groups


def referrer_host(referrer: str | None) -> str:
    """Return the lower-case host of a Referer header, ``unknown`` when it names none."""
    if not referrer:
        return UNKNOWN_HOST
    try:
        return urlsplit(referrer).hostname or UNKNOWN_HOST
    except ValueError:
        # A bracket without its partner, for instance. Such a client is simply not known.
        return UNKNOWN_HOST


def referrer_allowed(referrer: str | None, referrer_acl: Sequence[str] | None) -> bool:
    """Whether the Referer header is granted by the referrer items, the last match deciding."""
    allowed = False
    if referrer_acl:
        host = referrer_host(referrer)
        for pattern in referrer_acl:
            if pattern.startswith('-'):
                if _host_matches(host, pattern[1:]):
                    allowed = False
            elif pattern == '*' or _host_matches(host, pattern):
                allowed = True
    return allowed


def _host_matches(host: str, pattern: str) -> bool:
    # Compat: "-*" denies only a host that is literally "*"; ACLs like ".r:-*,.r:good" rely on
    # the default, which is to refuse.
    return host == pattern or (pattern.startswith('.') and host.endswith(pattern))


def parse_acl_v2(text: str | None) -> dict | None:
    """Return the JSON object of an account ACL, {} for the empty text, None for anything else."""
    if text is None:
        return None
    if text == '':
        return {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def format_acl_v2(acl: Mapping[str, Sequence[str]]) -> str:
    """Return the canonical text: ASCII, no spaces, sorted keys."""
    return json.dumps(acl, ensure_ascii=True, separators=(',', ':'), sort_keys=True)


def format_acl_v1(groups: Iterable[str] | None = None, referrers: Iterable[str] | None = None,
                  header_name: str | None = None) -> str:
    """Return the text of a container ACL, cleaned when a header name is given."""
    items = list(groups or ()) + [REFERRER_PREFIX + host for host in referrers or ()]
    text = ','.join(items)
    return clean_acl(header_name, text) if header_name else text


def account_acl_problem(text: str) -> str | None:
    """Return what is wrong with a client's account ACL, None when it can be stored."""
    acl = parse_acl_v2(text)
    if acl is None:
        return f'Syntax error in input ({text!r})'
    for key in acl:
        if key not in ACCOUNT_ACL_ROLES:
            return f'Key "{key}" not recognized'
    for key in ACCOUNT_ACL_ROLES:
        grantees = acl.get(key, [])
        if not isinstance(grantees, list):
            return f'Value for key "{key}" must be a list'
        if not all(isinstance(grantee, str) for grantee in grantees):
            return f'Elements of "{key}" list must be strings'
    return None


def acls_from_account_info(info: Mapping) -> dict[str, list] | None:
    """Return the three lists of an account's stored ACL, None when it grants nothing to anybody.

    ``info`` is an account info document; its sysmeta keeps the text under ACCOUNT_ACL_SYSMETA.
    A stored text that cannot be read grants nothing.
    """
    sysmeta = info.get('sysmeta') or {}
    acl = parse_acl_v2(sysmeta.get(ACCOUNT_ACL_SYSMETA))
    if not acl:
        return None
    lists = {}
    for role in ACCOUNT_ACL_ROLES:
        grantees = acl.get(role) or []
        lists[role] = grantees if isinstance(grantees, list) else []
    return lists if any(lists.values()) else None


def parse_acl(*args, version: int = 1, **kwargs):
    """Parse either kind of ACL: version 1 (container, the default) or version 2 (account)."""
    if version == 1:
        return parse_acl_v1(*args, **kwargs)
    if version == 2:
        return parse_acl_v2(*args, **kwargs)
    raise ValueError(f'Unsupported ACL version {version!r}')


def format_acl(version: int = 1, **kwargs) -> str:
    """Format either kind of ACL: version 1 (groups, referrers, header_name) or 2 (acl_dict)."""
    if version == 1:
        return format_acl_v1(**kwargs)
    if version == 2:
        return format_acl_v2(kwargs.get('acl_dict') or {})
    raise ValueError(f'Unsupported ACL version {version!r}')
