"""Run one sub-command, with what they have in common: the service and some checks.

Source: sheet 08, section 5.2.
"""
from importlib import import_module
from typing import Any

from swiftclient.shell.help_text import command_help
from swiftclient.shell.parsing import CommandLine

SLASH_WARNING = "WARNING: / in container name; you might have meant '%s' instead of '%s'."


class CommandError(Exception):
    """The arguments do not fit together; the text says why. Counts as one error."""


class WrongUsage(CommandError):
    """The number of arguments is wrong: the help of the sub-command is the message."""


def run_command(line: CommandLine, output: Any) -> None:
    """Run a sub-command; errors are reported through `output` or raised."""
    module = import_module(f'swiftclient.shell.commands.{line.command.name}')
    try:
        module.run(line, output)
    except WrongUsage as error:
        text = f'{error}\n\n' if str(error) else ''
        output.error('%s', text + command_help(line.command).rstrip('\n'))


def service_for(line: CommandLine) -> Any:
    """Return the service with the command line's options."""
    from swiftclient import shell

    return shell.SwiftService(options=line.options)


def require_threads(options: dict, *names: tuple[str, str]) -> None:
    """Check thread counts; pairs of (option as typed, its key)."""
    for name, key in names:
        if options[key] <= 0:
            raise WrongUsage(f'ERROR: option --{name} should be a positive integer.')


def container_of(words: list[str], output: Any) -> str:
    """Return the container's name; a slash in it is reported and ends the command."""
    name = words[0]
    if '/' in name:
        raise CommandError(SLASH_WARNING % (name.replace('/', ' ', 1), name))
    return name
