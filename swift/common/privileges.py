"""Who a process is and what it may use: user, session, priorities, limits.

Layer 1. Only root drops privileges; anybody else simply runs as himself, whatever option `user`
says, so that a cluster can live in a home directory.

Source: sheet 07 sections 1.3, 3.1 (nice, ionice), 5.7.
"""
import ctypes
import grp
import os
import platform
import pwd
import resource
from collections.abc import Callable
from typing import Any

from swift.common.errors import ConfigError

UMASK = 0o022
IO_CLASSES = {'IOPRIO_CLASS_RT': 1, 'IOPRIO_CLASS_BE': 2, 'IOPRIO_CLASS_IDLE': 3}
IO_CLASS_SHIFT = 13
# glibc has no wrapper for ioprio_set; the numbers are the kernel's.
IOPRIO_SET_NUMBERS = {'x86_64': 251, 'aarch64': 30, 'riscv64': 30, 'ppc64le': 273, 's390x': 282}
OPEN_FILES_LIMIT = 32768
PROCESS_LIMIT = 8192


def drop_privileges(user: str) -> None:
    """Become `user` with all his groups, if we are root; otherwise stay who we are.

    Raises ConfigError for an unknown name and when the system refuses.
    """
    entry = known_user(user)
    if entry is None:
        return
    try:
        os.setgroups(sorted({group.gr_gid for group in grp.getgrall() if user in group.gr_mem}
                            | {entry.pw_gid}))
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    except OSError as err:
        raise ConfigError('Unable to run as user %r: %s' % (user, err)) from None
    os.environ['HOME'] = entry.pw_dir


def known_user(user: str) -> pwd.struct_passwd | None:
    """Return the entry of the user that we would become; None when we stay who we are.

    Raises ConfigError for an unknown name.
    """
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise ConfigError('Unknown user %r: set option user to an existing one' % user) from None


def give_to(user: str, path: str) -> None:
    """As root, make a file of ours belong to the user that we shall become."""
    entry = known_user(user)
    if entry is not None and os.path.exists(path):
        os.chown(path, entry.pw_uid, entry.pw_gid)


def settle() -> None:
    """Lead a session of our own, away from the caller's terminal, directory and umask."""
    try:
        os.setsid()
    except OSError:
        pass  # we lead one already
    os.chdir('/')
    os.umask(UMASK)


def set_priorities(options: Any, warn: Callable[[str], None] = print) -> None:
    """Apply nice_priority, cpu_scheduling and ionice_*; a refusal is only a warning."""
    if options.nice_priority is not None:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, options.nice_priority)
        except OSError:
            warn('WARNING: Unable to modify scheduling priority of process. Keeping unchanged!')
    if options.cpu_scheduling == 'batch':
        _do_not_preempt_each_other()
    if options.ionice_class:
        io_class = IO_CLASSES.get(options.ionice_class.upper())
        if io_class is None or not _set_io_priority(io_class, options.ionice_priority):
            warn('WARNING: Unable to modify I/O scheduling class and priority of process. '
                 'Keeping unchanged!')


def _do_not_preempt_each_other() -> None:
    """Change SCHED_OTHER to SCHED_BATCH for this process and all that it will start.

    A request passes through a dozen processes, and each message would interrupt its sender in
    favour of its receiver: 6 to 11 % of the CPU of a small PUT (three comparisons on two busy
    cores), with no longer tail. What the service manager has set to another policy stays.
    """
    try:
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except OSError:
        pass  # not allowed in this container; nothing but speed depends on it


def _set_io_priority(io_class: int, priority: int) -> bool:
    number = IOPRIO_SET_NUMBERS.get(platform.machine())
    if number is None:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(number, 1, os.getpid(), io_class << IO_CLASS_SHIFT | priority) == 0


def raise_limits(warn: Callable[[str], None] = print) -> None:
    """Ask for enough file descriptors and processes for a storage service.

    A limit that is higher already stays: lowering it, or limiting the data segment, makes
    processes with big rings die of memory errors.
    """
    for what, number, wanted in (('file descriptor', resource.RLIMIT_NOFILE, OPEN_FILES_LIMIT),
                                 ('max process', resource.RLIMIT_NPROC, PROCESS_LIMIT)):
        soft, hard = resource.getrlimit(number)
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            continue
        try:
            limit = hard if hard == resource.RLIM_INFINITY else max(hard, wanted)
            resource.setrlimit(number, (wanted, limit))
        except (ValueError, OSError):
            _raise_as_far_as_allowed(number, soft, hard)
            warn('WARNING: Unable to modify %s limit.  Running as non-root?' % what)


def _raise_as_far_as_allowed(number: int, soft: int, hard: int) -> None:
    if hard > soft:
        try:
            resource.setrlimit(number, (hard, hard))
        except (ValueError, OSError):
            pass
