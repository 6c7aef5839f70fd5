"""The tables that swift-ring-builder prints (layer 4).

Functions take a builder and return lines. Column widths are part of the interface: scripts cut
these tables by position. Source: sheet 01 sections 10.5, 10.6, 10.8; golden program outputs.
"""
from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from math import ceil

from swift.common.errors import BuilderError, EmptyRingError, RingLoadError
from swift.common.ring.builder import RingBuilder
from swift.common.ring.files import read_ring
from swift.common.ring.utils import bracketed
from swift.core.ring_plan_measure import device_balance, max_allowed

UP_TO_DATE, OBSOLETE = 'up-to-date', 'obsolete'


def report(builder: RingBuilder, builder_file: str, ring_file: str) -> list[str]:
    """Return what the program shows without a command."""
    devs = builder.present_devs
    ring_state, ring_line = _ring_state(builder, ring_file)
    lines = [
        f'{builder_file}, build version {builder.version}, id {builder.id or "(not assigned)"}',
        _summary(builder),
        f'The minimum number of hours before a partition can be reassigned is '
        f'{builder.min_part_hours} ({remaining_time(builder)} remaining)',
        f'The overload factor is {builder.overload * 100:.2f}% ({builder.overload:.6f})',
        ring_line]
    if devs:
        lines += _device_table(builder, devs)
    lines += _power_lines(builder, ring_state)
    try:
        builder.balance()
    except EmptyRingError as problem:
        lines.append(str(problem))
    return lines


def remaining_time(builder: RingBuilder) -> timedelta:
    return timedelta(seconds=builder.min_part_seconds_left())


def search_table(builder: RingBuilder, devs: Iterable[dict]) -> list[str]:
    """Return the table of the search command."""
    lines = ['Devices:    id  region  zone      ip address  port  replication ip  '
             'replication port      name weight partitions balance meta']
    per_weight = builder.parts_per_weight()
    for dev in devs:
        lines.append(
            f'         {dev["id"]:5d} {dev["region"]:7d} {dev["zone"]:5d} {dev["ip"]:>15s} '
            f'{dev["port"]:5d} {dev["replication_ip"]:>15s} {dev["replication_port"]:17d} '
            f'{dev["device"]:>9s} {dev["weight"]:6.2f} {dev["parts"]:>10d} '
            f'{device_balance(dev, per_weight):7.2f} {dev["meta"]}')
    return lines


def dispersion_report(builder: RingBuilder, pattern: str | None,
                      verbose: bool) -> tuple[list[str], bool]:
    """Return the lines of the dispersion command and whether some tier is over its maximum."""
    wanted = re.compile(pattern) if pattern else None
    allowed = max_allowed(builder.devs, builder.replicas)
    worst, worst_name, rows = 0.0, None, []
    for tier, counts in sorted(builder.dispersion_graph.items()):
        name = _tier_name(builder, tier)
        if wanted and not wanted.match(name):
            continue
        most = allowed.get(tier, 0)
        total = sum(held * parts for held, parts in enumerate(counts))
        over = sum((held - most) * parts for held, parts in enumerate(counts) if held > most)
        percent = 100.0 * over / total if total else 0.0
        if percent > worst:
            worst, worst_name = percent, name
        rows.append((name, total, percent, most, counts))
    lines = [f'Dispersion is {builder.dispersion:.6f}, Balance is {builder.balance():.6f}, '
             f'Overload is {builder.overload * 100:.2f}%',
             f'Required overload is {_required_overload(builder) * 100:.6f}%']
    if worst_name:
        lines.append(f'Worst tier is {worst:.6f} ({worst_name})')
    if verbose:
        lines += _tier_table(builder, rows)
    return lines, worst_name is not None


def _required_overload(builder: RingBuilder) -> float:
    try:
        return builder.required_overload()
    except BuilderError:
        # No plan at all (too few devices with weight): no overload would help.
        return 0.0


def _tier_table(builder: RingBuilder, rows: Sequence[tuple]) -> list[str]:
    name_width = max([30, *(len(name) for name, *_rest in rows)])
    width = max(len(str(builder.parts)), 5)
    columns = range(ceil(builder.replicas) + 1)
    header = f'{"Tier":<{name_width}} {"Parts":>{width}} {"%":>6} {"Max":>6}' + ''.join(
        f' {column:>{width}}' for column in columns)
    line = '-' * len(header)
    table = [line, header, line]
    for name, total, percent, most, counts in rows:
        counts = [*counts, *[0] * (len(columns) - len(counts))]
        table.append(f'{name:<{name_width}} {total:>{width}} {percent:6.2f} {most:6d}' + ''.join(
            f' {count:>{width}}' for count in counts))
    return table


