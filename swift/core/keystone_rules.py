"""Who may do what when Keystone says who somebody is.

Pure (layer 0). An account is `<reseller prefix><project id>`. Roles compare without case.

`judge` is the order of rules for a request with an identity, first match wins; `judge_anonymous`
that for one without. `names_count` says when the names of projects and users may stand in ACLs for
their ids: names are unique within a domain only, so all that is involved must be of the default
domain. `domain_to_record` says what an account is told about its project's domain, by which later
requests decide that.

Source: sheet 05 §18.3.
"""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from swift.core.acl import RLISTINGS, parse_acl_v1, referrer_allowed
from swift.core.tempauth_rules import READ_METHODS, Verdict

UNKNOWN_DOMAIN = '_unknown'
ANYBODY = '*'


@dataclass(frozen=True, slots=True)
class Identity:
    """What a token says. Roles are in lower case; a domain that is not known is None."""

    user_id: str | None
    user_name: str | None
    project_id: str | None
    project_name: str | None
    roles: frozenset[str]
    service_roles: frozenset[str] = frozenset()
    user_domain: str | None = None
    project_domain: str | None = None


@dataclass(frozen=True, slots=True)
class PrefixRules:
    """What roles do in the accounts of one reseller prefix; in lower case."""

    operator_roles: frozenset[str]
    service_roles: frozenset[str] = frozenset()
    project_reader_roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KeystoneRules:
    """The operator's rules; those of prefixes by prefix."""

    prefixes: Mapping[str, PrefixRules]
    reseller_admin_role: str
    system_reader_roles: frozenset[str]
    default_domain: str
    names_in_acls: bool


@dataclass(slots=True)
class Asked:
    """A request as far as the rules look at it. `acl` is that of the container, if known."""

    method: str
    account: str
    container: str | None
    obj: str | None
    sync_allowed: bool = False
    referrer: str | None = None
    acl: str | None = None


class Referred(Enum):
    """What the referrer items of an ACL say."""

    NOTHING = 'nothing'
    ALLOWED = 'allowed'
    NO_LISTING = 'objects only'


def lower_roles(names: Sequence[str]) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in names if name.strip())


def own_prefix(account: str, project_id: str | None, rules: KeystoneRules) -> str | None:
    """Return the prefix under which an account is that of a project, None if it is not."""
    if not project_id:
        return None
    return next((prefix for prefix in rules.prefixes if account == prefix + project_id), None)


def has_prefix(account: str, rules: KeystoneRules) -> bool:
    """Tell whether an account is any project's."""
    return any(account.startswith(prefix) for prefix in rules.prefixes)


def judge(asked: Asked, identity: Identity, rules: KeystoneRules,
          names_allowed: bool) -> Verdict:
    """Return the verdict over a request with an identity."""
    roles = identity.roles
    reads = asked.method in READ_METHODS
    if rules.reseller_admin_role in roles:
        return Verdict.OWNER
    if reads and not roles.isdisjoint(rules.system_reader_roles):
        return Verdict.ALLOWED
    if asked.method == 'DELETE' and asked.container is None:
        return Verdict.DENIED
    referrers, groups = parse_acl_v1(asked.acl)
    if grants_user(groups, identity, names_allowed) or asked.sync_allowed:
        return Verdict.ALLOWED
    referred = by_referrer(asked, referrers, groups)
    if referred is Referred.ALLOWED:
        return Verdict.ALLOWED
    prefix = own_prefix(asked.account, identity.project_id, rules)
    if prefix is None:
        return Verdict.DENIED
    own = rules.prefixes[prefix]
    if not roles.isdisjoint(own.operator_roles) and (
            not own.service_roles or not own.service_roles.isdisjoint(identity.service_roles)):
        return Verdict.OWNER
    if reads and not roles.isdisjoint(own.project_reader_roles):
        return Verdict.ALLOWED
    if referred is Referred.NO_LISTING or roles.isdisjoint(group.lower() for group in groups):
        return Verdict.DENIED
    return Verdict.ALLOWED


def judge_anonymous(asked: Asked, rules: KeystoneRules) -> Verdict:
    """Return the verdict over a request of nobody we know."""
    if asked.method == 'OPTIONS':
        return Verdict.ALLOWED
    if not has_prefix(asked.account, rules):
        return Verdict.DENIED
    referrers, groups = parse_acl_v1(asked.acl)
    allowed = asked.sync_allowed or by_referrer(asked, referrers, groups) is Referred.ALLOWED
    return Verdict.ALLOWED if allowed else Verdict.DENIED


def by_referrer(asked: Asked, referrers: Sequence[str], groups: Sequence[str]) -> Referred:
    """Return what a container's ACL says of where a request comes from."""
    if not referrers or not referrer_allowed(asked.referrer, referrers):
        return Referred.NOTHING
    if asked.obj is not None or RLISTINGS in groups:
        return Referred.ALLOWED
    return Referred.NO_LISTING


def grants_user(groups: Sequence[str], identity: Identity, names_allowed: bool) -> bool:
    """Tell whether an ACL names the user in his project, `project:user`, either of them `*`."""
    projects = {ANYBODY, identity.project_id}
    users = {ANYBODY, identity.user_id}
    if names_allowed:
        projects.add(identity.project_name)
        users.add(identity.user_name)
    for group in groups:
        project, colon, user = group.partition(':')
        if colon and project in projects and user in users:
            return True
    return False


def names_count(identity: Identity, rules: KeystoneRules, is_own: bool,
                account_exists: bool, account_domain: str | None) -> bool:
    """Tell whether names may stand for ids in an ACL of an account."""
    def is_default(domain: str | None) -> bool:
        return domain is None or domain == rules.default_domain

    if not (rules.names_in_acls and is_default(identity.user_domain)
            and is_default(identity.project_domain)):
        return False
    return is_own or (account_exists and is_default(account_domain or None))


def domain_to_record(identity: Identity, rules: KeystoneRules, is_own: bool,
                     account_exists: bool, stored: str | None) -> str | None:
    """Return the domain to store with an account, '' to clear it, None to leave it as it is."""
    if not account_exists:
        return (identity.project_domain or '') if is_own else UNKNOWN_DOMAIN
    if not is_own:
        return None
    if stored == UNKNOWN_DOMAIN:
        return identity.project_domain or ''
    if not stored and identity.project_domain == rules.default_domain:
        return identity.project_domain
    return None
