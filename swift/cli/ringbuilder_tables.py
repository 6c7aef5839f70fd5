"""Commands of swift-ring-builder that make, change, measure or write tables (layer 4).

Each takes the session and its arguments and returns an exit code. When a rebalance is saved the
builder goes first: a crash in between leaves a ring that is reported as obsolete, and write_ring
mends it; the other way round the ring in use could never be continued.
Source: sheet 01 sections 10.4 to 10.8.
"""
from __future__ import annotations

import argparse
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from swift.cli.ringbuilder_args import (
    CommandFailed,
    Usage,
    criteria_of,
    parse_device_arguments,
    whole_number,
)
from swift.cli.ringbuilder_help import usage_of
from swift.cli.ringbuilder_report import dispersion_report, remaining_time
from swift.cli.ringbuilder_report import report as report_lines
from swift.common.errors import EmptyRingError, RingLoadError, RingValidationError
from swift.common.ring import utils
from swift.common.ring.builder import Rebalanced, RingBuilder
from swift.common.ring.files import FORMATS, read_ring
from swift.common.ring.files import write_ring as write_ring_file
from swift.core.ring_plan_measure import UNWANTED_BALANCE

if TYPE_CHECKING:
    from swift.cli.ringbuilder import Session

DASHES = '-' * 79
DEFAULT_MIN_PART_HOURS = 24
# Below this change in percent a rebalance is not worth distributing.
WORTHWHILE = 1
BALANCE_TO_MENTION = 5
SEED_NOT_GIVEN = None
FORMAT_NOTICE = ('Defaulting to --format-version=1. This ensures the ring',
                 'written will be readable by older versions of Swift.',
                 'In a future release, the default will change to', '--format-version=2', '')


def report(session: Session, _args: list[str]) -> int:
    """Show the ring and its devices."""
    session.say(*report_lines(session.builder, session.builder_file, session.ring_file))
    return 0


def create(session: Session, args: list[str]) -> int:
    """Make a new builder, also in place of an existing one."""
    if len(args) < 3:
        raise Usage('create')
    try:
        power, replicas, hours = int(args[0]), float(args[1]), int(args[2])
    except ValueError as problem:
        raise CommandFailed(f'{usage_of("create")}\n{problem}') from problem
    new = RingBuilder(power, replicas, hours, clock=session.clock)
    if session.builder is not None:
        # What is replaced here may be the only record of where data lives.
        session.back_up(session.builder_file)
    session.builder = new
    session.save()
    session.back_up(session.builder_file)
    return 0


def version(session: Session, _args: list[str]) -> int:
    """Show the versions of the ring file."""
    ring = read_ring(session.ring_file, metadata_only=True)
    build = '(none)' if ring.version is None else ring.version
    session.say(f'{session.ring_file}: Serialization version: {ring.format_version} '
                f'({ring.dev_id_bytes}-byte IDs), build version: {build}')
    return 0


def list_parts(session: Session, args: list[str]) -> int:
    """Show the partitions with replicas on matching devices, most matches first."""
    arguments = parse_device_arguments('list_parts', args)
    criteria = criteria_of('list_parts', arguments) or [{}]
    _require_table(session)
    found = utils.search(session.builder.devs, criteria)
    if not found:
        raise CommandFailed('No matching devices found')
    hits = np.isin(session.builder.table, [dev['id'] for dev in found])
    counts = hits.sum(axis=0)
    parts = np.flatnonzero(counts)
    order = np.lexsort((parts, hits.argmax(axis=0)[parts], -counts[parts]))
    session.say('Partition   Matches')
    session.say(*(f'{part:9d}   {counts[part]:7d}' for part in parts[order].tolist()))
    return 0


def validate(session: Session, _args: list[str]) -> int:
    """Check that table and devices agree."""
    session.builder.validate()
    return 0


