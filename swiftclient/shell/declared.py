"""Declarations: an option, a sub-command. Parsing, help, completion and manual read them.

Standard library only, no imports of the client: `swift --help` must not wait for it.
Source: sheet 08, section 5.
"""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Option:
    """One option. `kind` is flag, unset, count, silence, text, whole, list, help or pick.

    `flags` are the names that help shows, `aliases` those that are only understood. `env` names
    environment variables, the first that is set gives the default. `value` is what a `pick`
    option stores.
    """

    flags: tuple[str, ...]
    dest: str
    kind: str
    help: str
    metavar: str = ''
    env: tuple[str, ...] = ()
    default: object = None
    aliases: tuple[str, ...] = ()
    value: object = None

    @property
    def takes_value(self) -> bool:
        return self.kind in ('text', 'whole', 'list')

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.flags, *self.aliases)

    def shown(self) -> str:
        names = ', '.join(self.flags)
        return f'{names} {self.metavar}' if self.metavar else names


@dataclass(frozen=True)
class Command:
    """One sub-command: what it is called, takes and does; `module` has its run()."""

    name: str
    summary: str
    description: str
    synopsis: str
    positionals: tuple[tuple[str, str], ...] = ()
    options: tuple[Option, ...] = ()
    needs_login: bool = True
    aliases: tuple[str, ...] = field(default=())
    module: str = ''


def flag(names: str, dest: str, text: str) -> Option:
    return Option(tuple(names.split()), dest, 'flag', text, default=False)


def value(names: str, dest: str, metavar: str, text: str, default: object = None) -> Option:
    return Option(tuple(names.split()), dest, 'text', text, metavar, default=default)


def several(names: str, dest: str, metavar: str, text: str) -> Option:
    return Option(tuple(names.split()), dest, 'list', text, metavar)


def threads(names: str, dest: str, of: str) -> Option:
    return Option((names,), dest, 'whole', f'Number of threads that {of} (default: 10).',
                  '<threads>', default=10)
