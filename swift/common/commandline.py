"""The command line that all servers and daemons share.

Layer 1.    swift-object-server CONFIG [options] [words]

A bare word equal to the name of a flag sets it (`once` is `--once`); other words are kept and
ignored. The config path is made absolute, because daemons change their directory.

Source: sheet 07 sections 5.1, 6.1.
"""
import argparse
import os
from collections.abc import Callable, Sequence
from typing import Any


class CommandLineError(SystemExit):
    """A wrong command line: usage and reason are on standard output already."""


def parser_for(program: str, *, once: bool = False, test_config: bool = False
               ) -> argparse.ArgumentParser:
    """Return a parser with the common options, for servers (test_config) or daemons (once)."""
    parser = argparse.ArgumentParser(
        prog=program, usage='%(prog)s CONFIG [options]', allow_abbrev=False)
    parser.add_argument('-v', '--verbose', action='store_true', help='log to console')
    if once:
        parser.add_argument('-o', '--once', action='store_true', help='only run one pass')
    if test_config:
        parser.add_argument('-t', '--test-config', action='store_true',
                            help='load and check the configuration, then exit')
    return parser


def parse(parser: argparse.ArgumentParser, argv: Sequence[str],
          show: Callable[[str], Any] = print) -> tuple[str, dict[str, Any]]:
    """Return (absolute config path, options by name); bare words are under 'extra_args'.

    Prints usage and reason and raises CommandLineError(1) when the path is missing.
    """
    options, words = parser.parse_known_intermixed_args(list(argv))
    values = vars(options)
    unknown = [word for word in words if word.startswith('-') and word != '-']
    if unknown:
        parser.error('no such option: %s' % unknown[0])
    extra = []
    path = words[0] if words else None
    for word in words[1:]:
        if isinstance(values.get(word), bool):
            values[word] = True
        else:
            extra.append(word)
    if path is None:
        show(parser.format_usage().rstrip())
        show('Error: missing config path argument')
        raise CommandLineError(1)
    path = os.path.abspath(path)
    if not os.path.exists(path):
        show(parser.format_usage().rstrip())
        show('Error: unable to locate %s' % path)
        raise CommandLineError(1)
    return path, {**values, 'extra_args': extra}
