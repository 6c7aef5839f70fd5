"""Usage and help, made from the declarations. Source: sheet 08, section 5."""
import textwrap
from collections.abc import Iterable

from swiftclient.shell.command_table import COMMANDS
from swiftclient.shell.declared import Command, Option
from swiftclient.shell.global_options import GENERAL, OPENSTACK

WIDTH = 79
COLUMN = 26

USAGE = """\
usage: swift [--version] [--help] [--os-help] [<options>]
             <subcommand> [--help] [<subcommand options>] [<arguments>]
"""

EXAMPLES = """\
Examples:
  swift download --help

  swift -A https://storage.example.com/auth/v1.0 -U account:user -K key stat -v

  swift --os-auth-url https://identity.example.com/v3 --auth-version 3 \\
      --os-project-name project --os-project-domain-name domain \\
      --os-username user --os-user-domain-name domain \\
      --os-password password list

  swift --os-auth-url https://identity.example.com/v3 --auth-version 3 \\
      --os-auth-type v3applicationcredential \\
      --os-application-credential-id id \\
      --os-application-credential-secret secret list

  swift --os-auth-token token \\
      --os-storage-url https://storage.example.com/v1/AUTH_account list

  swift list --lh
"""


def main_help(with_openstack: bool) -> str:
    """Return the help of the program; the options for OpenStack only if asked for."""
    commands = [(command.name, command.summary) for name, command in COMMANDS.items()
                if name == command.name]
    parts = [USAGE, 'Command-line interface to the object storage cluster.\n',
             _table('Positional arguments:\n  <subcommand>', commands, 4), EXAMPLES,
             _options('Options:', GENERAL)]
    if with_openstack:
        parts.append(_options('OpenStack options (each also as an environment variable, '
                              'OS_USERNAME for --os-username):', OPENSTACK))
    return '\n'.join(parts)


def command_help(command: Command) -> str:
    """Return synopsis and help of a sub-command."""
    parts = [f'Usage: swift {synopsis(command)}\n', _fill(command.description)]
    if command.positionals:
        parts.append(_table('Positional arguments:', command.positionals, 2))
    if command.options:
        parts.append(_options('Optional arguments:', command.options))
    return '\n'.join(parts)


def synopsis(command: Command) -> str:
    """Return name, options and arguments, wrapped under each other."""
    words = [f'[{option.flags[-1]}{" " if option.metavar else ""}{option.metavar}]'
             for option in command.options] + command.synopsis.split()
    indent = ' ' * len(f'Usage: swift {command.name} ')
    lines, line = [], command.name
    for word in words:
        if len(line) + len(word) + 1 > WIDTH - (len('Usage: swift ') if not lines else 0):
            lines.append(line)
            line = indent + word
        else:
            line = f'{line} {word}'
    return '\n'.join([*lines, line])


def _options(title: str, options: Iterable[Option]) -> str:
    rows = []
    for option in options:
        env = f' [env: {", ".join(option.env)}]' if option.env else ''
        rows.append((option.shown(), option.help + env))
    return _table(title, rows, 2)


def _table(title: str, rows: Iterable[tuple[str, str]], indent: int) -> str:
    lines = [title]
    for left, right in rows:
        text = textwrap.wrap(right, WIDTH - COLUMN)
        head = ' ' * indent + left
        if len(head) < COLUMN:
            head, text = head.ljust(COLUMN) + text[0], text[1:]
        lines.append(head)
        lines += [' ' * COLUMN + line for line in text]
    return '\n'.join(lines) + '\n'


def _fill(text: str) -> str:
    return '\n'.join(textwrap.wrap(text, WIDTH)) + '\n'
