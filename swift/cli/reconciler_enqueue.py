"""swift-reconciler-enqueue: queue one object for the container-reconciler (layer 4).

    swift-reconciler-enqueue <policy_index> </a/c/o> <timestamp> [-X PUT|DELETE] [-f] [-d DIR]

`policy_index` is where the object was written, `timestamp` that of its row. Prints the queue
container that now has the row. With --force the row is as young as now, so that it comes back
after it was worked off. Exit codes: 0, or 1 with the reason. Source: sheet 07 section 14.
"""
import argparse
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from swift.common.clock import SYSTEM
from swift.common.cluster import Cluster
from swift.common.direct_client import DirectClient
from swift.common.errors import ConfigError, RingError
from swift.common.http.pool import ConnectionPool
from swift.common.places import config_root
from swift.container.reconciling import enqueue
from swift.core.names import split_path
from swift.core.reconciler_plan import DELETE, PUT
from swift.core.timestamp import Timestamp


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='swift-reconciler-enqueue',
        usage='%(prog)s <policy_index> </a/c/o> <timestamp> [options]',
        description='Queue an object that was written into the wrong storage policy.')
    parser.add_argument('policy_index', help='policy that the object was written into')
    parser.add_argument('path', help='/account/container/object')
    parser.add_argument('timestamp', help='time of the object')
    parser.add_argument('-X', '--op', default=PUT, choices=(PUT, DELETE),
                        help='what happened to the object at that time')
    parser.add_argument('-f', '--force', action='store_true',
                        help='queue it again although it was worked off')
    parser.add_argument('-d', '--swift-dir', default=None, help='directory of swift.conf and rings')
    return parser


def main(argv: Sequence[str] | None = None, *, out: TextIO | None = None,
         err: TextIO | None = None, pool: Any = None, clock: Any = SYSTEM) -> int:
    """Run the program with arguments (without program name) and return its exit code."""
    out, err = out or sys.stdout, err or sys.stderr
    options = _parser().parse_args(argv)
    try:
        cluster = Cluster(config_root(options.swift_dir))
        policy = cluster.policies.get_by_index(options.policy_index)
        if policy is None:
            raise ValueError(f'invalid storage policy index: {options.policy_index}')
        target = (policy.index, *split_path(options.path, 3, 3, True))
        force = Timestamp(clock.time()) if options.force else None
        container = enqueue(cluster, DirectClient(pool or ConnectionPool(), clock=clock), target,
                            Timestamp(options.timestamp), options.op, force)
    except ValueError as problem:
        err.write(f'ERROR: {problem}\n')
        return 1
    except (ConfigError, RingError) as problem:
        err.write(f'{problem}\n')
        return 1
    if container is None:
        err.write('ERROR: unable to enqueue!\n')
        return 1
    out.write(f'{container}\n')
    return 0
