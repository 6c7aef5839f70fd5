"""Commands of swift-ring-builder that look at or change devices (layer 4).

Each takes the session and its arguments and returns an exit code. None moves data: that is for
the next rebalance. The builder is saved once, after everything worked. Source: sheet 01 sections
10.2 to 10.4.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from swift.cli.ringbuilder_args import (
    UNCHANGED,
    CommandFailed,
    DeviceArguments,
    Usage,
    criteria_of,
    device_of_options,
    pairs_of,
    parse_device_arguments,
    parse_search_words,
    whole_number,
)
from swift.cli.ringbuilder_report import search_table
from swift.common.errors import BuilderError
from swift.common.ring import utils
from swift.common.ring.utils import Criteria, ValueRefused, display

if TYPE_CHECKING:
    from swift.cli.ringbuilder import Session


def search(session: Session, args: list[str]) -> int:
    """Show the devices that match."""
    arguments = parse_device_arguments('search', args)
    criteria = criteria_of('search', arguments) or [{}]
    found = utils.search(session.builder.devs, criteria)
    if not found:
        raise CommandFailed('No matching devices found')
    session.say(*search_table(session.builder, found))
    return 0


def add(session: Session, args: list[str]) -> int:
    """Add devices; all or none."""
    arguments = parse_device_arguments('add', args)
    if arguments.by_options:
        if arguments.words:
            raise Usage('add')
        new = [device_of_options(arguments.wanted)]
    else:
        new = [_device_of(session, value, weight)
               for value, weight in pairs_of('add', arguments.words)]
    builder = session.builder
    _refuse_during_increase(session, 'adding')
    for dev in new:
        other = _holder_of_address(session, dev)
        if other:
            raise CommandFailed(f'Device {other["id"]} already uses '
                                f'{dev["ip"]}:{dev["port"]}/{dev["device"]}.\n{UNCHANGED}\n')
        dev_id = builder.add_dev(dev)
        session.say(f'Device {display(builder.devs[dev_id])} with '
                    f'{builder.devs[dev_id]["weight"]} weight got id {dev_id}')
    session.save()
    return 0


def set_weight(session: Session, args: list[str]) -> int:
    """Set the weight of devices."""
    arguments = parse_device_arguments('set_weight', args)
    return _set_values(session, 'set_weight', arguments, 'weight', utils.parse_weight)


def set_region(session: Session, args: list[str]) -> int:
    """Set the region of devices."""
    arguments = parse_device_arguments('set_region', args)
    return _set_values(session, 'set_region', arguments, 'region', _parse_number)


def set_zone(session: Session, args: list[str]) -> int:
    """Set the zone of devices."""
    arguments = parse_device_arguments('set_zone', args)
    return _set_values(session, 'set_zone', arguments, 'zone', _parse_number)


def set_info(session: Session, args: list[str]) -> int:
    """Change address, name or meta of devices."""
    arguments = parse_device_arguments('set_info', args)
    if arguments.by_options:
        if arguments.words or not arguments.change:
            raise Usage('set_info')
        jobs = [([arguments.wanted], arguments.change)]
    else:
        try:
            jobs = [(parse_search_words([value]), utils.parse_change_value(change))
                    for value, change in pairs_of('set_info', arguments.words)]
        except ValueRefused as problem:
            raise CommandFailed(str(problem)) from problem
    for criteria, change in jobs:
        for dev in _chosen(session, criteria, arguments.yes,
                           'Are you sure you want to update the info for these {} devices?'):
            _change_info(session, dev, change)
    session.save()
    return 0


def remove(session: Session, args: list[str]) -> int:
    """Mark devices for removal by the next rebalance."""
    arguments = parse_device_arguments('remove', args)
    all_criteria = criteria_of('remove', arguments)
    if not all_criteria:
        raise Usage('remove')
    _refuse_during_increase(session, 'removing')
    for criteria in all_criteria:
        for dev in _chosen(session, [criteria], arguments.yes,
                           'Are you sure you want to remove these {} devices?', 'removals'):
            session.builder.remove_dev(dev['id'])
            session.say(f'{display(dev)} marked for removal and will be removed next rebalance.')
    session.save()
    return 0


def _set_values(session: Session, command: str, arguments: DeviceArguments, key: str,
                parse: Callable[[str], float | int]) -> int:
    if arguments.by_options:
        if len(arguments.words) != 1:
            raise Usage(command)
        pairs = [([arguments.wanted], arguments.words[0])]
    else:
        pairs = [(parse_search_words([value]), argument)
                 for value, argument in pairs_of(command, arguments.words)]
    try:
        jobs = [(criteria, parse(argument)) for criteria, argument in pairs]
    except ValueRefused as problem:
        raise CommandFailed(str(problem)) from problem
    question = f'Are you sure you want to update the {key} for these {{}} devices?'
    for criteria, value in jobs:
        for dev in _chosen(session, criteria, arguments.yes, question):
            try:
                session.builder.set_dev_value(dev['id'], key, value)
            except BuilderError as problem:
                raise CommandFailed(str(problem)) from problem
            session.say(f'{display(dev)} {key} set to {value}')
    session.save()
    return 0


def _chosen(session: Session, criteria: list[Criteria], yes: bool, question: str,
            what: str = 'modifications') -> list[dict]:
    """Return the devices to change, after asking if there are several."""
    found = utils.search(session.builder.devs, criteria)
    if not found:
        raise CommandFailed(f'Search value matched 0 devices.\n{UNCHANGED}')
    if len(found) > 1 and not yes:
        session.say('Matched more than one device:', *('    ' + display(dev) for dev in found))
        try:
            answer = session.ask(question.format(len(found)) + ' (y/N) ')
        except (EOFError, KeyboardInterrupt):
            answer = ''
        if answer != 'y':
            raise CommandFailed(f'Aborting device {what}')
    elif len(found) > 1:
        session.say('Matched more than one device:', *('    ' + display(dev) for dev in found))
    return found


def _change_info(session: Session, dev: dict, change: Criteria) -> None:
    wanted = {**dev, **change}
    other = _holder_of_address(session, wanted)
    if other and other is not dev:
        raise CommandFailed(f'Device {other["id"]} already uses '
                            f'{wanted["ip"]}:{wanted["port"]}/{wanted["device"]}.')
    before = display(dev)
    dev.update(change)
    session.say(f'Device {before} is now {display(dev)}')


def _holder_of_address(session: Session, dev: Criteria) -> dict | None:
    for other in session.builder.present_devs:
        if (other['ip'], other['port'], other['device']) == (dev['ip'], dev['port'],
                                                             dev['device']):
            return other
    return None


def _device_of(session: Session, value: str, weight: str) -> Criteria:
    try:
        dev = utils.parse_add_value(value)
        parsed_weight = utils.parse_weight(weight)
    except ValueRefused as problem:
        raise CommandFailed(f'{problem}\n{UNCHANGED}') from problem
    if 'region' not in dev:
        session.warn(f'WARNING: No region specified for {value}. Defaulting to region 1.', '')
    # The order of keys is the order in the builder file.
    return {'region': dev.pop('region', 1), 'zone': dev['zone'], 'ip': dev['ip'],
            'port': dev['port'], 'device': dev['device'],
            'replication_ip': dev['replication_ip'],
            'replication_port': dev['replication_port'], 'meta': dev['meta'],
            'weight': parsed_weight}


def _refuse_during_increase(session: Session, doing: str) -> None:
    if session.builder.power_increase_in_progress:
        raise CommandFailed('Partition power increase in progress. You need \n'
                            f'to finish the increase first before {doing} devices.')


def _parse_number(text: str) -> int:
    number = whole_number(text)
    if number is None:
        raise ValueRefused(f'Invalid number: {text}')
    return number
