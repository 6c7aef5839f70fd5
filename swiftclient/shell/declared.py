"""Declarations: an option, a sub-command. Parsing, help, completion and manual read them.

Standard library only, no imports of the client: `swift --help` must not wait for it.
Source: sheet 08, section 5.
"""
from collections import namedtuple

# Named tuples and not dataclasses: importing those costs more than all of `swift --help` else.
_OPTION = namedtuple('_OPTION', 'flags dest kind help metavar env default aliases value',
                     defaults=('', (), None, (), None))
_COMMAND = namedtuple('_COMMAND', 'name summary description synopsis positionals options '
                                  'needs_login aliases', defaults=((), (), True, ()))


class Option(_OPTION):
    """One option. `kind` is flag, unset, count, silence, text, whole, list, help or pick.

    `flags` are the names that help shows, `aliases` those that are only understood. `env` names
    environment variables, the first that is set gives the default. `value` is what a `pick`
    option stores.
    """

    __slots__ = ()

    @property
    def takes_value(self) -> bool:
        return self.kind in ('text', 'whole', 'list')

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.flags, *self.aliases)

    def shown(self) -> str:
        names = ', '.join(self.flags)
        return f'{names} {self.metavar}' if self.metavar else names


class Command(_COMMAND):
    """One sub-command: what it is called, what it takes, and whether it needs a login.

    `positionals` are pairs of what is shown and what it means.
    """

    __slots__ = ()


def flag(names: str, dest: str, text: str) -> Option:
    return Option(tuple(names.split()), dest, 'flag', text, default=False)


def value(names: str, dest: str, metavar: str, text: str, default: object = None) -> Option:
    return Option(tuple(names.split()), dest, 'text', text, metavar, default=default)


def several(names: str, dest: str, metavar: str, text: str) -> Option:
    return Option(tuple(names.split()), dest, 'list', text, metavar)


def threads(names: str, dest: str, of: str) -> Option:
    return Option((names,), dest, 'whole', f'Number of threads that {of} (default: 10).',
                  '<threads>', default=10)
