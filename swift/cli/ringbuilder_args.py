"""The arguments of swift-ring-builder's device commands (layer 4).

Devices are named either by search values or by options (--ip, --zone, ...), never by both in one
call. A command that would change devices must name at least one criterion: with none, every
device would match. Options may stand anywhere; the original wanted some of them last.
Source: sheet 01 sections 10.2, 10.3.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from swift.common.ring import utils
from swift.common.ring.utils import Criteria, ValueRefused

UNCHANGED = 'The on-disk ring builder is unchanged.'

_OPTIONS = (
    ('-u', 'id', int), ('-r', 'region', int), ('-z', 'zone', int), ('-i', 'ip', str),
    ('-p', 'port', int), ('-j', 'replication_ip', str), ('-q', 'replication_port', int),
    ('-d', 'device', str), ('-w', 'weight', float), ('-m', 'meta', str))
_CHANGES = (
    ('-I', 'ip', str), ('-P', 'port', int), ('-J', 'replication_ip', str),
    ('-Q', 'replication_port', int), ('-D', 'device', str), ('-M', 'meta', str))
_ZERO_COUNTS = ('id', 'region', 'zone', 'weight')
ADD_REQUIRED = (('-r', 'region'), ('-z', 'zone'), ('-i', 'ip'), ('-p', 'port'), ('-d', 'device'),
                ('-w', 'weight'))


class CommandFailed(Exception):
    """The command cannot be carried out; the text says why. Exit code 2."""


class Usage(Exception):
    """The arguments make no sense: show how the command is used. Exit code 2."""

    def __init__(self, command: str) -> None:
        super().__init__(command)
        self.command = command


@dataclass
class DeviceArguments:
    """Parsed arguments: ``words`` in order; what options ask for; new values for set_info."""

    words: list[str]
    wanted: Criteria
    change: Criteria
    yes: bool

    @property
    def by_options(self) -> bool:
        return bool(self.wanted)


def parse_device_arguments(command: str, args: Sequence[str]) -> DeviceArguments:
    """Return the arguments; argparse ends the program (2) on unknown options or bad numbers."""
    if not args:
        raise Usage(command)
    parser = argparse.ArgumentParser(prog=f'swift-ring-builder <builder_file> {command}',
                                     add_help=False)
    for short, name, kind in _OPTIONS:
        parser.add_argument(short, '--' + name.replace('_', '-'), dest=name, type=kind)
    for short, name, kind in _CHANGES:
        parser.add_argument(short, '--change-' + name.replace('_', '-'), dest='change_' + name,
                            type=kind)
    parser.add_argument('-y', '--yes', action='store_true')
    parser.add_argument('words', nargs='*')
    options = parser.parse_intermixed_args(list(args))
    wanted = {name: getattr(options, name) for _short, name, _kind in _OPTIONS}
    wanted = {name: value for name, value in wanted.items()
              if value or (value is not None and name in _ZERO_COUNTS)}
    change = {name: getattr(options, 'change_' + name) for _short, name, _kind in _CHANGES}
    change = {name: value for name, value in change.items() if value is not None}
    try:
        _normalize(wanted)
        _normalize(change)
    except ValueRefused as problem:
        raise CommandFailed(str(problem)) from problem
    return DeviceArguments(options.words, wanted, change, options.yes)


def parse_search_words(words: Sequence[str]) -> list[Criteria]:
    """Return the criteria of search values; CommandFailed for the first that is none."""
    try:
        return [utils.parse_search_value(word) for word in words]
    except ValueRefused as problem:
        raise CommandFailed(str(problem)) from problem


def criteria_of(command: str, arguments: DeviceArguments) -> list[Criteria]:
    """Return the criteria of a command whose words are all search values."""
    if arguments.by_options:
        if arguments.words:
            raise Usage(command)
        return [arguments.wanted]
    return parse_search_words(arguments.words)


def pairs_of(command: str, words: Sequence[str]) -> list[tuple[str, str]]:
    """Return (value, argument) pairs; Usage if there is none or one is incomplete."""
    if not words or len(words) % 2:
        raise Usage(command)
    return list(zip(words[::2], words[1::2], strict=True))


def device_of_options(wanted: Criteria) -> Criteria:
    """Return the device to add that options describe, weight included."""
    for short, name in ADD_REQUIRED:
        if name not in wanted:
            raise CommandFailed(f'Required argument {short}/--{name} not specified.\n{UNCHANGED}')
    dev = {name: wanted[name] for name in ('region', 'zone', 'ip', 'port', 'device')}
    try:
        utils.check_device_name(dev['device'])
        weight = utils.parse_weight(str(wanted['weight']))
    except ValueRefused as problem:
        raise CommandFailed(f'{problem}\n{UNCHANGED}') from problem
    dev['replication_ip'] = wanted.get('replication_ip', dev['ip'])
    dev['replication_port'] = wanted.get('replication_port', dev['port'])
    dev['meta'] = wanted.get('meta', '')
    dev['weight'] = weight
    return dev


def whole_number(text: str) -> int | None:
    """Return a number that is not negative, None if the text is none."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if number >= 0 else None


def _normalize(values: Criteria) -> None:
    for key in ('ip', 'replication_ip'):
        if key in values:
            values[key] = utils.normalize_address(values[key])
