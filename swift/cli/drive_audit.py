"""swift-drive-audit: unmount drives that the kernel complains about (layer 4).

    swift-drive-audit CONF            as root, from cron; section [drive-audit]

Reads the kernel's log files, newest first and backwards, counts errors per drive, unmounts drives
with ``error_limit`` of them, comments them out in /etc/fstab, and notes the numbers in drive.recon.
Exit code 1 for a configuration, log or pattern that cannot be used. Source: sheet 07 §11.
"""
from __future__ import annotations

import glob
import locale
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from swift.common import fs, recon_cache
from swift.common.config.common import LogOptions
from swift.common.config.options import Bool, Float, Integer, Prefixed, Text
from swift.common.config.parser import readconf
from swift.common.errors import ConfigError
from swift.common.log import get_logger
from swift.common.privileges import known_user
from swift.core import drive_log, proc_files

SECTION = 'drive-audit'
RECON_FILE = 'drive.recon'
BLOCK_BYTES = 65536
# A line longer than this is cut: no kernel writes such.
LINE_BYTES_MAX = 1 << 20


class DriveAuditOptions(LogOptions, section=SECTION):
    """Looks for broken drives in the kernel log and unmounts them."""

    device_dir = Text('/srv/node', 'Only drives mounted below this directory are unmounted.')
    minutes = Float(60, 'How far back logs are read.', at_least=0)
    error_limit = Integer(1, 'Errors from which on a drive is unmounted.', at_least=1)
    recon_cache_path = Text('/var/cache/swift', 'Directory of the recon files.')
    unmount_failed_device = Bool(True, 'false: only log and count.')
    log_to_console = Bool(False, 'Also log to standard error.')
    log_file_pattern = Text('/var/log/kern.*[!.][!g][!z]', 'Log files to read.')
    log_file_encoding = Text('auto', 'Encoding of the log files; auto = that of the locale.')
    regex_patterns = Prefixed('regex_pattern_', 'Regular expression of lines that count; its '
                                                'first group is the device. Replaces the '
                                                'built-in ones.')
    user = Text('swift', 'Owner of the recon file.')


@dataclass(frozen=True)
class Machine:
    """Where the system's files are."""
    proc: str = '/proc'
    block: str = '/dev/block'
    fstab: str = '/etc/fstab'
    systemd: str = '/run/systemd/system'


@dataclass(frozen=True, slots=True)
class Drive:
    """A mounted drive and what the kernel calls it."""
    mount_point: str
    kernel_name: str


class Refused(Exception):
    """The audit cannot be done."""


