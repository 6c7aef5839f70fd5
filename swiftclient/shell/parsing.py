"""From the words of a command line to options and arguments.

Options and arguments may be mixed, long options may be shortened as far as they are unambiguous,
`--` ends the options. An unknown option or a malformed value is an error with status 2.
Source: sheet 08, section 5 (first paragraph).
"""
import getopt
from collections import namedtuple
from collections.abc import Iterable, Mapping

from swiftclient.shell.command_table import COMMANDS
from swiftclient.shell.declared import Option
from swiftclient.shell.global_options import GLOBAL

TRUE_VALUES = ('true', '1', 'yes', 'on', 't', 'y')


class UsageError(Exception):
    """The command line cannot be understood; the text says why."""


class CommandLine(namedtuple('_COMMAND_LINE', 'name command options words')):
    """What was asked for: `name` as it was typed, `command` None if there is no such one.

    `options` is a dict that later steps complete, `words` are the arguments.
    """

    __slots__ = ()


def parse(argv: list[str], environ: Mapping[str, str]) -> CommandLine:
    """Return the command line without its program name; raises UsageError."""
    place = _place_of_command(argv)
    if place is None:
        given, words = _apply(argv, GLOBAL, environ)
        return CommandLine(words[0] if words else None, None, given, words[1:])
    command = COMMANDS.get(argv[place])
    if command is None:
        return CommandLine(argv[place], None, {}, [])
    rest = argv[:place] + argv[place + 1:]
    given, words = _apply(rest, GLOBAL + command.options, environ)
    return CommandLine(argv[place], command, given, words)


def _place_of_command(argv: list[str]) -> int | None:
    """Return the index of the first word that is neither an option nor an option's value."""
    takes = {name for option in GLOBAL if option.takes_value for name in option.names}
    index = 0
    while index < len(argv):
        word = argv[index]
        if word == '--':
            return index + 1 if index + 1 < len(argv) else None
        if not word.startswith('-') or word == '-':
            return index
        index += 2 if _wants_next(word, takes) else 1
    return None


def _wants_next(word: str, takes: set[str]) -> bool:
    if word.startswith('--'):
        return '=' not in word and (word in takes or sum(
            name.startswith(word) for name in takes) == 1)
    for at, letter in enumerate(word[1:], 1):
        if f'-{letter}' in takes:
            return at == len(word) - 1
    return False


def _apply(argv: list[str], options: Iterable[Option],
           environ: Mapping[str, str]) -> tuple[dict, list[str]]:
    by_name = {name: option for option in options for name in option.names}
    short = ''.join(f'{name[1]}:' if option.takes_value else name[1]
                    for name, option in by_name.items() if len(name) == 2)
    long = [f'{name[2:]}=' if option.takes_value else name[2:]
            for name, option in by_name.items() if len(name) > 2]
    try:
        pairs, words = getopt.gnu_getopt(argv, short, long)
    except getopt.GetoptError as error:
        raise UsageError(error.msg) from None
    values = {option.dest: _default(option, environ) for option in reversed(list(options))
              if option.kind != 'silence'}
    for name, text in pairs:
        _store(values, by_name[name], text)
    return values, words


def _default(option: Option, environ: Mapping[str, str]) -> object:
    if option.kind == 'list':
        return []
    for name in option.env:
        if environ.get(name) is not None:
            text = environ[name]
            return text.lower() in TRUE_VALUES if option.kind == 'flag' else text
    return option.default


def _store(values: dict, option: Option, text: str) -> None:
    kind, dest = option.kind, option.dest
    if kind in ('flag', 'help'):
        values[dest] = True
    elif kind == 'unset':
        values[dest] = False
    elif kind == 'count':
        values[dest] += 1
    elif kind == 'silence':
        values[dest] = 0
    elif kind == 'pick':
        values[dest] = option.value
    elif kind == 'list':
        values[dest].append(text)
    elif kind == 'whole':
        try:
            values[dest] = int(text)
        except ValueError:
            raise UsageError(f'argument {"/".join(option.flags)}: invalid int value: '
                             f'{text!r}') from None
    else:
        values[dest] = text
