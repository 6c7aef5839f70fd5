"""What the filters of signed URLs and signed forms share: digests and keys.

Layer 1. Keys are metadata of accounts and containers (Temp-URL-Key, Temp-URL-Key-2), looked up in
the caches where they are there. One of the account opens all its containers, one of a container
nothing else. Source: sheet 05 §19.
"""
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swift.common.config.options import Words
from swift.common.info import account_info, container_info
from swift.common.registry import register_swift_info
from swift.core.tempurl_sig import DEPRECATED_DIGESTS, DIGESTS, keys_in

NO_KEYS: Mapping[str, str] = {}


class Digests(Words):
    """Digests by name; at least one must be known."""

    kind = f'words of: {" ".join(DIGESTS)}'

    def parse(self, text: str) -> Sequence[str]:
        words = super().parse(text)
        if not set(words) & set(DIGESTS):
            raise ValueError(f'none of {" ".join(DIGESTS)} is among "{text}"')
        return words


def register_digests(section: str, wanted: Sequence[str], logger: Any,
                     **more: Any) -> tuple[str, ...]:
    """Put the usable digests into /info, warn of the others; return them in order."""
    allowed = tuple(sorted(set(wanted) & set(DIGESTS)))
    unknown = sorted(set(wanted) - set(DIGESTS))
    if unknown:
        logger.warning('%s: these digests are not supported and left out: %s', section,
                       ', '.join(unknown))
    deprecated = [name for name in allowed if name in DEPRECATED_DIGESTS]
    if deprecated:
        logger.warning('%s: these digests are deprecated, clients should use others: %s', section,
                       ', '.join(deprecated))
        more['deprecated_digests'] = deprecated
    register_swift_info(section, allowed_digests=list(allowed), **more)
    return allowed


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The keys that may have signed something in a container."""

    of_account: tuple[str, ...]
    of_container: tuple[str, ...]


def signing_keys(env: dict, app: Callable, account: str, container: str,
                 source: str) -> SigningKeys:
    """Look up the keys; `account` and `container` are text."""
    env.setdefault('swift.infocache', {})
    found = account_info(env, app, account, source)
    inner = container_info(env, app, account, container, source) if container else {}
    return SigningKeys(keys_in(found.get('meta') or NO_KEYS),
                       keys_in(inner.get('meta') or NO_KEYS))
