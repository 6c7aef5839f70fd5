"""swift-reload: check the configuration of a running server, then let it replace itself.

Layer 4. Exit codes: 0 reloaded; 1 configuration invalid or no notification socket; 2 the pid is
no manager of a server; 238 (128 + ETIMEDOUT) no READY=1 in time.

Source: sheet 07 section 8.
"""
import argparse
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from swift.common import notify
from swift.common.clock import SYSTEM
from swift.common.processes import ProcessInfo, look_up
from swift.common.reload import names_its_interpreter
from swift.common.services import MAIN

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_BAD_PID = 2
EXIT_TIMEOUT = 238
DEFAULT_TIMEOUT_S = 300
CHECKABLE = tuple('swift-' + name for name in MAIN)


class Refused(Exception):
    """The reload cannot be done; `code` is the exit code."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog='swift-reload', description='Validate the configuration of a running server and '
                                         'reload it without losing a request.')
    parser.add_argument('pid', type=int, help='process id of the server\'s manager')
    group = parser.add_mutually_exclusive_group()
    group.add_argument('-t', '--timeout', type=float, default=DEFAULT_TIMEOUT_S,
                       metavar='SECONDS', help='how long to wait for the end of the reload')
    group.add_argument('-w', '--no-wait', dest='wait', action='store_false',
                       help='only check and signal')
    parser.add_argument('-v', '--verbose', action='store_true', help='show each step')
    return parser


def validated(pid: int) -> tuple[ProcessInfo, str]:
    """Return the process and the path of its program; raises Refused."""
    info = look_up(pid)
    if info is None:
        raise Refused('Failed to get process information for %d' % pid, EXIT_BAD_PID)
    scripts = [word for word in info.command if '/bin/' in word
               and not os.path.basename(word).startswith('python')]
    if len(scripts) != 1 or not os.path.basename(scripts[0]).startswith('swift-'):
        raise Refused('Non-swift process: %r' % ' '.join(info.command), EXIT_BAD_PID)
    program = os.path.basename(scripts[0])
    if program not in CHECKABLE:
        raise Refused('Process does not support config checks: %s' % program, EXIT_BAD_PID)
    if info.session != pid:
        raise Refused('Process appears to be a %s worker, not a manager. Did you mean %s?'
                      % (program, info.session), EXIT_BAD_PID)
    return info, scripts[0]


def reload(options: argparse.Namespace, show: Callable[[str], Any]) -> None:
    """Check, signal, wait; raises Refused."""
    info, script = validated(options.pid)
    program = os.path.basename(script)
    say = show if options.verbose else (lambda text: None)
    say('Checking config for %s' % program)
    words = info.command[info.command.index(script):]
    if not (os.access(script, os.X_OK) and names_its_interpreter(script)):
        words = (sys.executable, *words)
    if subprocess.run([*words, '--test-config'], check=False).returncode:
        raise Refused('Failed to validate config', EXIT_FAILED)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        if options.wait:
            _listen(sock, options.pid)
        say('Sending USR1 signal')
        os.kill(options.pid, signal.SIGUSR1)
        if options.wait:
            _wait_ready(sock, options.timeout, program, say)
    show('Reloaded %s' % program)


def _listen(sock: socket.socket, pid: int) -> None:
    try:
        sock.bind(notify.listening_address(pid))
    except OSError as err:
        raise Refused('Could not listen for notifications of %d: %s' % (pid, err),
                      EXIT_FAILED) from None


def _wait_ready(sock: socket.socket, timeout: float, program: str,
                say: Callable[[str], Any]) -> None:
    deadline = SYSTEM.monotonic() + timeout
    reloading = False
    while True:
        left = deadline - SYSTEM.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            sock.settimeout(left)
            state = sock.recv(64)
        except TimeoutError:
            raise Refused('Timed out reloading %s' % program, EXIT_TIMEOUT) from None
        if state == notify.READY and reloading:
            say('Process is READY')
            return
        if state == notify.RELOADING:
            reloading = True
            say('Process is RELOADING')


def run(argv: Sequence[str], show: Callable[[str], Any] = print) -> int:
    """Do what the command line says; return the exit code."""
    options = make_parser().parse_args(list(argv))
    try:
        reload(options, show)
    except Refused as err:
        print(err, file=sys.stderr)
        return err.code
    except ProcessLookupError:
        print('Failed to get process information for %d' % options.pid, file=sys.stderr)
        return EXIT_BAD_PID
    except PermissionError as err:
        print('No permission to signal PID %d: %s' % (options.pid, err), file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


def main() -> int:
    """Run swift-reload."""
    return run(sys.argv[1:])
