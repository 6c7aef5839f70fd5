"""`swift bash_completion`. Source: sheet 08, section 5.2."""
from typing import Any

from swiftclient.shell.command_table import COMMANDS
from swiftclient.shell.global_options import GLOBAL
from swiftclient.shell.parsing import CommandLine


def run(line: CommandLine, output: Any) -> None:
    output.print_msg('%s', ' '.join(words_for(line.words)))


def words_for(words: list[str]) -> list[str]:
    """Return what may follow: everything, or the flags of one sub-command."""
    everywhere = [name for option in GLOBAL for name in option.names]
    if not words:
        return [*COMMANDS, *everywhere]
    command = COMMANDS.get(words[0])
    if command is None:
        return []
    return [*(name for option in command.options for name in option.names), *everywhere]