def rebalance(session: Session, args: list[str]) -> int:
    """Make the table follow the devices, and write ring and builder."""
    options = _rebalance_options(args)
    builder = session.builder
    if builder.power_increase_in_progress:
        raise CommandFailed('Partition power increase in progress.\n'
                            'You need to finish the increase first before rebalancing.')
    format_version = _format_version(session, options.format_version)
    before = _Before(_balance_or_none(builder), builder.dispersion, builder.devs_changed,
                     remaining_time(builder))
    try:
        outcome = builder.rebalance(options.seed)
        builder.validate()
    except (RingValidationError, EmptyRingError) as problem:
        raise CommandFailed('\n'.join((
            DASHES, 'An error has occurred during ring validation. Common',
            'causes of failure are rings that are empty or do not',
            'have enough devices to accommodate the replica count.',
            'Original exception message:', f' {problem}', DASHES))) from problem
    if options.debug:
        session.say(*_debug_lines(builder))
    if not options.force:
        refusal = _reason_not_to_save(builder, outcome, before)
        if refusal:
            session.say(*refusal)
            return 1
    session.say(f'Reassigned {outcome.changed} ({100.0 * outcome.changed / builder.parts:.2f}%) '
                f'partitions. Balance is now {outcome.balance:.2f}.  '
                f'Dispersion is now {builder.dispersion:.2f}')
    notes = _notes(builder, outcome.balance)
    session.say(*notes)
    session.save()
    write_ring_file(session.ring_file, builder.ring_data(), format_version)
    session.back_up(session.ring_file, session.builder_file)
    return 1 if notes else 0


def dispersion(session: Session, args: list[str]) -> int:
    """Show how well replicas are spread over failure domains."""
    parser = _parser('dispersion')
    parser.add_argument('filter', nargs='?')
    parser.add_argument('-v', '--verbose', action='store_true')
    parser.add_argument('--recalculate', action='store_true')
    options = parser.parse_args(args)
    _require_table(session)
    if options.recalculate or not session.builder.dispersion_graph:
        session.builder.measure_dispersion()
        if options.recalculate:
            session.save()
    try:
        lines, is_bad = dispersion_report(session.builder, options.filter, options.verbose)
    except re.error as problem:
        raise CommandFailed(f'Invalid filter {options.filter!r}: {problem}') from problem
    session.say(*lines)
    return 1 if is_bad else 0


def write_ring(session: Session, args: list[str]) -> int:
    """Write the ring file without rebalancing."""
    parser = _parser('write_ring')
    _add_format_version(parser)
    parser.add_argument('--dev-id-bytes', type=int, choices=(2, 4))
    options = parser.parse_args(args)
    builder = session.builder
    format_version = _format_version(session, options.format_version, options.dev_id_bytes)
    if not builder.present_devs:
        raise CommandFailed('Unable to write empty ring.')
    if not builder.is_balanced_once:
        session.warn('WARNING: Writing a ring with no partition assignments but with devices; '
                     'did you forget to run "rebalance"?')
    if options.dev_id_bytes and options.dev_id_bytes < builder.dev_id_bytes:
        raise CommandFailed(f'Device ids of this ring need {builder.dev_id_bytes} bytes')
    write_ring_file(session.ring_file, builder.ring_data(), format_version, options.dev_id_bytes)
    session.back_up(session.ring_file)
    return 0


def write_builder(session: Session, args: list[str]) -> int:
    """Make up a builder for a ring whose builder was lost."""
    if os.path.exists(session.builder_file):
        raise CommandFailed('Cowardly refusing to overwrite existing Ring Builder file: '
                            f'{session.builder_file}')
    hours = DEFAULT_MIN_PART_HOURS
    if args:
        hours = _number('write_builder', args[0])
    else:
        session.warn('WARNING: default min_part_hours may not match the value in the lost '
                     'builder.')
    ring = read_ring(session.ring_file)
    if not ring.rows:
        raise RingLoadError(f'Ring file {session.ring_file} assigns no partitions')
    session.builder = RingBuilder.from_ring(ring, hours, session.clock)
    session.save()
    return 0


