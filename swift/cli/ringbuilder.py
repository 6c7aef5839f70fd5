"""swift-ring-builder: make and change rings (layer 4).

    swift-ring-builder <builder_file> [<command> [args...]]

This module finds the files, loads the builder, takes the lock of the -safe variant, keeps the
backups and turns errors into exit codes; the commands are in ringbuilder_devices.py (which
change devices) and ringbuilder_tables.py (which change or show the table), their argument
grammar in ringbuilder_args.py and their texts in ringbuilder_report.py.

Exit codes: 0 success, 1 success with a warning or nothing done, 2 error.
Better than the original: nothing is overwritten in place, backups of one second do not overwrite
each other, damaged files and impossible requests give one sentence instead of a traceback.
Source: sheet 01 section 10.
"""
from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from swift.cli import broken_pipe
from swift.cli import ringbuilder_devices as devices
from swift.cli import ringbuilder_tables as tables
from swift.cli.ringbuilder_args import CommandFailed, Usage
from swift.cli.ringbuilder_help import overview, usage_of
from swift.common.clock import SYSTEM, Clock
from swift.common.errors import BuilderFileError, LockTimeout, RingError
from swift.common.ring.builder import RingBuilder

EXIT_SUCCESS, EXIT_WARNING, EXIT_ERROR = 0, 1, 2
LOCK_TIMEOUT_S = 15
NEEDS_NO_BUILDER = ('create', 'write_builder', 'version')


@dataclass
class Session:
    """One run of the program: its files, its streams and, if there is one, the builder."""

    builder_file: str
    ring_file: str
    out: TextIO
    err: TextIO
    ask: Callable[[str], str]
    clock: Clock = SYSTEM
    builder: RingBuilder | None = None
    _stamp: int | None = field(default=None, repr=False)

    def say(self, *lines: str) -> None:
        """Print lines on standard output."""
        for line in lines:
            self.out.write(line + '\n')

    def warn(self, *lines: str) -> None:
        """Print lines on standard error."""
        for line in lines:
            self.err.write(line + '\n')

    def save(self) -> None:
        self.builder.save(self.builder_file)

    def back_up(self, *paths: str) -> None:
        """Copy files to backups/<unix time>.<name>, all under a time that none of them has yet."""
        folder = self.backup_folder()
        stamp = int(self.clock.time())
        names = [os.path.basename(path) for path in paths]
        while any(os.path.exists(os.path.join(folder, f'{stamp}.{name}')) for name in names):
            stamp += 1
        for path, name in zip(paths, names, strict=True):
            shutil.copyfile(path, os.path.join(folder, f'{stamp}.{name}'))

    def backup_folder(self) -> str:
        folder = os.path.join(os.path.dirname(self.builder_file), 'backups')
        os.makedirs(folder, exist_ok=True)
        return folder


COMMANDS: dict[str, Callable[[Session, list[str]], int]] = {
    'create': tables.create, 'version': tables.version, 'search': devices.search,
    'list_parts': tables.list_parts, 'add': devices.add, 'set_weight': devices.set_weight,
    'set_region': devices.set_region, 'set_zone': devices.set_zone, 'set_info': devices.set_info,
    'remove': devices.remove, 'rebalance': tables.rebalance, 'dispersion': tables.dispersion,
    'validate': tables.validate, 'write_ring': tables.write_ring,
    'write_builder': tables.write_builder,
    'pretend_min_part_hours_passed': tables.pretend_min_part_hours_passed,
    'set_min_part_hours': tables.set_min_part_hours, 'set_replicas': tables.set_replicas,
    'set_overload': tables.set_overload,
    'prepare_increase_partition_power': tables.prepare_increase_partition_power,
    'increase_partition_power': tables.increase_partition_power,
    'cancel_increase_partition_power': tables.cancel_increase_partition_power,
    'finish_increase_partition_power': tables.finish_increase_partition_power,
}


def main(argv: Sequence[str] | None = None, *, out: TextIO | None = None,
         err: TextIO | None = None, ask: Callable[[str], str] = input,
         clock: Clock = SYSTEM) -> int:
    """Run the program with ``argv`` (program name first) and return its exit code."""
    argv = list(sys.argv if argv is None else argv)
    out, err = out or sys.stdout, err or sys.stderr
    if len(argv) < 2:
        out.write(overview())
        return EXIT_SUCCESS
    builder_file, ring_file = file_names(argv[1])
    session = Session(builder_file, ring_file, out, err, ask, clock)
    locked = os.path.basename(argv[0]).removesuffix('.py').endswith('-safe')
    try:
        code = _explained(session, lambda: (_run_locked if locked else _run)(session, argv))
        out.flush()
        return code
    except BrokenPipeError:
        broken_pipe.silence(out)
        return EXIT_ERROR


def _explained(session: Session, run: Callable[[], int]) -> int:
    """Return the exit code of ``run()``; whatever stops it is told and makes an error."""
    try:
        return run()
    except BrokenPipeError:
        raise
    except (CommandFailed, BuilderFileError) as problem:
        session.say(*str(problem).split('\n'))
    except Usage as usage:
        session.say(*usage_of(usage.command).split('\n'))
    except RingError as problem:
        session.say(str(problem))
    except OSError as problem:
        session.say(f'{problem.filename}: {problem.strerror}' if problem.filename
                    else str(problem))
    except KeyboardInterrupt:
        session.warn('Interrupted.')
    except Exception:
        # The boundary of the program: a bug must exit with 2, not with Python's 1.
        traceback.print_exc(file=session.err)
    return EXIT_ERROR


def file_names(given: str) -> tuple[str, str]:
    """Return (builder file, ring file) for the file argument, which may be either."""
    if given.endswith('.ring.gz'):
        return given.removesuffix('.ring.gz') + '.builder', given
    if given.endswith('.builder'):
        return given, given.removesuffix('.builder') + '.ring.gz'
    return given, given + '.ring.gz'


def _run_locked(session: Session, argv: list[str]) -> int:
    # Imported here: it brings the event loop library, which other runs have no use for.
    from swift.common.locks import file_lock
    folder = os.path.dirname(session.builder_file) or '.'
    try:
        with file_lock(os.path.join(folder, '.lock'), LOCK_TIMEOUT_S, clock=session.clock):
            return _run(session, argv)
    except LockTimeout:
        session.say('Ring/builder dir currently locked.')
        return EXIT_ERROR


def _run(session: Session, argv: list[str]) -> int:
    name = argv[2] if len(argv) > 2 else None
    if session.builder_file != argv[1] and name not in ('write_builder', 'version'):
        session.say(f'Note: using {session.builder_file} instead of {argv[1]} as builder file')
    _load(session, name)
    try:
        session.backup_folder()
    except OSError:
        # Looking at a ring needs no permission to write; saving will complain by itself.
        pass
    if name is None:
        return tables.report(session, [])
    command = COMMANDS.get(name)
    if command is None:
        raise CommandFailed(f'Unknown command: {name}')
    return command(session, argv[3:])


def _load(session: Session, command: str | None) -> None:
    if command in NEEDS_NO_BUILDER and not os.path.exists(session.builder_file):
        return
    try:
        session.builder = RingBuilder.load(session.builder_file, session.clock)
    except BuilderFileError as problem:
        hint = ''
        if _looks_composite(session.builder_file):
            hint = ' (it appears to be a composite ring builder file?)'
        raise CommandFailed(str(problem) + hint) from problem


def _looks_composite(path: str) -> bool:
    try:
        with open(path, 'rb') as source:
            content = json.loads(source.read())
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and 'components' in content
