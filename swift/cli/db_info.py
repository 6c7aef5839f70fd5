"""What swift-account-info and swift-container-info show of a database file (layer 4).

Prints who the database belongs to, its totals and times, system and user metadata, the state of
sharding, sync points if asked, and where the ring says that it should be. The lines are made from
values by pure functions; `run` is the program. The pending log is merged first, as by every
reader; when the database is locked, what is there is shown with a warning.
Exit codes: 0, 1 with the reason, 2 for possibly stale data. Source: sheet 07 §12.3.
"""
from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TextIO

from swift.account.backend import AccountBroker, AccountInfo
from swift.cli.get_nodes import Target, location_lines
from swift.common.cluster import Cluster
from swift.common.db.broker import Broker, Environment
from swift.common.db.files import SUFFIX, Place
from swift.common.errors import (
    ConfigError,
    DamagedDatabase,
    DatabaseFault,
    DatabaseMissing,
    DiskError,
    LockTimeout,
    RingError,
)
from swift.common.log import get_logger
from swift.common.places import config_root
from swift.container.backend import ContainerBroker, ContainerInfo
from swift.core.db_metadata import live
from swift.core.headers import (
    is_sys_meta,
    is_user_meta,
    strip_sys_meta_prefix,
    strip_user_meta_prefix,
)
from swift.core.listing_render import iso_time
from swift.core.shard_range import STATE_NAMES, ShardRange

BROKERS: dict[str, type[Broker]] = {'account': AccountBroker, 'container': ContainerBroker}
STATE_WIDTH = max(map(len, STATE_NAMES.values()))
STALE_WARNING = 'WARNING: Possibly Stale Data'


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is shown of one database."""

    kind: str
    info: Any
    path_hash: str
    policy_name: str = ''
    is_root: bool = True
    ranges: tuple[ShardRange, ...] = ()
    incoming: tuple[tuple, ...] = ()
    outgoing: tuple[tuple, ...] = ()


# -- lines ------------------------------------------------------------------------------------

def report_lines(report: Report, drop_prefixes: bool = False, sync: bool = False,
                 verbose: bool = False) -> list[str]:
    """Return the report up to the ring locations."""
    info = report.info
    if report.kind == 'account':
        lines = _account_lines(info, report.path_hash)
    else:
        lines = _container_lines(info, report.path_hash, report.policy_name)
    lines += _metadata_lines(report.kind, live(info.metadata), drop_prefixes)
    if report.kind == 'container':
        lines += _sharding_lines(report, verbose)
    if sync:
        lines += _sync_lines('Incoming', report.incoming)
        lines += _sync_lines('Outgoing', report.outgoing)
    return lines


def _account_lines(info: AccountInfo, path_hash: str) -> list[str]:
    return [f'Path: /{info.account}', f'  Account: {info.account}',
            f'  Deleted: {info.is_deleted}', f'  Account Hash: {path_hash}', 'Metadata:',
            *_time_lines(info), f'  Container Count: {info.container_count}',
            *_total_lines(info), *_identity_lines(info)]


def _container_lines(info: ContainerInfo, path_hash: str, policy_name: str) -> list[str]:
    return [f'Path: /{info.path}', f'  Account: {info.account}',
            f'  Container: {info.container}', f'  Deleted: {info.is_deleted}',
            f'  Container Hash: {path_hash}', 'Metadata:', *_time_lines(info),
            *_total_lines(info),
            f'  Storage Policy: {policy_name} ({info.storage_policy_index})',
            f'  Reported Put Timestamp: {_time(info.reported_put_timestamp)}',
            f'  Reported Delete Timestamp: {_time(info.reported_delete_timestamp)}',
            f'  Reported Object Count: {info.reported_object_count}',
            f'  Reported Bytes Used: {info.reported_bytes_used}', *_identity_lines(info),
            f'  X-Container-Sync-Point1: {info.x_container_sync_point1}',
            f'  X-Container-Sync-Point2: {info.x_container_sync_point2}']


def _time_lines(info: AccountInfo | ContainerInfo) -> list[str]:
    return [f'  Created at: {_time(info.created_at)}',
            f'  Put Timestamp: {_time(info.put_timestamp)}',
            f'  Delete Timestamp: {_time(info.delete_timestamp)}',
            f'  Status Timestamp: {_time(info.status_changed_at)}']


def _total_lines(info: AccountInfo | ContainerInfo) -> list[str]:
    return [f'  Object Count: {info.object_count}', f'  Bytes Used: {info.bytes_used}']


def _identity_lines(info: AccountInfo | ContainerInfo) -> list[str]:
    return [f'  Chexor: {info.hash}', f'  UUID: {info.id}']


def _time(timestamp: str) -> str:
    return f'{iso_time(timestamp)} ({timestamp})'


def _metadata_lines(kind: str, metadata: dict[str, str], drop_prefixes: bool) -> list[str]:
    other, system, user = [], [], []
    for name, value in metadata.items():
        if is_user_meta(kind, name):
            shown = strip_user_meta_prefix(kind, name) if drop_prefixes else name
            user.append(f'    {shown}: {value}')
        elif is_sys_meta(kind, name):
            shown = strip_sys_meta_prefix(kind, name) if drop_prefixes else name
            system.append(f'    {shown}: {value}')
        else:
            other.append(f'  {name}: {value}')
    for title, found in (('system', system), ('user', user)):
        other += [f'  {title.title()} Metadata:', *found] if found \
            else [f'No {title} metadata found in db file']
    return other


def _sharding_lines(report: Report, verbose: bool) -> list[str]:
    lines = ['Sharding Metadata:', f'  Type: {"root" if report.is_root else "shard"}',
             f'  State: {report.info.db_state}']
    if not report.ranges:
        return lines
    counts = Counter(item.state for item in report.ranges)
    lines += [f'Shard Ranges ({len(report.ranges)}):', '  States:']
    lines += [f'    {STATE_NAMES[state]:>{STATE_WIDTH}}: {counts[state]}'
              for state in STATE_NAMES if counts[state]]
    if not verbose:
        return [*lines, '  Use -v to show more details.']
    for item in sorted(report.ranges, key=lambda found: found.sort_key):
        lines += _range_lines(item)
    return lines


def _range_lines(item: ShardRange) -> list[str]:
    state = f'{STATE_NAMES.get(item.state, "unknown")} ({item.state})'
    return [f'  Name: {item.name}', f'    lower: {item.lower!r}, upper: {item.upper!r}',
            f'    Object Count: {item.object_count}, Bytes Used: {item.bytes_used}, '
            f'State: {state}',
            f'    Created at: {_time(item.timestamp)}',
            f'    Meta Timestamp: {_time(item.meta_timestamp or item.timestamp)}']


def _sync_lines(direction: str, points: Sequence[tuple]) -> list[str]:
    if not points:
        return [f'No {direction.lower()} sync found in db file']
    return [f'{direction} Syncs:', '  Sync Point\tRemote ID\tUpdated At',
            *(f'  {point}\t{remote_id}\t{_time(updated_at or "0")}'
              for remote_id, point, updated_at in points)]


# -- the program ------------------------------------------------------------------------------

def run(kind: str, argv: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Show the database named on the command line; return the exit code."""
    out = out or sys.stdout
    parser = _parser(kind)
    options = parser.parse_args(argv)
    if len(options.files) != 1:
        out.write(parser.format_help())
        return 1
    path = options.files[0]
    if not path.endswith(SUFFIX) or not os.path.exists(path):
        out.write("DB file doesn't exist\n")
        return 1
    place = Place.of_file(path)
    logger = get_logger({'log_level': 'CRITICAL'}, f'{kind}-info')
    broker = BROKERS[kind](place, Environment(logger, quarantines=False))
    try:
        return _show(kind, broker, path, options, out)
    except (DamagedDatabase, DatabaseFault, DatabaseMissing):
        out.write(f'Does not appear to be a DB of type "{kind}": {path}\n')
        return 1
    except (ConfigError, DiskError) as err:
        out.write(f'{err}\n')
        return 1
    finally:
        broker.close()


