"""swift-oldies: processes of ours that run for longer than expected (layer 4).

    swift-oldies [-a HOURS] [-p]

Prints nothing when there is none. Source: sheet 07 section 9.
"""
from __future__ import annotations

from collections.abc import Sequence

from swift.cli.arguments import Parser, not_negative
from swift.cli.broken_pipe import ends_quietly
from swift.cli.process_table import swift_processes, table
from swift.common.processes import PROC

AGE_DEFAULT_H = 720


@ends_quietly
def main(argv: Sequence[str] | None = None, *, proc: str = PROC) -> int:
    """Run the program with arguments (without program name) and return its exit code."""
    parser = Parser(prog='swift-oldies', description='List Swift processes of a certain age.')
    parser.add_argument('-a', '--age', type=not_negative, default=AGE_DEFAULT_H, metavar='HOURS',
                        help='at least this old (%(default)s)')
    parser.add_argument('-p', '--pids', action='store_true', help='print process ids only')
    words = parser.parse_args(argv)
    found = [process for process in swift_processes(proc) if process.hours >= words.age]
    lines = [str(process.pid) for process in found] if words.pids else table(found)
    if found:
        print('\n'.join(lines))
    return 0
