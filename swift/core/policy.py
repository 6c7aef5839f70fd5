"""Storage policies as values: parsing of [storage-policy:N], look-up, and the names they imply.

Layer 0: the caller reads swift.conf and hands over the sections as plain mappings; which erasure
codes the host can run is asked from an ErasureSupport object, so nothing here touches a library.

A policy never changes after parsing. Index 0 is the *legacy* policy (containers that recorded
none); the *default* policy is only for new containers. Replica counts are the ring's business.

Names on disk come from names.policy_name. Source: sheet 01 section 14; the texts of PolicyError
are seen by operators.
"""
from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from swift.core.names import policy_name, split_policy_name

REPLICATION = 'replication'
EC = 'erasure_coding'
LEGACY_NAME = 'Policy-0'
SECTION_PREFIX = 'storage-policy:'
NAME_CHARACTERS = '-' + string.ascii_letters + string.digits
DEFAULT_SEGMENT_SIZE = 1048576
DEFAULT_DISKFILES = {REPLICATION: 'egg:swift#replication.fs', EC: 'egg:swift#erasure_coding.fs'}
# From this many parity fragments on, this code loses data that the mathematics says is safe.
BAD_CODE, BAD_CODE_PARITY = 'isa_l_rs_vand', 5

_COMMON_OPTIONS = frozenset(
    ('name', 'aliases', 'policy_type', 'default', 'deprecated', 'diskfile_module'))
_EC_OPTIONS = frozenset(('ec_type', 'ec_num_data_fragments', 'ec_num_parity_fragments',
                         'ec_object_segment_size', 'ec_duplication_factor'))
_TRUE = frozenset(('true', '1', 'yes', 'on', 't', 'y'))


class PolicyError(ValueError):
    """A storage policy configuration that must not be used. The text names the rule broken."""

    def __init__(self, text: str, index: object = None) -> None:
        super().__init__(text if index is None else f'{text}, for index {index}')


class ErasureSupport(Protocol):
    """What the host's erasure code library can do."""

    available: tuple[str, ...]

    def min_parity_needed(self, ec_type: str, data: int, parity: int) -> int:
        """Return how many parity fragments a PUT needs at least; ValueError if unusable."""


@dataclass(frozen=True, slots=True)
class ErasureCode:
    """The code of an EC policy. k = data_fragments, m = parity_fragments."""

    ec_type: str
    data_fragments: int
    parity_fragments: int
    segment_size: int = DEFAULT_SEGMENT_SIZE
    duplication_factor: int = 1
    min_parity_needed: int = 1

    @property
    def unique_fragments(self) -> int:
        return self.data_fragments + self.parity_fragments

    @property
    def total_fragments(self) -> int:
        """The exact replica count the policy's ring must have."""
        return self.unique_fragments * self.duplication_factor

    @property
    def quorum(self) -> int:
        return (self.data_fragments + self.min_parity_needed) * self.duplication_factor

    @property
    def scheme(self) -> str:
        """The description stored with each object, such as 'liberasurecode_rs_vand 10+4'."""
        return f'{self.ec_type} {self.data_fragments}+{self.parity_fragments}'

    def fragment_index(self, primary_index: int) -> int:
        return primary_index % self.unique_fragments


@dataclass(frozen=True, slots=True)
class StoragePolicy:
    """One policy. ``index`` is its identity for ever; names may change."""

    index: int
    name: str
    aliases: tuple[str, ...] = ()
    policy_type: str = REPLICATION
    is_default: bool = False
    is_deprecated: bool = False
    diskfile_module: str = ''                    # '' is that of its type
    ec: ErasureCode | None = None

    def __int__(self) -> int:
        return self.index

    __index__ = __int__

    def __str__(self) -> str:
        return f'policy {self.index} ({self.alias_text})'

    @property
    def idx(self) -> int:
        # Compat: the name plug-ins know.
        return self.index

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    @property
    def alias_text(self) -> str:
        """All names joined by ', ', the primary one first, as /info shows them."""
        return ', '.join(self.names)

    @property
    def is_ec(self) -> bool:
        return self.policy_type == EC

    @property
    def ring_name(self) -> str:
        return policy_name('object', self.index)

    @property
    def objects_dir(self) -> str:
        return policy_name('objects', self.index)

    @property
    def async_dir(self) -> str:
        return policy_name('async_pending', self.index)

    @property
    def tmp_dir(self) -> str:
        return policy_name('tmp', self.index)

    def quorum(self, replicas: float) -> int:
        """Return how many nodes must accept a write for it to count."""
        return self.ec.quorum if self.ec else quorum_size(replicas)

    def ring_problem(self, replicas: float) -> str | None:
        """Return why a ring with this replica count cannot serve the policy, None if it can."""
        if self.ec is None or replicas == self.ec.total_fragments:
            return None
        return (f'EC ring for policy {self.name} needs to be configured with exactly '
                f'{self.ec.total_fragments} replicas. Got {replicas}.')

    def info(self) -> dict[str, object]:
        """Return the entry of /info."""
        entry: dict[str, object] = {'name': self.name, 'aliases': self.alias_text}
        if self.is_default:
            entry['default'] = True
        return entry