def main(argv: Sequence[str] | None = None, machine: Machine | None = None,
         now: datetime | None = None) -> int:
    """Run the program; return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if len(argv) != 1 or argv[0] in ('-h', '--help'):
        print('Usage: swift-drive-audit CONF', file=sys.stderr)
        return 0 if argv and argv[0] in ('-h', '--help') else 1
    try:
        conf = readconf(argv[0], SECTION)
        options = DriveAuditOptions.parse(conf, argv[0])
        patterns = drive_log.compile_patterns(
            options.regex_patterns.values() or drive_log.DEFAULT_PATTERNS)
    except (ConfigError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    logger = get_logger(conf, options.log_name or SECTION, log_to_console=options.log_to_console)
    for warning in options.warnings:
        logger.warning('%s', warning)
    audit = Audit(options, logger, machine or Machine(), now or datetime.now().astimezone())
    try:
        audit.run(patterns)
        return 0
    except (Refused, OSError, ConfigError, LookupError) as error:
        logger.error('%s', error)
        print(error, file=sys.stderr)
        return 1
    finally:
        logger.flush()


class Audit:
    """One run of the program."""

    def __init__(self, options: Any, logger: Any, machine: Machine, now: datetime):
        self._options = options
        self._logger = logger
        self._machine = machine
        self._now = now

    def run(self, patterns: Sequence[Any]) -> None:
        """Count, unmount, tell. Raises OSError, Refused, LookupError for a strange encoding."""
        entry = known_user(self._options.user)
        drives = {drive.kernel_name: drive for drive in self._drives()}
        recon: dict[str, int] = {drive.mount_point: 0 for drive in drives.values()}
        total, changed = 0, False
        for name, count in sorted(self._errors(patterns).items()):
            drive = drives.get(name)
            if drive is None or count < self._options.error_limit:
                continue
            changed |= self._deal_with(drive, count)
            recon[drive.mount_point] = count
            total += count
        recon_cache.dump({**recon, 'drive_audit_errors': total},
                         os.path.join(self._options.recon_cache_path, RECON_FILE), self._logger,
                         user=None if entry is None else entry.pw_uid)
        if not changed:
            self._logger.info('No drives were unmounted')
        elif os.path.isdir(self._machine.systemd):
            # It made mount units of the old fstab, and would mount the drive again.
            self._run('systemctl', 'daemon-reload')

    # -- logs ----------------------------------------------------------------------------------

    def _errors(self, patterns: Sequence[Any]) -> dict[str, int]:
        counted = drive_log.ErrorCount(patterns, self._now,
                                       timedelta(minutes=self._options.minutes))
        encoding = self._options.log_file_encoding
        if encoding == 'auto':
            encoding = locale.getpreferredencoding(False)
        paths = glob.glob(self._options.log_file_pattern)
        for path in sorted(paths, key=os.path.getmtime, reverse=True):
            try:
                counted.read(line.decode(encoding, 'replace') for line in backwards(path))
            except OSError as error:
                raise Refused('Unable to open %s: %s' % (path, error)) from error
            if counted.is_over:
                break
        return counted.errors

    # -- drives --------------------------------------------------------------------------------

    def _drives(self) -> Iterator[Drive]:
        with open(self._machine.proc + '/mounts', encoding='utf-8', errors='surrogateescape') as f:
            mounts = proc_files.mounts(f)
        with open(self._machine.proc + '/partitions', encoding='ascii') as file:
            names = drive_log.partition_names(file.read())
        top = self._options.device_dir.rstrip('/') + '/'
        for mount in mounts:
            path = drive_log.unescape(mount['path'])
            if not path.startswith(top):
                continue
            name = self._kernel_name(path, names)
            # A drive that is gone has no number any more: its name must do.
            yield Drive(path, name or os.path.basename(os.path.realpath(mount['device'])))

    def _kernel_name(self, path: str, names: dict[tuple[int, int], str]) -> str | None:
        try:
            number = os.stat(path).st_dev
        except OSError:
            return None
        major, minor = os.major(number), os.minor(number)
        link = '%s/%d:%d' % (self._machine.block, major, minor)
        if os.path.islink(link):
            return os.path.basename(os.readlink(link))
        return names.get((major, minor))

    def _deal_with(self, drive: Drive, count: int) -> bool:
        """Unmount a drive, if that is wanted; True iff it was."""
        if not self._options.unmount_failed_device:
            self._logger.info('Detected %s with %d errors (Device not unmounted)',
                              drive.mount_point, count)
            return False
        self._logger.info('Unmounting %s with %d errors', drive.mount_point, count)
        self._run('umount', '-fl', drive.mount_point)
        self._logger.info('Commenting out %s from %s', drive.mount_point, self._machine.fstab)
        self._comment_fstab(drive.mount_point)
        return True

    def _comment_fstab(self, mount_point: str) -> None:
        path = self._machine.fstab
        try:
            with open(path, encoding='utf-8', errors='surrogateescape') as file:
                text = file.read()
            mode = os.stat(path).st_mode & 0o7777
        except FileNotFoundError:
            return
        changed = drive_log.comment_fstab(text, mount_point)
        if changed == text:
            return
        # Complete and on disk before it takes the place of the old one.
        with fs.opened(path + '.new', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode) as fd:
            os.fchmod(fd, mode)
            fs.write_all(fd, changed.encode('utf-8', 'surrogateescape'))
            fs.sync_file(fd)
        os.rename(path + '.new', path)

    def _run(self, *command: str) -> None:
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True)
        except OSError as error:
            self._logger.error('Cannot run %s: %s', command[0], error)
            return
        if done.returncode:
            self._logger.error('%s ended with %d: %s', ' '.join(command), done.returncode,
                               done.stderr.strip())


def backwards(path: str) -> Iterator[bytes]:
    """Yield the lines of a file from the last to the first. Memory: one line, one block."""
    with open(path, 'rb') as file:
        position = file.seek(0, os.SEEK_END)
        rest = b''
        while position > 0:
            start = max(0, position - BLOCK_BYTES)
            file.seek(start)
            lines = (file.read(position - start) + rest).split(b'\n')
            position = start
            rest = lines[0][-LINE_BYTES_MAX:]
            yield from (line for line in reversed(lines[1:]) if line)
        if rest:
            yield rest
