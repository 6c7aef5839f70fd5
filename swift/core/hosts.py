"""Host names of requests: which belong to the cluster, and which account and container they name.

Pure (layer 0). Names are compared without case, as DNS does.

    [<container>.]<account>.<storage domain>[:port]        `auth-test` stands for `AUTH_test`,
                                                           because DNS has no underscores

Source: sheet 05 §12.
"""
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

WEB_SCHEMES = ('http://', 'https://')


class BadHost(ValueError):
    """A host name below the storage domain that names no container of an account."""


def split_port(host: str) -> tuple[str, str]:
    """Return (name, ':port' or '') of a Host header; a bare IPv6 address has no port."""
    name, colon, port = host.rpartition(':')
    if colon and port.isdigit() and (':' not in name or name.endswith(']')):
        return name, colon + port
    return host, ''


def is_address(name: str) -> bool:
    """Tell whether a host is named by its address. Compat: one in brackets does not count."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def parse_domains(domains: Iterable[str]) -> tuple[str, ...]:
    """Return storage domains in lower case, each with the dot that goes before it."""
    return tuple('.' + domain.lower().lstrip('.') for domain in domains)


def labels_below(name: str, domains: tuple[str, ...]) -> str | None:
    """Return what a host name has before a storage domain, '' for the domain itself, else None."""
    lower = '.' + name.lower()
    for domain in domains:
        if lower.endswith(domain):
            return name[:max(0, len(lower) - len(domain) - 1)]
    return None


@dataclass(frozen=True, slots=True)
class AccountNames:
    """How accounts are written in host names. `prefixes` are without their underscore."""

    prefixes: tuple[str, ...] = ()
    default_prefix: str | None = None

    def read(self, label: str) -> str | None:
        """Return the account that a label stands for, None if it is none of the cluster's."""
        if not self.prefixes:
            return label
        account = label if '_' in label else label.replace('-', '_', 1)
        given, _underscore, rest = account.partition('_')
        for prefix in self.prefixes:
            if given.lower() == prefix.lower():
                return f'{prefix}_{rest}'
        return f'{self.default_prefix}_{account}' if self.default_prefix else None


def remapped_path(labels: str, path: str, root: str, names: AccountNames) -> str | None:
    """Return the API path of `path` under a host, None if it stays as it is.

    `labels` is what stands before the storage domain. Raises BadHost.
    """
    *container, label = labels.split('.')
    if len(container) > 1 or not label or '' in container:
        raise BadHost('Bad domain in host header')
    account = names.read(label)
    if account is None:
        return None
    return '/'.join(('', root, account, *container, path.removeprefix('/')))


def relocated(url: str, found: str, given: str) -> str:
    """Return a Location with the path that the client knows instead of the one it was mapped to.

    Both are quoted; URLs of something else stay as they are.
    """
    start = ''
    if url.startswith(WEB_SCHEMES):
        end = url.find('/', url.index('://') + 3)
        if end < 0:
            return url
        start, url = url[:end], url[end:]
    return start + (given + url[len(found):] if url.startswith(found) else url)


def rehosted(url: str, found: str, given: str) -> str:
    """Return a Location on host `given` instead of `found`; other URLs stay as they are."""
    for scheme in WEB_SCHEMES:
        if url.startswith(scheme):
            host, slash, path = url[len(scheme):].partition('/')
            if host == found:
                return f'{scheme}{given}{slash}{path}'
    return url
