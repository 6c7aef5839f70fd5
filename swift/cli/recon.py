"""swift-recon: ask the recon filters of all storage servers, and print what they say (layer 4).

    swift-recon [account|container|object ...] [options]

Hosts are those of the rings. Exit code 0 whatever is found; 1 for a wrong server type or without
a usable ring. Source: sheet 07 §10.2; the checks are in recon_checks.py.
"""
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from swift.cli.broken_pipe import ends_quietly
from swift.cli.recon_checks import LINE, Session, run_checks
from swift.cli.recon_scout import Host, Scout, default_scout
from swift.common.cluster import Cluster
from swift.common.errors import ConfigError, RingError
from swift.common.places import config_root
from swift.common.ring.ring import Ring
from swift.core.policy import PolicyError, StoragePolicy

SERVER_TYPES = ('account', 'container', 'object')
TIMEOUT_S = 5
FLAGS = (
    (('-v', '--verbose'), 'Print verbose info'),
    (('--suppress',), 'Suppress most connection related errors'),
    (('-a', '--async'), 'Get async stats'),
    (('-r', '--replication'), 'Get replication stats'),
    (('-R', '--reconstruction'), 'Get reconstruction stats'),
    (('--auditor',), 'Get auditor stats'),
    (('--updater',), 'Get updater stats'),
    (('--expirer',), 'Get expirer stats'),
    (('--sharding',), 'Get sharding stats'),
    (('-u', '--unmounted'), 'Check cluster for unmounted devices'),
    (('-d', '--diskusage'), 'Get disk usage stats'),
    (('--human-readable',), 'Use human readable suffix for disk usage stats'),
    (('-l', '--loadstats'), 'Get cluster load average stats'),
    (('-q', '--quarantined'), 'Get cluster quarantine stats'),
    (('--validate-servers',), 'Validate servers on the ring'),
    (('--md5',), 'Get md5sum of servers ring and compare to local copy'),
    (('--sockstat',), 'Get cluster socket usage stats'),
    (('--driveaudit',), 'Get drive audit error stats'),
    (('-T', '--time'), 'Check time synchronization'),
    (('--swift-versions',), 'Check swift versions'),
    (('--all',), 'Perform all checks'),
)
VALUES = (
    (('--jitter',), float, 0.0, 'Maximal allowed time jitter'),
    (('--top',), int, 0, 'Also show the top COUNT entries in rank order'),
    (('--lowest',), int, 0, 'Also show the lowest COUNT entries in rank order'),
    (('--region',), int, None, 'Only query servers in specified region'),
    (('-z', '--zone'), int, None, 'Only query servers in specified zone'),
    (('-t', '--timeout'), float, TIMEOUT_S, 'Time to wait for a response from a server'),
    (('--swiftdir',), str, None, 'Directory of swift.conf and rings; default /etc/swift'),
    (('-p', '--policy'), str, None, 'Only query object servers in specified storage policy '
                                    '(specified as name or index)'),
)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog='swift-recon', usage='%(prog)s <server_type> [<server_type> [<server_type>]] '
        '[-v] [--suppress] [-a] [-r] [-u] [-d] [-R] [-l] [-T] [--md5] [--auditor] [--updater] '
        '[--expirer] [--sockstat] [--human-readable] [--all] ...',
        description='<server_type> is account, container or object (default).',
        allow_abbrev=False)
    parser.add_argument('server_types', nargs='*', metavar='server_type')
    for names, text in FLAGS:
        dest = {'dest': 'async_check'} if '--async' in names else {}
        parser.add_argument(*names, action='store_true', help=text, **dest)
    for names, kind, default, text in VALUES:
        parser.add_argument(*names, type=kind, default=default, help=text)
    return parser


def _policy(cluster: Cluster, text: str) -> StoragePolicy | None:
    try:
        return cluster.policies.get_by_name_or_index(text)
    except PolicyError:
        return None


def hosts_of(cluster: Cluster, server_type: str, policy: StoragePolicy | None,
             region: int | None, zone: int | None) -> list[Host]:
    """Return the addresses of the servers in the rings. Raises RingError if none can be read.

    Of several object rings those that are missing are left out.
    """
    names = [server_type]
    if server_type == 'object':
        names = [policy.ring_name] if policy else [one.ring_name for one in cluster.policies]
    found, loaded, problem = set(), 0, None
    for name in names:
        try:
            devices = Ring(cluster.swift_dir, ring_name=name).devs
        except RingError as error:
            problem = error
            continue
        loaded += 1
        found |= {(device['ip'], device['port']) for device in devices if device
                  and region in (None, device['region']) and zone in (None, device['zone'])}
    if not loaded and problem is not None:
        raise problem
    return sorted(found)


@ends_quietly
def main(argv: Sequence[str] | None = None, out: TextIO | None = None,
         scout: Scout | None = None, clock: Callable[[], float] = time.time) -> int:
    """Run the program; return its exit code."""
    out = out or sys.stdout
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = make_parser()
    print(LINE, file=out)
    if not argv:
        parser.print_help(out)
        return 0
    options = parser.parse_intermixed_args(argv)
    options.swiftdir = config_root(options.swiftdir)
    for server_type in options.server_types:
        if server_type not in SERVER_TYPES:
            print('Invalid Server Type', file=out)
            parser.print_help(out)
            return 1
    try:
        return _survey(options, parser, out, scout or default_scout(options.timeout), clock)
    except (RingError, ConfigError) as error:
        print('Error: %s' % error, file=sys.stderr)
        return 1


def _survey(options: argparse.Namespace, parser: argparse.ArgumentParser, out: TextIO,
            scout: Scout, clock: Callable[[], float]) -> int:
    cluster = Cluster(options.swiftdir)
    policy = None
    if options.policy is not None:
        policy = _policy(cluster, options.policy)
        if policy is None:
            print('Invalid Storage Policy: %s' % options.policy, file=out)
            parser.print_help(out)
            return 0
    for number, server_type in enumerate(options.server_types or ['object']):
        hosts = hosts_of(cluster, server_type, policy, options.region, options.zone)
        if number:
            print(LINE, file=out)
        print('--> Starting reconnaissance on %s hosts (%s)' % (len(hosts), server_type),
              file=out)
        print(LINE, file=out)
        run_checks(Session(server_type, hosts, options, scout, out, clock))
    return 0