def _show(kind: str, broker: Broker, path: str, options: argparse.Namespace, out: TextIO) -> int:
    cluster = Cluster(options.swift_dir)
    code = 0
    try:
        report = _collect(kind, broker, cluster)
    except LockTimeout:
        out.write(f'{STALE_WARNING}\n')
        broker.env = replace(broker.env, skip_commits=True)
        report, code = _collect(kind, broker, cluster), 2
    lines = report_lines(report, options.drop_prefixes, options.sync,
                         getattr(options, 'verbose', False))
    out.write('\n'.join(lines) + '\n')
    target = Target(report.info.account, getattr(report.info, 'container', None))
    try:
        ring = getattr(cluster, f'{kind}_ring')
        out.write('\n'.join(location_lines(ring, cluster, target)) + '\n')
    except (ConfigError, RingError):
        pass                                    # no ring here: nothing to say about places
    return code


def _collect(kind: str, broker: Broker, cluster: Cluster) -> Report:
    info = broker.info()
    incoming, outgoing = tuple(broker.syncs('incoming')), tuple(broker.syncs('outgoing'))
    path_hash = cluster.hash_path(info.account, getattr(info, 'container', None))
    if kind == 'account':
        return Report(kind, info, path_hash, incoming=incoming, outgoing=outgoing)
    policy = cluster.policies.get_by_index(info.storage_policy_index)
    ranges = tuple(item for item in broker.shard_ranges()
                   if not item.deleted and item.name != info.path)
    return Report(kind, info, path_hash, policy.name if policy else 'unknown', broker.is_root(),
                  ranges, incoming, outgoing)


def _parser(kind: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f'swift-{kind}-info', usage='%(prog)s [options] DB_FILE',
        description=f'Show what is in an {kind} database.' if kind == 'account'
        else f'Show what is in a {kind} database.')
    parser.add_argument('-d', '--swift-dir', metavar='DIR', help='folder of swift.conf and rings',
                        default=config_root())
    parser.add_argument('--drop-prefixes', action='store_true',
                        help='show metadata without X-...-Meta- and X-...-Sysmeta-')
    parser.add_argument('-s', '--sync', action='store_true', help='show sync points of peers')
    if kind == 'container':
        parser.add_argument('-v', '--verbose', action='store_true', help='show all shard ranges')
    parser.add_argument('files', nargs='*', metavar='DB_FILE')
    return parser