def pretend_min_part_hours_passed(session: Session, _args: list[str]) -> int:
    """Let every partition be moved by the next rebalance."""
    session.builder.pretend_min_part_hours_passed()
    session.save()
    return 0


def set_min_part_hours(session: Session, args: list[str]) -> int:
    """Set how long a partition stays after it moved."""
    if not args:
        raise Usage('set_min_part_hours')
    session.builder.min_part_hours = _number('set_min_part_hours', args[0])
    session.say('The minimum number of hours before a partition can be reassigned is now set to '
                f'{args[0]}')
    session.save()
    return 0


def set_replicas(session: Session, args: list[str]) -> int:
    """Set the replica count."""
    if not args:
        raise Usage('set_replicas')
    replicas = _float(args[0])
    if replicas is None:
        raise CommandFailed(f'{usage_of("set_replicas")}\n"{args[0]}" is not a valid number.')
    if replicas < 1:
        raise CommandFailed('Replica count must be at least 1.')
    session.builder.set_replicas(replicas)
    session.say(f'The replica count is now {replicas:.6f}.',
                'The change will take effect after the next rebalance.')
    session.save()
    return 0


def set_overload(session: Session, args: list[str]) -> int:
    """Set how much more than its weight's share a device may hold for dispersion."""
    if not args:
        raise Usage('set_overload')
    is_percent = args[0].endswith('%')
    overload = _float(args[0].removesuffix('%'))
    if overload is None:
        raise CommandFailed(f"{usage_of('set_overload')}\n'{args[0]}' is not a valid number.")
    if overload < 0:
        raise CommandFailed('Overload must be non-negative.')
    if is_percent:
        overload *= 0.01
    is_odd = overload > 1 and not is_percent
    if is_odd:
        session.say('!?! Warning overload is greater than 100% !?!')
    session.builder.overload = overload
    session.say(f'The overload factor is now {overload * 100:.2f}% ({overload:.6f})',
                'The change will take effect after the next rebalance.')
    session.save()
    return 1 if is_odd else 0


def prepare_increase_partition_power(session: Session, _args: list[str]) -> int:
    """Announce that the number of partitions will double."""
    if 'object' not in os.path.basename(session.builder_file):
        raise CommandFailed('Partition power increase is only supported for object rings.')
    if not session.builder.prepare_increase_partition_power():
        raise CommandFailed('Ring is already prepared for partition power increase.')
    session.say(f'The next partition power is now {session.builder.next_part_power}.',
                'The change will take effect after the next write_ring.',
                'Ensure your proxy-servers, object-replicators and ',
                'reconstructors are using the changed rings and relink ',
                '(using swift-object-relinker) your existing data',
                'before the partition power increase')
    session.save()
    return 0


def increase_partition_power(session: Session, _args: list[str]) -> int:
    """Double the number of partitions; data must have been relinked."""
    if not session.builder.increase_partition_power():
        raise CommandFailed('Ring partition power cannot be increased. Either the ring\n'
                            'was not prepared yet, or this operation has already run.')
    session.say(f'The partition power is now {session.builder.part_power}.',
                'The change will take effect after the next write_ring.')
    session.save()
    return 0


def cancel_increase_partition_power(session: Session, _args: list[str]) -> int:
    """Give up a prepared increase."""
    if not session.builder.cancel_increase_partition_power():
        raise CommandFailed('Ring partition power increase cannot be canceled.')
    session.say(f'The next partition power is now {session.builder.next_part_power}.',
                'The change will take effect after the next write_ring.',
                'Ensure your object-servers are using the changed rings and',
                'cleanup (using swift-object-relinker) the hard links')
    session.save()
    return 0


def finish_increase_partition_power(session: Session, _args: list[str]) -> int:
    """End an increase after old links were cleaned up."""
    if not session.builder.finish_increase_partition_power():
        raise CommandFailed('Ring partition power increase cannot be finished.')
    session.say('The change will take effect after the next write_ring.')
    session.save()
    return 0


