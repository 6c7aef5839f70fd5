"""The services of a node: names, groups, configurations, pid files.

Layer 1. Only names and paths; nothing is started or signalled here.

    object.1            -> service object-server, configuration <swift_dir>/object-server/1.conf
    object-replicator   -> every configuration of the object servers
    main, rest, all     -> groups;  *-replicator, obj* -> patterns over all names

    <swift_dir>/object-server/1.conf  <->  <run_dir>/object-replicator/1.pid

One configuration root and one run directory per call: an option beats the environment
(SWIFT_DIR, SWIFT_RUN_DIR), which beats the default. Every command uses both.

Source: sheet 07 sections 7.1, 7.3, 28.1, 28.4.
"""
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from swift.common.config.parser import parser_for
from swift.common.errors import ConfigError
from swift.common.places import DEFAULT_SWIFT_DIR, config_root

DEFAULT_RUN_DIR = '/var/run/swift'
MAIN = ('proxy-server', 'account-server', 'container-server', 'object-server')
REST = ('account-auditor', 'account-reaper', 'account-replicator', 'container-auditor',
        'container-reconciler', 'container-replicator', 'container-sharder', 'container-sync',
        'container-updater', 'object-auditor', 'object-expirer', 'object-reconstructor',
        'object-replicator', 'object-updater')
ALL = MAIN + REST
GROUPS = {'all': ALL, 'main': MAIN, 'rest': REST}
STANDALONE = ('container-reconciler',)  # whose configuration is its own
EXPIRER_WARNING = ("WARNING: object-expirer.conf is deprecated. Move object-expirers' "
                   'configuration into object-server.conf.')


@dataclass(frozen=True)
class Places:
    """Where configurations and pid files are."""

    swift_dir: str = DEFAULT_SWIFT_DIR
    run_dir: str = DEFAULT_RUN_DIR

    @classmethod
    def choose(cls, swift_dir: str | None = None, run_dir: str | None = None,
               environ: Mapping[str, str] = os.environ) -> 'Places':
        """Return the places by the one rule: option, environment, default."""
        return cls(
            os.path.abspath(config_root(swift_dir, environ)),
            os.path.abspath(run_dir or environ.get('SWIFT_RUN_DIR') or DEFAULT_RUN_DIR))


@dataclass(frozen=True, order=True)
class Service:
    """A service, or one instance of it (`instance` is the name of its configuration)."""

    name: str
    instance: str = ''

    def __str__(self) -> str:
        return self.name

    @property
    def program(self) -> str:
        """The command that runs it."""
        return 'swift-' + self.name

    @property
    def type(self) -> str:
        """account, container, object or proxy."""
        return self.name.partition('-')[0]

    @property
    def is_main(self) -> bool:
        """Whether it is a WSGI server, which can finish gracefully and reload."""
        return self.name in MAIN


def parse_services(words: Iterable[str]) -> tuple[list[Service], bool]:
    """Return the services that words stand for, in order and once each, and whether all were
    named explicitly (no group, no pattern)."""
    found: dict[Service, None] = {}
    explicit = True
    for word in words:
        if word in GROUPS or '*' in word:
            explicit = False
        found.update(dict.fromkeys(_expand(word)))
    return list(found), explicit


def _expand(word: str) -> Iterator[Service]:
    if word in GROUPS:
        yield from map(Service, GROUPS[word])
        return
    if '*' in word:
        pattern = re.compile('.*'.join(re.escape(part) for part in word.split('*')))
        yield from (Service(name) for name in ALL if pattern.match(name))
        return
    name, _dot, instance = word.partition('.')
    yield Service(name if '-' in name else name + '-server', instance)


# -- configurations -------------------------------------------------------------------------------

def configurations(service: Service, places: Places) -> tuple[list[str], str]:
    """Return the sorted configuration paths of a service and a warning to show, or ''."""
    if service.name in STANDALONE:
        return _search(places.swift_dir, service.name, service.instance), ''
    found = _search(places.swift_dir, service.type + '-server', service.instance)
    if service.name != 'object-expirer':
        return found, ''
    with_section = [path for path in found if _has_section(path, service.name)]
    if with_section:
        return with_section, ''
    own = _search(places.swift_dir, service.name, service.instance)
    return own, EXPIRER_WARNING if own else ''


def _search(root: str, prefix: str, instance: str, suffix: str = '.conf') -> list[str]:
    """Return files and one-configuration directories below `root` that start with `prefix`.

    With an instance only `<prefix>*/<instance>.conf` and `.conf.d` count.
    """
    found = []
    try:
        names = os.listdir(root)
    except OSError:
        return []
    for name in names:
        path = os.path.join(root, name)
        if not name.startswith(prefix):
            continue
        if name.endswith((suffix, suffix + '.d')):
            usable = os.path.isfile if name.endswith(suffix) else os.path.exists
            if not instance and usable(path):
                found.append(path)
        elif os.path.isdir(path):
            found += _walk(path, instance, suffix)
    return sorted(found)


def _walk(top: str, instance: str, suffix: str) -> Iterator[str]:
    wanted = {instance + suffix, instance + suffix + '.d'}
    for directory, subdirectories, files in os.walk(top):
        ends = [name for name in subdirectories if name.endswith(suffix + '.d')]
        subdirectories[:] = [name for name in subdirectories if name not in ends]
        ends += [name for name in files if name.endswith((suffix, suffix + '.d'))]
        yield from (os.path.join(directory, name) for name in ends
                    if not instance or name in wanted)


def _has_section(path: str, section: str) -> bool:
    try:
        return parser_for(path, raw=True).has_section(section)
    except ConfigError:
        return False


# -- pid files ----------------------------------------------------------------------

def pid_path(service: Service, conf: str, places: Places) -> str:
    """Return the pid file of a service running with a configuration."""
    relative = os.path.relpath(conf, places.swift_dir)
    relative = relative.replace(service.type + '-server', service.name, 1)
    return os.path.join(places.run_dir, _swap_suffix(relative, '.conf', '.pid'))


def conf_path(service: Service, pid_file: str, places: Places) -> str:
    """Return the configuration that belongs to a pid file: pid_path backwards."""
    relative = _swap_suffix(os.path.relpath(pid_file, places.run_dir), '.pid', '.conf')
    own = os.path.join(places.swift_dir, relative)
    if service.name in STANDALONE:
        return own
    shared = os.path.join(places.swift_dir,
                          relative.replace(service.name, service.type + '-server', 1))
    # A legacy expirer has a configuration under its own name.
    return own if os.path.exists(own) and not os.path.exists(shared) else shared


def _swap_suffix(path: str, old: str, new: str) -> str:
    directory, name = os.path.split(path)
    return os.path.join(directory, name.replace(old, new, 1))


def pid_files(service: Service, places: Places) -> list[str]:
    """Return the pid files that exist for a service."""
    return [path for path in _search(places.run_dir, service.name, service.instance, '.pid')
            if os.path.isfile(path)]
