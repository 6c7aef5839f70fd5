"""Whether the `diskfile_module` of every policy is one that this server works with.

Layer 3. The server and its daemons have one way to keep objects (store, reading, writing), and
swift.obj.diskfile is its facade for others. A module that keeps them in another way would be
bypassed, so it is refused at start, with one line that says which policy names it. Sheet 01 §14.8.

    [[<scheme>:][<distribution>]#]<name>     egg, swift when they are left out
"""
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from typing import Any

from swift.common.errors import ConfigError
from swift.core.policy import DEFAULT_DISKFILES, StoragePolicy

GROUP = 'swift.diskfile'
SCHEME, DISTRIBUTION = 'egg', 'swift'


def check_diskfile_modules(policies: Iterable[StoragePolicy],
                           load: Callable[[str, str], Any] | None = None) -> None:
    """Raise ConfigError for the first policy whose module cannot be honoured."""
    for policy in policies:
        own = parse_reference(DEFAULT_DISKFILES[policy.policy_type])
        module = policy.diskfile_module or DEFAULT_DISKFILES[policy.policy_type]
        try:
            found = parse_reference(module)
            if found == own:
                continue
            kind = getattr((load or _load)(*found), 'policy', None)
        except (ValueError, LookupError, ImportError, AttributeError) as err:
            raise ConfigError(f'Unable to load diskfile_module {module} for policy '
                              f'{policy.name}: {err}') from err
        if kind != policy.policy_type:
            raise ConfigError(f'Invalid diskfile_module {module} for policy {policy.index}:'
                              f'{policy.name} ({policy.policy_type})')
        raise ConfigError(f'Unable to load diskfile_module {module} for policy {policy.name}: '
                          f'objects are kept by {DEFAULT_DISKFILES[policy.policy_type]} only')


def parse_reference(text: str) -> tuple[str, str]:
    """Return distribution and name of an entry point. Raises ValueError for another scheme."""
    where, mark, name = text.rpartition('#')
    scheme, colon, distribution = where.partition(':')
    if mark and not colon:
        scheme, distribution = SCHEME, where
    if mark and scheme != SCHEME:
        raise ValueError(f'unhandled URI scheme: {scheme!r}')
    return distribution or DISTRIBUTION, name


def _load(distribution: str, name: str) -> Any:
    for entry in entry_points(group=GROUP, name=name):
        if entry.dist is not None and entry.dist.name == distribution:
            return entry.load()
    raise LookupError(f'{distribution} has no entry point {name} in group {GROUP}')