def quorum_size(replicas: float) -> int:
    """Half of the replicas, rounded up. Compat: two of four is enough, whatever manuals say."""
    return int((replicas + 1) // 2)


@dataclass(frozen=True)
class PolicyCollection:
    """All policies of a cluster, by index and by case-insensitive name."""

    policies: tuple[StoragePolicy, ...]
    warnings: tuple[str, ...] = ()
    _by_index: dict[int, StoragePolicy] = field(default_factory=dict, repr=False, compare=False)
    _by_name: dict[str, StoragePolicy] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        for policy in self.policies:
            self._by_index[policy.index] = policy
            for name in policy.names:
                self._by_name[name.upper()] = policy

    def __iter__(self) -> Iterator[StoragePolicy]:
        return iter(self.policies)

    def __len__(self) -> int:
        return len(self.policies)

    def __getitem__(self, index: int) -> StoragePolicy:
        return self._by_index[index]

    @property
    def default(self) -> StoragePolicy:
        return next(policy for policy in self.policies if policy.is_default)

    @property
    def legacy(self) -> StoragePolicy:
        return self._by_index[0]

    def get_by_index(self, index: int | str | None) -> StoragePolicy | None:
        """Return the policy; None and '' mean 0; unknown or not a number gives None."""
        if index is None or index == '':
            return self._by_index.get(0)
        try:
            return self._by_index.get(int(index))
        except (TypeError, ValueError):
            return None

    def get_by_name(self, name: str) -> StoragePolicy | None:
        return self._by_name.get(name.upper())

    def get_by_name_or_index(self, text: str) -> StoragePolicy | None:
        """Return the policy meant by a person. PolicyError if a numeric name is ambiguous."""
        by_name, by_index = self.get_by_name(text), self.get_by_index(text)
        if by_name and by_index and by_name is not by_index:
            raise PolicyError(f'Found different polices when searching by name ({by_name}) '
                              f'and by index ({by_index})')
        return by_name or by_index

    def split_dir(self, name: str, base: str) -> StoragePolicy | None:
        """Return the policy of a directory such as 'objects-1' (base 'objects'), else None."""
        try:
            found, index = split_policy_name(name)
        except ValueError:
            return None
        return self._by_index.get(index) if found == base else None

    def info(self) -> list[dict[str, object]]:
        """Return swift.policies of /info: deprecated policies are hidden."""
        return [policy.info() for policy in self.policies if not policy.is_deprecated]


def parse_policies(sections: Mapping[str, Mapping[str, str]],
                   erasure: ErasureSupport) -> PolicyCollection:
    """Return the policies of swift.conf's sections; other sections are ignored.

    Raises PolicyError with the text operators know for the first rule broken.
    """
    policies, warnings = [], []
    for section, options in sections.items():
        if section.startswith(SECTION_PREFIX):
            policy = parse_policy(section[len(SECTION_PREFIX):], options, erasure)
            warnings += _ec_warnings(policy)
            policies.append(policy)
    return validate_policies(policies, warnings)


def parse_policy(index_text: str, options: Mapping[str, str],
                 erasure: ErasureSupport) -> StoragePolicy:
    """Return one policy, checked as far as it can be without the others."""
    index = _parse_index(index_text)
    policy_type = options.get('policy_type', REPLICATION)
    if policy_type not in DEFAULT_DISKFILES:
        raise PolicyError(f"Invalid policy_type '{policy_type}', should be one of "
                          f'"{REPLICATION}, {EC}"', index)
    known = _COMMON_OPTIONS | _EC_OPTIONS if policy_type == EC else _COMMON_OPTIONS
    for option in options:
        if option not in known:
            raise PolicyError(f"Invalid option '{option}' in storage-policy section",
                              f"'{index_text}'")
    name = options.get('name', '')
    names = _parse_names(index, name, options.get('aliases', ''))
    is_default, is_deprecated = (_is_true(options.get(key)) for key in ('default', 'deprecated'))
    if is_default and is_deprecated:
        raise PolicyError('Deprecated policy can not be default.  Invalid config', index)
    return StoragePolicy(
        index=index, name=name, aliases=names[1:], policy_type=policy_type,
        is_default=is_default, is_deprecated=is_deprecated,
        diskfile_module=options.get('diskfile_module') or DEFAULT_DISKFILES[policy_type],
        ec=_parse_code(index, name, options, erasure) if policy_type == EC else None)


def validate_policies(policies: Iterable[StoragePolicy],
                      warnings: Iterable[str] = ()) -> PolicyCollection:
    """Return the collection after the checks that need all policies, with a default chosen."""
    chosen = sorted(policies, key=lambda policy: policy.index)
    if not chosen:
        chosen = [StoragePolicy(0, LEGACY_NAME, is_default=True)]
    by_index: dict[int, StoragePolicy] = {}
    by_name: dict[str, StoragePolicy] = {}
    default = None
    for policy in chosen:
        if policy.index in by_index:
            raise PolicyError(f'Duplicate index {policy} conflicts with {by_index[policy.index]}')
        by_index[policy.index] = policy
        for name in policy.names:
            other = by_name.setdefault(name.upper(), policy)
            if other is not policy:
                raise PolicyError(f'Duplicate name {policy} conflicts with {other}')
        if policy.is_default:
            if default:
                raise PolicyError(f'Duplicate default {policy} conflicts with {default}')
            default = policy
    if 0 not in by_index:
        raise PolicyError('You must specify a storage policy section for policy index 0 in order '
                          'to define multiple policies')
    if all(policy.is_deprecated for policy in chosen):
        raise PolicyError("Unable to find policy that's not deprecated!")
    if default is None:
        if len(chosen) > 1:
            raise PolicyError('Unable to find default policy')
        chosen = [_as_default(chosen[0])]
    return PolicyCollection(tuple(chosen), tuple(warnings))


def _as_default(policy: StoragePolicy) -> StoragePolicy:
    return StoragePolicy(policy.index, policy.name, policy.aliases, policy.policy_type, True,
                         policy.is_deprecated, policy.diskfile_module, policy.ec)


def _is_true(text: str | None) -> bool:
    return text is not None and text.lower() in _TRUE


def _parse_index(text: str) -> int:
    try:
        index = int(text)
    except ValueError:
        index = -1
    if index < 0:
        raise PolicyError('Invalid index', f"'{text}'")
    return index


def _parse_names(index: int, name: str, aliases: str) -> tuple[str, ...]:
    _check_name(index, name)
    names = [name]
    for alias in (part.strip() for part in aliases.split(',')):
        if not alias or alias == name:
            continue
        _check_name(index, alias)
        if alias.upper() in (known.upper() for known in names):
            raise PolicyError(f'The name {alias} is already assigned to this policy.', index)
        names.append(alias)
    return tuple(names)


def _check_name(index: int, name: str) -> None:
    if not name:
        raise PolicyError(f"Invalid name '{name}'", index)
    if any(char not in NAME_CHARACTERS for char in name):
        raise PolicyError('Names are used as HTTP headers, and can not reliably contain any '
                          f"characters not in '{NAME_CHARACTERS}'. Invalid name '{name}'", index)
    if index and name.upper() == LEGACY_NAME.upper():
        raise PolicyError(f'The name {LEGACY_NAME} is reserved for policy index 0. '
                          f"Invalid name '{name}'", index)


def _parse_code(index: int, name: str, options: Mapping[str, str],
                erasure: ErasureSupport) -> ErasureCode:
    ec_type = options.get('ec_type')
    if not ec_type:
        raise PolicyError('Missing ec_type')
    if ec_type not in erasure.available:
        raise PolicyError(f'Wrong ec_type {ec_type} for policy {name}, should be one of '
                          f'"{", ".join(erasure.available)}"')
    data = _positive(index, options, 'ec_num_data_fragments')
    parity = _positive(index, options, 'ec_num_parity_fragments')
    segment_size = _positive(index, options, 'ec_object_segment_size', DEFAULT_SEGMENT_SIZE)
    factor_text = options.get('ec_duplication_factor', '1')
    factor = _int_or_zero(factor_text)
    if factor < 1:
        raise PolicyError(
            f'Config option must be an positive int number, not "{factor_text}".', index)
    try:
        needed = erasure.min_parity_needed(ec_type, data, parity)
    except ValueError as problem:
        raise PolicyError(f'Error creating EC policy ({problem})', index)
    return ErasureCode(ec_type, data, parity, segment_size, factor, needed)


def _positive(index: int, options: Mapping[str, str], key: str, default: int | None = None) -> int:
    text = options.get(key)
    if text is None and default is not None:
        return default
    value = _int_or_zero(text)
    if value < 1:
        raise PolicyError(f'Invalid {key} {text!r}', index)
    return value


def _int_or_zero(text: str | None) -> int:
    try:
        return int(text or '')
    except ValueError:
        return 0


def _ec_warnings(policy: StoragePolicy) -> list[str]:
    code = policy.ec
    if not code or code.ec_type != BAD_CODE or code.parity_fragments < BAD_CODE_PARITY:
        return []
    text = (f'Storage policy {policy.name} uses an EC configuration known to harm data '
            'durability.')
    if not policy.is_deprecated:
        raise PolicyError(text + ' This policy MUST be deprecated.')
    return [text + ' Any data in this policy should be migrated.']
