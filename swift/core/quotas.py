"""Quotas of containers and accounts: which headers set them, and when an upload is too much.

Pure (layer 0). A limit is a whole number, written in digits; whatever else is stored is no limit.
Zero bytes means that only empty objects may come. An upload of unknown length is judged as an
empty one before it starts; `remaining` says how much of it may follow.

    container   X-Container-Meta-Quota-Bytes, -Count         user metadata, of everybody's own
    account     X-Account-Quota-Bytes, -Count                stored as X-Account-Sysmeta-Quota-...
                X-Account-Quota-Bytes-Policy-<name>          ... -Policy-<index>
                X-Account-Meta-Quota-Bytes                   the old name of the first

Source: sheet 05 §17.
"""
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LEGACY_HEADER = 'X-Account-Meta-Quota-Bytes'
LEGACY_META = 'quota-bytes'


def parse_limit(text: str | None) -> int | None:
    """Return a stored limit; None for none, and for what is no number."""
    return int(text) if text and is_limit(text) else None


def is_limit(text: str) -> bool:
    """Tell whether a text can be stored as a limit."""
    return text.isascii() and text.isdigit()


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits of one thing and what is used of them; None is no limit."""

    max_bytes: int | None
    max_count: int | None
    used_bytes: int = 0
    used_count: int = 0

    def is_exceeded_by(self, size: int) -> bool:
        """Tell whether one more object of `size` bytes is too much.

        Compat: an object that replaces another counts as one more.
        """
        return (self.max_bytes is not None and self.used_bytes + size > self.max_bytes) or (
            self.max_count is not None and self.used_count + 1 > self.max_count)

    @property
    def remaining(self) -> int | None:
        """Bytes that still fit in, None for any number."""
        return None if self.max_bytes is None else max(0, self.max_bytes - self.used_bytes)


@dataclass(frozen=True, slots=True)
class Setting:
    """One quota of an account: what clients call it, and the name it is stored under."""

    client_name: str
    sysmeta: str                # what follows X-Account-Sysmeta-

    @property
    def remove_name(self) -> str:
        return 'X-Remove-' + self.client_name.removeprefix('X-')

    @property
    def stored_name(self) -> str:
        return 'X-Account-Sysmeta-' + self.sysmeta


def account_settings(policies: Iterable[tuple[int, str]]) -> tuple[Setting, ...]:
    """Return the quotas an account may have, given (index, name) of the storage policies."""
    settings = [Setting(f'X-Account-Quota-{what}', f'Quota-{what}') for what in ('Bytes', 'Count')]
    settings += [Setting(f'X-Account-Quota-{what}-Policy-{name}', f'Quota-{what}-Policy-{index}')
                 for index, name in policies for what in ('Bytes', 'Count')]
    return tuple(settings)


def account_quota(info: Mapping) -> Quota:
    """Return the quota of a whole account from its info."""
    sysmeta = info['sysmeta']
    stored = sysmeta.get('quota-bytes') or info['meta'].get(LEGACY_META)
    return Quota(parse_limit(stored), parse_limit(sysmeta.get('quota-count')),
                 int(info['bytes']), int(info['total_object_count']))


def policy_quota(info: Mapping, index: int) -> Quota:
    """Return the quota of what an account has in one storage policy."""
    sysmeta = info['sysmeta']
    used = info['storage_policies'].get(index, {})
    return Quota(parse_limit(sysmeta.get(f'quota-bytes-policy-{index}')),
                 parse_limit(sysmeta.get(f'quota-count-policy-{index}')),
                 int(used.get('bytes', 0)), int(used.get('object_count', 0)))


def container_quota(info: Mapping) -> Quota:
    """Return the quota of a container from its info."""
    meta = info['meta']
    return Quota(parse_limit(meta.get('quota-bytes')), parse_limit(meta.get('quota-count')),
                 int(info['bytes']), int(info['object_count']))