def _tier_name(builder: RingBuilder, tier: tuple) -> str:
    name = f'r{tier[0]}'
    if len(tier) > 1:
        name += f'z{tier[1]}'
    if len(tier) > 2:
        name += f'-{tier[2]}'
    if len(tier) > 3:
        dev_id = tier[3]
        dev = builder.devs[dev_id] if dev_id < len(builder.devs) else None
        name += '/' + (dev['device'] if dev else f'IDd{dev_id}')
    return name


def _summary(builder: RingBuilder) -> str:
    devs = builder.present_devs
    regions = len({dev['region'] for dev in devs})
    zones = len({(dev['region'], dev['zone']) for dev in devs})
    try:
        balance = builder.balance()
    except EmptyRingError:
        balance = 0.0
    dispersion = '' if builder.dispersion is None else f', {builder.dispersion:.2f} dispersion'
    return (f'{builder.parts} partitions, {builder.replicas:.6f} replicas, {regions} regions, '
            f'{zones} zones, {len(devs)} devices, {builder.dev_id_bytes}-byte IDs, '
            f'{balance:.2f} balance{dispersion}')


def _ring_state(builder: RingBuilder, ring_file: str) -> tuple[str | None, str]:
    if not os.path.exists(ring_file):
        return None, f"Ring file {ring_file} not found, probably it hasn't been written yet"
    try:
        written = read_ring(ring_file)
    except RingLoadError as problem:
        return None, f'Ring file {ring_file} is invalid: {problem!r}'
    ours = builder.ring_data()
    same = (list(written.devs) == list(ours.devs) and written.part_shift == ours.part_shift
            and written.next_part_power == ours.next_part_power
            and written.version == ours.version
            and _same_rows(written.rows, ours.rows))
    state = UP_TO_DATE if same else OBSOLETE
    return state, f'Ring file {ring_file} is {state}'


def _same_rows(some: Sequence[memoryview], others: Sequence[memoryview]) -> bool:
    """Compare tables; how many bytes an id has does not matter."""
    if len(some) != len(others):
        return False
    pairs = list(zip(some, others, strict=True))
    if all(one.itemsize == other.itemsize for one, other in pairs):
        return all(one.tobytes() == other.tobytes() for one, other in pairs)
    return all(one.tolist() == other.tolist() for one, other in pairs)


def _device_table(builder: RingBuilder, devs: Sequence[dict]) -> list[str]:
    wide = 2 if any(':' in dev['ip'] or ':' in dev['replication_ip'] for dev in devs) else 0
    ip_width = max([10, *(len(dev['ip']) for dev in devs)]) + wide
    repl_width = max([14, *(len(dev['replication_ip']) for dev in devs)]) + wide
    port_width = max([4, *(len(str(dev['port'])) for dev in devs)])
    repl_port_width = max([4, *(len(str(dev['replication_port'])) for dev in devs)])
    name_width = max([5, *(len(dev['device']) for dev in devs)])
    weight_width = max([6, *(len(f'{dev["weight"]:.2f}') for dev in devs)])
    lines = [f'Devices:{"id":>5} {"region":>6} {"zone":>4} {"ip address":>{ip_width}}:'
             f'{"port":<{port_width}} {"replication ip":>{repl_width}}:'
             f'{"port":<{repl_port_width}} {"name":>{name_width}} {"weight":>{weight_width}} '
             f'{"partitions":>10} {"balance":>7} {"flags":>5} meta']
    per_weight = builder.parts_per_weight()
    for dev in sorted(devs, key=lambda dev: (dev['region'], dev['zone'], dev['ip'],
                                             dev['device'])):
        flags = 'DEL' if builder.is_marked(dev) else ''
        lines.append(
            f'{dev["id"]:13d} {dev["region"]:6d} {dev["zone"]:4d} '
            f'{bracketed(dev["ip"]):>{ip_width}}:{dev["port"]:<{port_width}} '
            f'{bracketed(dev["replication_ip"]):>{repl_width}}:'
            f'{dev["replication_port"]:<{repl_port_width}} {dev["device"]:>{name_width}} '
            f'{dev["weight"]:{weight_width}.2f} {dev["parts"]:>10d} '
            f'{device_balance(dev, per_weight):7.2f} {flags:>5} {dev["meta"]}')
    return lines


def _power_lines(builder: RingBuilder, ring_state: str | None) -> list[str]:
    upcoming, current = builder.next_part_power, builder.part_power
    if upcoming is None:
        return []
    if upcoming == current + 1:
        return ['', f'Preparing increase of partition power ({current} -> {upcoming})',
                'Run "swift-object-relinker relink" on all nodes before moving on to '
                'increase_partition_power.']
    lines = ['', f'Increased partition power ({current} -> {upcoming})']
    if ring_state != UP_TO_DATE:
        lines.append('First run "swift-ring-builder <builderfile> write_ring" now and copy the '
                     'updated .ring.gz file to all nodes.')
    return [*lines, 'Run "swift-object-relinker cleanup" on all nodes before moving on to '
            'finish_increase_partition_power.']
