"""swift-recon-cron: count the pending container updates, for /recon/async (layer 4).

    swift-recon-cron CONF             object-server.conf; from cron, every five minutes

Reads [filter:recon]. Counts below ``<devices>/*/async_pending*/*/`` under a lock, so that a slow
count is not joined by the next. Exit code 1 with the reason if it cannot. Source: sheet 07 §10.3.
"""
from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from swift.common import recon_cache
from swift.common.config.parser import readconf
from swift.common.errors import ConfigError, LockTimeout
from swift.common.locks import file_lock
from swift.common.log import get_logger
from swift.common.middleware.recon import ReconOptions

SECTION = 'filter:recon'
LOCK_NAME = 'swift-recon-object-cron'
LOCK_TIMEOUT_S = 1
PREFIX = 'async_pending'
_PROGRESS_EVERY = 10000


def count_pending(devices: str, progress: TextIO | None = None) -> int:
    """Return how many updates wait on all devices. Raises OSError; memory does not grow."""
    shown = progress is not None and progress.isatty()
    count = 0
    for device in sorted(os.listdir(devices)):
        for name in _names(os.path.join(devices, device)):
            if not name.startswith(PREFIX):
                continue
            for prefix in _names(os.path.join(devices, device, name)):
                count += _count(os.path.join(devices, device, name, prefix))
                if shown and count % _PROGRESS_EVERY < 100:
                    progress.write('\r%s: %d' % (device, count))
    if shown:
        progress.write('\r' + ' ' * 40 + '\r')
    return count


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except (NotADirectoryError, FileNotFoundError):
        return []


def _count(path: str) -> int:
    try:
        with os.scandir(path) as entries:
            return sum(1 for _entry in entries)
    except (NotADirectoryError, FileNotFoundError):
        return 0


def main(argv: Sequence[str] | None = None, clock: Callable[[], float] = time.time) -> int:
    """Run the program; return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv:
        print('Usage: swift-recon-cron CONF')
        return 1
    try:
        conf = readconf(argv[0], SECTION)
        options = ReconOptions.parse(conf, argv[0])
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    logger = get_logger(conf, 'recon-cron')
    try:
        with file_lock(os.path.join(options.recon_lock_path, LOCK_NAME), LOCK_TIMEOUT_S):
            pending = count_pending(options.devices, sys.stderr)
            path = os.path.join(options.recon_cache_path, recon_cache.OBJECT_FILE)
            done = recon_cache.dump({'async_pending': pending, 'async_pending_last': clock()},
                                    path, logger)
            if not done:
                print('Cannot write %s' % path, file=sys.stderr)
            return 0 if done else 1
    except (OSError, LockTimeout) as error:
        text = 'Exception during recon-cron while accessing devices: %s' % error
        if isinstance(error, LockTimeout):
            text = 'recon-cron is running already: %s' % error
        logger.error('%s', text)
        print(text, file=sys.stderr)
        return 1
    finally:
        logger.flush()
