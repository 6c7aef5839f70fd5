"""How clusters recognise each other's requests when containers are synchronised.

Pure (layer 0). Both know the realm's key, which operators share, and the key of the container,
which its owner gave to both sides:

    X-Container-Sync-Auth: <realm> <nonce> <signature>
    signature = hex HMAC-SHA1(realm key, METHOD \\n quoted path \\n X-Timestamp \\n nonce \\n
                              container key)

A realm may have a second key, so that keys can be changed one cluster after the other. Source:
sheet 03 §19.3, sheet 05 §24.
"""
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from swift.core.sync_target import Realm


@dataclass(frozen=True, slots=True)
class Signed:
    """What of a request is signed; texts as they are in the request."""

    method: str
    path: str
    timestamp: str
    nonce: str

    def signature(self, realm_key: str, user_key: str) -> str:
        """Return the signature with a realm's and a container's key."""
        message = '\n'.join((self.method, self.path, self.timestamp, self.nonce, user_key))
        return hmac.new(_bytes(realm_key), _bytes(message), 'sha1').hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode('utf-8', 'surrogateescape')


class SyncVerdict(Enum):
    """What a receiving cluster says of a signature; the values are words of its log."""

    NOT_THREE_WORDS = 'cs:not-3-args'
    NO_REALM_KEY = 'cs:no-local-realm-key'
    NO_USER_KEY = 'cs:no-local-user-key'
    INVALID = 'cs:invalid-sig'
    VALID = 'cs:valid'


def judge(header: str, method: str, path: str, timestamp: str, realms: Mapping[str, Realm],
          user_key: str | None) -> SyncVerdict:
    """Return the verdict over an X-Container-Sync-Auth header.

    `user_key` is that of the container here; whether it exists is of no interest before the realm
    is known.
    """
    words = header.split()
    if len(words) != 3:
        return SyncVerdict.NOT_THREE_WORDS
    realm_name, nonce, signature = words
    realm = realms.get(realm_name.upper(), Realm())
    keys = [key for key in (realm.key, realm.key2) if key]
    if not keys:
        return SyncVerdict.NO_REALM_KEY
    if not user_key:
        return SyncVerdict.NO_USER_KEY
    signed = Signed(method, path, timestamp, nonce)
    # All keys are tried, whichever fits: the time says nothing about them.
    fits = [hmac.compare_digest(_bytes(signed.signature(key, user_key)), _bytes(signature))
            for key in keys]
    return SyncVerdict.VALID if any(fits) else SyncVerdict.INVALID
