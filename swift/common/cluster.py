"""What every node of a cluster agrees on: hash salt, policies, limits, rings (layer 1).

One Cluster per server or tool, made from ``swift_dir`` and passed to whoever needs it; there are
no module globals. ``<swift_dir>/swift.conf`` is read once, at the first use of something in it,
so that starting what does not need it works without the file. Rings are opened at first use.

    [swift-hash]          read as latin-1: any byte may be part of the secret
    [storage-policy:N]    see core/policy.py
    [swift-constraints]   see core/constraints.py

'%' is written '%%' (interpolation); a section or option given twice is refused.
Compat: unlike the original, everything follows ``swift_dir``, policies and limits included.
Source: sheet 01 sections 1, 14 and 15.
"""
from __future__ import annotations

import configparser
import logging
import os
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache

from swift.common.clock import SYSTEM, Clock
from swift.common.erasure import HOST
from swift.common.errors import ClusterConfigError, RingUnfit
from swift.common.places import DEFAULT_SWIFT_DIR
from swift.common.ring.ring import Ring
from swift.core import hashing
from swift.core.constraints import Constraints
from swift.core.policy import ErasureSupport, PolicyCollection, PolicyError, parse_policies

CONF_NAME = 'swift.conf'
CONF_BYTES_MAX = 1 << 20


