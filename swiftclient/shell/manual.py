"""The manual page of `swift`, rendered from the declarations: python -m swiftclient.shell.manual

A test compares doc/manpages/swift.1 with what this prints, so the page cannot fall behind.
"""
from collections.abc import Iterable

from swiftclient.shell.command_table import COMMANDS
from swiftclient.shell.declared import Command, Option
from swiftclient.shell.global_options import GENERAL, OPENSTACK

HEAD = r"""
.TH SWIFT 1 "" "swift" "Object storage"
.SH NAME
swift \- command\-line client of the object storage cluster
.SH SYNOPSIS
.B swift
[\fIoptions\fR] \fIsubcommand\fR [\fIoptions\fR] [\fIarguments\fR]
.SH DESCRIPTION
Moves files and directories to and from the cluster, lists, describes, copies and deletes what is
there. Options and arguments may be mixed in any order; long options may be shortened as far as
they are unambiguous; everything after
.B \-\-
is an argument. A sub\-command's help is shown by \fBswift \fIsubcommand\fB \-\-help\fR.
""".lstrip('\n')

TAIL = r"""
.SH EXIT STATUS
.TP
0
All went well.
.TP
1
An error was reported, or arguments are missing.
.TP
2
The command line could not be understood, or the user interrupted. An interrupted transfer ends
at once and leaves no half\-written file; run it again with \fB\-\-skip\-identical\fR.
.SH EXAMPLES
.nf
swift upload photos holiday/
swift upload \-\-segment\-size 1G backups disk.img
swift list \-\-lh photos
swift download photos \-D copy
swift download \-\-skip\-identical photos
swift stat photos holiday/goat.jpg
swift delete photos
eval "$(swift auth)"
.fi
""".lstrip('\n')


def page() -> str:
    """Return the page as troff source."""
    parts = [HEAD, '.SH OPTIONS\n', _options(GENERAL), '.SS OpenStack\n', _options(OPENSTACK),
             '.SH SUBCOMMANDS\n']
    parts += [_command(command) for name, command in COMMANDS.items() if name == command.name]
    environment = sorted({name for option in GENERAL + OPENSTACK for name in option.env})
    parts += ['.SH ENVIRONMENT\n', _text('Defaults of the options of the same meaning: '
                                        + ', '.join(environment) + '.'), TAIL]
    return ''.join(parts)


def _command(command: Command) -> str:
    names = ', '.join((command.name, *command.aliases))
    lines = [f'.SS {_escaped(names)}\n', _text(f'swift {command.name} {command.synopsis}'.strip()),
             '.PP\n', _text(command.description)]
    lines += [f'.TP\n.I {_escaped(name)}\n{_text(meaning)}'
              for name, meaning in command.positionals]
    return ''.join(lines) + _options(command.options)


def _options(options: Iterable[Option]) -> str:
    return ''.join(f'.TP\n.B {_escaped(option.shown())}\n{_text(option.help)}'
                   for option in options)


def _text(text: str) -> str:
    return _escaped(text) + '\n'


def _escaped(text: str) -> str:
    text = text.replace('\\', '\\\\').replace('-', '\\-')
    return f'\\&{text}' if text.startswith(('.', "'")) else text


if __name__ == '__main__':
    print(page(), end='')
