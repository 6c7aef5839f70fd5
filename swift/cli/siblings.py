"""Several configurations of one program: a process for each, forked from one that imported it all.

Layer 4.    swift-object-server /etc/swift/object-server/1.conf /etc/swift/object-server/2.conf

This is how swift-init starts the nodes of an all-in-one machine: what the processes have in common
is in memory once. The first line on standard output has their pids, in the order of the
configurations; then the parent ends. Each child goes on as if it had been started by itself.
"""
import os
import sys
import traceback
from collections.abc import Callable

from swift.common import green
from swift.common.lean import tidy_memory


def run_each(run: Callable[[list[str]], int], prepare: Callable[[], object] = lambda: None) -> int:
    """Run a program for every configuration named by its command line; return the exit code.

    ``prepare`` imports what ``run`` will need; called only when there are siblings to share it.
    """
    confs, words = split(sys.argv[1:])
    if len(confs) < 2:
        return run(sys.argv[1:])
    prepare()
    tidy_memory()
    pids = []
    for conf in confs:
        pid = os.fork()
        if pid == 0:
            _be_sibling(run, [conf, *words])
        pids.append(pid)
    print(*pids, flush=True)
    return 0


def split(argv: list[str]) -> tuple[list[str], list[str]]:
    """Return the configurations at the beginning of a command line, and the rest."""
    count = 0
    while count < len(argv) and argv[count].rstrip('/').endswith(('.conf', '.conf.d')):
        count += 1
    return argv[:count], argv[count:]


def _be_sibling(run: Callable[[list[str]], int], argv: list[str]) -> None:
    """Run in a child that was just forked, and end it. Never returns."""
    code = 1
    try:
        green.after_fork_in_child()
        sys.argv[1:] = argv              # a reload starts the program again from this
        code = run(argv)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code or 0)
