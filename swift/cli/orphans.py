"""swift-orphans: processes of ours that no pid file knows, and their end (layer 4).

    swift-orphans [-a HOURS] [-k SIGNAL] [-w] [-r RUN_DIR]

Prints nothing when there is none. Only processes of the cluster with this run directory count.
Source: sheet 07 section 9.
"""
from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Sequence

from swift.cli.arguments import Parser, Refused, not_negative, refuses_in_one_line
from swift.cli.broken_pipe import ends_quietly
from swift.cli.process_table import (
    SwiftProcess,
    orphans,
    pids_in,
    swift_processes,
    table,
)
from swift.common.processes import PROC, Verdict, send
from swift.common.services import Places

AGE_DEFAULT_H = 24


@ends_quietly
@refuses_in_one_line
def main(argv: Sequence[str] | None = None, *, proc: str = PROC,
         kill: Callable[[int, int], Verdict] = send) -> int:
    """Run the program with arguments (without program name) and return its exit code."""
    words = _parser().parse_args(argv)
    number = signal_number(words.kill) if words.kill else None
    run_dir = Places.choose(run_dir=words.run_dir).run_dir
    # Processes first: one that is started meanwhile has its pid file when those are read.
    processes = swift_processes(proc)
    found = [process for process in orphans(processes, pids_in(run_dir), run_dir)
             if process.hours >= words.age]
    if not found:
        return 0
    print('\n'.join(table(found, words.wide)), flush=True)
    return 0 if number is None else _end(found, number, kill)


def _parser() -> Parser:
    parser = Parser(prog='swift-orphans',
                    description='List Swift processes that no pid file knows.')
    parser.add_argument('-a', '--age', type=not_negative, default=AGE_DEFAULT_H, metavar='HOURS',
                        help='at least this old (%(default)s)')
    parser.add_argument('-k', '--kill', metavar='SIGNAL', help='send them a signal')
    parser.add_argument('-w', '--wide', action='store_true', help='do not cut lines')
    parser.add_argument('-r', '--run-dir', metavar='DIR', help='directory of the pid files')
    return parser


def signal_number(text: str) -> int:
    """Return the number of a signal given as 15, TERM or SIGTERM. Raises Refused."""
    names = {member.name: member.value for member in signal.Signals}
    upper = text.upper()
    number = names.get(upper) or names.get('SIG' + upper)
    if number is None and text.isdecimal() and int(text) in names.values():
        number = int(text)
    if number is None:
        raise Refused(f"Could not translate '{text}' to a signal number.")
    return number


def _end(found: Iterable[SwiftProcess], number: int, kill: Callable[[int, int], Verdict]) -> int:
    print(f'Sending processes {signal.Signals(number).name} ({number}) signal...', end='',
          flush=True)
    refused = [process.pid for process in found
               if kill(process.pid, number) is Verdict.FORBIDDEN]
    print('Done.')
    for pid in refused:
        print(f'Not allowed to signal process {pid}', file=sys.stderr)
    return 1 if refused else 0
