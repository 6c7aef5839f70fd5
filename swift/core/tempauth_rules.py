"""The rules of the test authentication filter: its users, their groups, and who may do what.

Pure (layer 0). Users come from configuration lines:

    user_<account>_<user> = <key> [group] [group] [...] [storage url]
    user64_<base64 account>_<base64 user> = ...        for names with underscores or odd bytes

Groups of a user: the account, `account:user`, then the listed ones. `.admin` stands for owning
the user's account under every reseller prefix; `.reseller_admin` and `.reseller_reader` hold for
all accounts. `judge` is the order of rules by which a request is allowed, first match wins.
Source: sheet 05 section 18.2.
"""
import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from swift.core.acl import RLISTINGS, parse_acl_v1, referrer_allowed

ADMIN = '.admin'
RESELLER_ADMIN = '.reseller_admin'
RESELLER_READER = '.reseller_reader'
HOST_PLACEHOLDER = '$HOST'
READ_METHODS = frozenset(('GET', 'HEAD'))


@dataclass(frozen=True, slots=True)
class User:
    """One configured user; `url` may contain $HOST and ends with the account's id."""

    account: str
    name: str
    key: str
    url: str
    groups: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return f'{self.account}:{self.name}'

    @property
    def account_id(self) -> str:
        return self.url.rsplit('/', 1)[-1]


def parse_user(account: str, name: str, line: str, default_url: str) -> User:
    """Return the user that a configuration line describes. Raises ValueError without a key."""
    words = line.split()
    if not words:
        raise ValueError(f'user {account}:{name} has no key')
    key, *groups = words
    url = default_url
    if groups and ('://' in groups[-1] or HOST_PLACEHOLDER in groups[-1]):
        url = groups.pop()
    return User(account, name, key, url, tuple(groups))


def split_user_option(rest: str) -> tuple[str, str]:
    """Return (account, user) of what follows `user_`. Raises ValueError without exactly one _."""
    parts = rest.split('_')
    if len(parts) != 2:
        raise ValueError(f'user_{rest}: account and user must be separated by one underscore; '
                         'use user64_ for names with underscores')
    return parts[0], parts[1]


def split_user64_option(rest: str) -> tuple[str, str]:
    """The same for `user64_`, whose names are base64 without padding."""
    account, name = split_user_option(rest)
    try:
        return _unpack(account), _unpack(name)
    except (binascii.Error, UnicodeDecodeError) as problem:
        raise ValueError(f'user64_{rest}: {problem}') from None


def _unpack(text: str) -> str:
    # Names may have been padded by hand; option names cannot contain "=", values do not care.
    return base64.b64decode(text + '=' * (-len(text) % 4)).decode('utf-8')


def groups_of(user: User, prefixes: Sequence[str]) -> list[str]:
    """Return the groups that a token of this user carries, in the order they are stored in."""
    groups = [user.account, user.full_name]
    groups += [group for group in user.groups if group != ADMIN]
    if ADMIN in user.groups:
        groups += [prefix + user.account for prefix in prefixes if prefix]
        if user.account_id not in groups:
            groups.append(user.account_id)
    return groups


class Verdict(Enum):
    """What a request may do; an owner also sees and sets privileged headers."""

    DENIED = 'denied'
    ALLOWED = 'allowed'
    OWNER = 'owner'


@dataclass(slots=True)
class Asked:
    """A request as far as the rules look at it. `acl` is that of the container, if known.

    Never changed; a frozen one would take twice as long to make, and it is made for each request.
    """

    method: str
    account: str
    container: str | None
    obj: str | None
    groups: Sequence[str]
    prefix: str
    required_group: str = ''
    sync_allowed: bool = False
    referrer: str | None = None
    acl: str | None = None


def judge(asked: Asked, prefixes: Sequence[str],
          account_acl: Callable[[], Mapping[str, Sequence[str]] | None]) -> Verdict:
    """Return the verdict; `account_acl` is called only when nothing else decides."""
    groups = asked.groups
    reads = asked.method in READ_METHODS
    # Names that start with a dot after the prefix are the cluster's own accounts.
    if asked.account not in prefixes and not asked.account.startswith('.', len(asked.prefix)):
        if RESELLER_ADMIN in groups:
            return Verdict.OWNER
        if reads and RESELLER_READER in groups:
            return Verdict.ALLOWED
    manages = asked.container is None and asked.method in ('PUT', 'DELETE')
    if asked.account in groups and not manages:
        if not asked.required_group or asked.required_group in groups:
            return Verdict.OWNER
    if asked.sync_allowed or asked.method == 'OPTIONS':
        return Verdict.ALLOWED
    if asked.acl and _container_acl_allows(asked):
        return Verdict.ALLOWED
    return _by_account_acl(asked, reads, account_acl()) if groups else Verdict.DENIED


def _container_acl_allows(asked: Asked) -> bool:
    referrers, granted = parse_acl_v1(asked.acl)
    if referrers and referrer_allowed(asked.referrer, referrers):
        if asked.obj is not None or RLISTINGS in granted:
            return True
    return not set(granted).isdisjoint(asked.groups)


def _by_account_acl(asked: Asked, reads: bool,
                    acl: Mapping[str, Sequence[str]] | None) -> Verdict:
    if not acl:
        return Verdict.DENIED
    groups = asked.groups
    if any(name in groups for name in acl['admin']):
        return Verdict.OWNER
    if (reads or asked.container is not None) and any(
            name in groups for name in acl['read-write']):
        return Verdict.ALLOWED
    if reads and any(name in groups for name in acl['read-only']):
        return Verdict.ALLOWED
    return Verdict.DENIED
