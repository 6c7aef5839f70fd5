"""Tokens of tempauth that carry their groups themselves, encrypted.

Layer 2, part of the tempauth filter: for clusters without a shared cache. After the reseller
prefix a token is

    ftk<fernet token>       whose content is the comma list of groups
    zftk<fernet token>      whose content is the same, deflated, when that is smaller

Any configured key opens a token, one of them makes new ones; a token is too old after the token
life. Source: sheet 05 section 18.2.
"""
import zlib
from collections.abc import Mapping

from swift.common.clock import Clock
from swift.common.errors import ConfigError

PLAIN_MARK = 'ftk'
DEFLATED_MARK = 'zftk'
# Nobody has a hundred thousand groups; a forged key must not become a memory bomb.
GROUPS_MAX_BYTES = 1 << 20


class FernetTokens:
    """Makes and opens tokens."""

    def __init__(self, keys: Mapping[str, str], active_id: str, life_s: int, clock: Clock):
        """`keys` maps ids to texts as Fernet has them. Raises ConfigError for one that is none."""
        try:
            # Only here: the library is large, and few clusters use such tokens.
            from cryptography.fernet import Fernet, InvalidToken
        except ImportError:
            raise ConfigError('fernet_key_... options need the package "cryptography"') from None
        self._invalid = InvalidToken
        self._clock = clock
        self._life_s = life_s
        self._boxes = {}
        for key_id, text in keys.items():
            try:
                self._boxes[key_id] = Fernet(text)
            except ValueError as problem:
                raise ConfigError(f'fernet_key_{key_id}: {problem}') from None
        self._active = self._boxes.get(active_id)

    @property
    def makes_tokens(self) -> bool:
        return self._active is not None

    def token_for(self, groups: str) -> str:
        """Return a new token, without reseller prefix."""
        content = groups.encode('utf-8')
        deflated = zlib.compress(content)
        mark = PLAIN_MARK
        if len(deflated) < len(content):
            mark, content = DEFLATED_MARK, deflated
        sealed = self._active.encrypt_at_time(content, int(self._clock.time()))
        return mark + sealed.decode('ascii')

    def groups_of(self, token: str) -> str | None:
        """Return the groups in a token, None if it is no valid one of ours."""
        deflated = token.startswith(DEFLATED_MARK)
        if not deflated and not token.startswith(PLAIN_MARK):
            return None
        sealed = token.removeprefix(DEFLATED_MARK if deflated else PLAIN_MARK)
        content = self._open(sealed)
        if content is None:
            return None
        try:
            if deflated:
                content = zlib.decompressobj().decompress(content, GROUPS_MAX_BYTES)
            return content.decode('utf-8')
        except (zlib.error, UnicodeDecodeError):
            return None

    def _open(self, sealed: str) -> bytes | None:
        now = int(self._clock.time())
        for box in self._boxes.values():
            try:
                return box.decrypt_at_time(sealed.encode('ascii', 'replace'), self._life_s, now)
            except self._invalid:
                continue
        return None