class Cluster:
    """The cluster that a swift.conf describes."""

    def __init__(self, swift_dir: str = DEFAULT_SWIFT_DIR, *, clock: Clock = SYSTEM,
                 erasure: ErasureSupport = HOST, logger: logging.Logger | None = None) -> None:
        self.swift_dir = swift_dir
        self.conf_path = os.path.join(swift_dir, CONF_NAME)
        self._clock = clock
        self._erasure = erasure
        self._logger = logger
        self._rings: dict[str, Ring] = {}
        self._object_rings: dict[int, Ring] = {}

    @classmethod
    def load(cls, swift_dir: str = DEFAULT_SWIFT_DIR, **options) -> Cluster:
        """Return a cluster whose salt, policies and limits have been read and are good.

        Raises ClusterConfigError with a text for operators; exits are up to the caller.
        """
        cluster = cls(swift_dir, **options)
        cluster.require_salt()
        assert cluster.policies and cluster.constraints
        return cluster

    @classmethod
    def of(cls, swift_dir: str = DEFAULT_SWIFT_DIR, *, prefix: bytes = b'', suffix: bytes = b'',
           policies: PolicyCollection | None = None,
           constraints: Constraints | None = None, **options) -> Cluster:
        """Return a cluster with given values, for tests and tools; nothing is read but rings."""
        cluster = cls(swift_dir, **options)
        cluster._salt = (prefix, suffix)
        cluster.policies = policies or parse_policies({}, cluster._erasure)
        cluster.constraints = constraints or Constraints()
        return cluster

    # -- hashing -------------------------------------------------------------------------------

    @property
    def hash_prefix(self) -> bytes:
        return self._salt[0]

    @property
    def hash_suffix(self) -> bytes:
        return self._salt[1]

    def hash_path(self, account: str, container: str | None = None, obj: str | None = None,
                  raw_digest: bool = False) -> str | bytes:
        """Return the salted hash of a path, 32 hex digits or 16 bytes. Cost: about 1 us."""
        prefix, suffix = self._salt
        if obj is None:
            # Accounts and containers come again and again, objects do not.
            return _remembered_hash(prefix, suffix, account, container, None, raw_digest)
        return hashing.hash_path(prefix, suffix, account, container, obj, raw_digest)

    def require_salt(self) -> None:
        """Raise ConfigError if there is no salt; hashing without one would misplace everything."""
        assert self._salt

    @cached_property
    def _salt(self) -> tuple[bytes, bytes]:
        section = self._section('swift-hash', 'latin-1')
        prefix, suffix = (section.get('swift_hash_path_' + end, '').encode('latin-1')
                          for end in ('prefix', 'suffix'))
        if not (prefix or suffix):
            raise ClusterConfigError('Error: [swift-hash]: both swift_hash_path_suffix and '
                              f'swift_hash_path_prefix are missing from {self.conf_path}')
        return prefix, suffix

    # -- policies and limits -------------------------------------------------------------------

    @cached_property
    def policies(self) -> PolicyCollection:
        try:
            with self._reading():
                parser = self._parser('utf-8')
                sections = {name: dict(parser.items(name)) for name in parser.sections()
                            if name.startswith('storage-policy:')}
            return parse_policies(sections, self._erasure)
        except PolicyError as problem:
            raise ClusterConfigError('ERROR: Invalid Storage Policy Configuration in '
                              f'{self.conf_path} ({problem})') from problem

    @cached_property
    def constraints(self) -> Constraints:
        try:
            return Constraints.from_items(self._section('swift-constraints', 'utf-8'))
        except ValueError as problem:
            raise ClusterConfigError(f'ERROR: Invalid [swift-constraints] in {self.conf_path} '
                              f'({problem})') from problem

    # -- rings ---------------------------------------------------------------------------------

    @property
    def account_ring(self) -> Ring:
        return self._ring('account')

    @property
    def container_ring(self) -> Ring:
        return self._ring('container')

    def object_ring(self, policy_index: int | str | None = 0) -> Ring:
        """Return the object ring of a policy; KeyError if there is no such policy."""
        ring = self._object_rings.get(policy_index)
        if ring is None:
            policy = self.policies.get_by_index(policy_index)
            if policy is None:
                raise KeyError(policy_index)
            ring = self._ring(policy.ring_name, _fitness_check(policy))
            self._object_rings[policy.index] = ring
        return ring

    def load_rings(self) -> None:
        """Open every ring now; RingError for the first that is missing or unusable."""
        assert self.account_ring and self.container_ring
        for policy in self.policies:
            self.object_ring(policy.index)

    def _ring(self, name: str, hook: Callable[[Ring], None] | None = None) -> Ring:
        ring = self._rings.get(name)
        if ring is None:
            self.require_salt()
            ring = self._rings[name] = Ring(self.swift_dir, ring_name=name, clock=self._clock,
                                            hash_path=self.hash_path, validation_hook=hook,
                                            logger=self._logger)
        return ring

    # -- the file ------------------------------------------------------------------------------

    @cached_property
    def _content(self) -> bytes | None:
        """The bytes of swift.conf, None if there is none."""
        try:
            with open(self.conf_path, 'rb') as conf:
                return conf.read(CONF_BYTES_MAX)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise ClusterConfigError(
                f'Unable to read {self.conf_path}: {problem.strerror}') from problem

    def _parser(self, encoding: str) -> configparser.ConfigParser:
        parser = configparser.ConfigParser()
        parser.read_string((self._content or b'').decode(encoding, 'surrogateescape'),
                           source=self.conf_path)
        return parser

    def _section(self, name: str, encoding: str) -> Mapping[str, str]:
        with self._reading():
            parser = self._parser(encoding)
            return dict(parser.items(name)) if parser.has_section(name) else {}

    def _reading(self) -> _Translated:
        return _Translated(self.conf_path)


class _Translated:
    """Turns faults of the ini grammar, interpolation included, into ClusterConfigError."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind, problem: BaseException | None, _trace) -> None:
        if isinstance(problem, configparser.Error):
            text = ' '.join(str(problem).split())
            raise ClusterConfigError(
                f'Unable to read config from {self._path}: {text}') from problem


_remembered_hash = lru_cache(maxsize=4096)(hashing.hash_path)


def _fitness_check(policy) -> Callable[[Ring], None] | None:
    if policy.ec is None:
        return None

    def check(ring: Ring) -> None:
        problem = policy.ring_problem(ring.replica_count)
        if problem:
            raise RingUnfit(problem, ring.serialized_path)
    return check