# -- helpers ---------------------------------------------------------------------------------

def _parser(command: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f'swift-ring-builder <builder_file> {command}',
                                   add_help=False)


def _add_format_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--format-version', type=int, choices=FORMATS)


def _rebalance_options(args: list[str]) -> argparse.Namespace:
    parser = _parser('rebalance')
    parser.add_argument('-f', '--force', action='store_true')
    parser.add_argument('-s', '--seed')
    parser.add_argument('-d', '--debug', action='store_true')
    _add_format_version(parser)
    parser.add_argument('positional_seed', nargs='?', metavar='seed')
    options = parser.parse_args(args)
    if options.seed is SEED_NOT_GIVEN:
        options.seed = options.positional_seed
    return options


def _format_version(session: Session, chosen: int | None, width: int | None = None) -> int:
    """Return the format to write. Wide ids get the only format that has room for them."""
    needed = max(session.builder.dev_id_bytes, width or 0)
    if chosen == 1 and needed > 2:
        raise CommandFailed('Ring v1 only supports 2-byte dev IDs')
    if chosen is not None:
        return chosen
    if needed > 2:
        return 2
    session.say(*FORMAT_NOTICE)
    return 1


def _require_table(session: Session) -> None:
    if not session.builder.is_balanced_once:
        raise CommandFailed(f'Specified builder file "{session.builder_file}" is not rebalanced '
                            'yet. Please rebalance first.')


def _balance_or_none(builder: RingBuilder) -> float | None:
    try:
        return builder.balance()
    except EmptyRingError:
        return None


@dataclass(frozen=True)
class _Before:
    """The builder as it was before a rebalance."""

    balance: float | None
    dispersion: float | None
    devs_changed: bool
    remaining: timedelta


def _reason_not_to_save(builder: RingBuilder, outcome: Rebalanced, before: _Before) -> list[str]:
    """Return why the rebalance is not worth saving, nothing if it is."""
    if not outcome.changed and not outcome.removed:
        lines = ['No partitions could be reassigned.']
        if before.remaining:
            return [*lines, 'The time between rebalances must be at least min_part_hours: '
                    f'{builder.min_part_hours} hours ({before.remaining} remaining)']
        return [*lines, 'There is no need to do so at this time']
    if before.devs_changed or before.balance is None or before.dispersion is None:
        return []
    if before.balance == UNWANTED_BALANCE and outcome.balance == UNWANTED_BALANCE:
        return []
    if (abs(outcome.balance - before.balance) < WORTHWHILE
            and abs(builder.dispersion - before.dispersion) < WORTHWHILE):
        return ['Cowardly refusing to save rebalance as it did not change at least 1%.']
    return []


def _notes(builder: RingBuilder, balance: float) -> list[str]:
    if builder.dispersion > 0:
        return [DASHES, f'NOTE: Dispersion of {builder.dispersion:.06f} indicates some parts are '
                'not', '      optimally dispersed.', '',
                '      You may want to adjust some device weights, increase',
                '      the overload or review the dispersion report.', DASHES]
    if balance > BALANCE_TO_MENTION and balance / 100.0 > builder.overload:
        return [DASHES, f'NOTE: Balance of {balance:.2f} indicates you should push this ',
                f'      ring, wait at least {builder.min_part_hours} hours, and '
                'rebalance/repush.', DASHES]
    return []


def _debug_lines(builder: RingBuilder) -> list[str]:
    return [f'DEBUG: d{dev["id"]} holds {dev["parts"]}, wants {dev.get("parts_wanted", 0)} more'
            for dev in builder.present_devs]


def _number(command: str, text: str) -> int:
    number = whole_number(text)
    if number is None:
        raise CommandFailed(f'{usage_of(command)}\n"{text}" is not a valid number.')
    return number


def _float(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return None if value != value or value in (float('inf'), float('-inf')) else value
