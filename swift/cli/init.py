"""swift-init: start, stop, reload and watch the services of a node.

Layer 4. Understands the command line; swift.common.manager does the work.
"""
import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from swift.cli.broken_pipe import say
from swift.common.manager import DEFAULT_KILL_WAIT_S, Control, Wishes, find_program
from swift.common.services import ALL, GROUPS, Places, parse_services

COMMANDS = ('force-reload', 'kill', 'no-daemon', 'no-wait', 'once', 'reload', 'reload-seamless',
            'restart', 'shutdown', 'start', 'status', 'stop')
USAGE = '''%(prog)s <server>[.<config>] [<server>[.<config>] ...] <command> [options]

servers:  {servers}
groups:   {groups}; a name may contain *
commands: {commands}'''.format(servers=' '.join(ALL), groups=' '.join(GROUPS),
                               commands=' '.join(COMMANDS))
COMMAND_HELP = '''commands:
  start            start and wait until ready      stop             stop now
  restart          stop, then start                shutdown         let requests finish
  reload           shutdown, then start            force-reload     the same
  reload-seamless  new processes, same sockets     status           show what runs
  once             one pass of each daemon         kill             stop if running
  no-wait          start, do not wait              no-daemon        run in the foreground

The configuration root is --swift-dir, else $SWIFT_DIR, else /etc/swift; pid files are in
--run-dir, else $SWIFT_RUN_DIR, else /var/run/swift.'''


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog='swift-init', usage=USAGE, epilog=COMMAND_HELP, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('words', nargs='*', help=argparse.SUPPRESS)
    parser.add_argument('-v', '--verbose', action='store_true', help='say more')
    parser.add_argument('-w', '--no-wait', action='store_true', help='start without waiting')
    parser.add_argument('-o', '--once', action='store_true', help='run daemons for one pass')
    parser.add_argument('-n', '--no-daemon', action='store_true', help='stay in the foreground')
    parser.add_argument('-g', '--graceful', action='store_true',
                        help='let main servers finish their requests')
    parser.add_argument('-c', '--config-num', type=int, default=0, metavar='N',
                        help='only the Nth configuration, counted from 1')
    parser.add_argument('-k', '--kill-wait', type=float, default=DEFAULT_KILL_WAIT_S,
                        metavar='N', help='seconds to wait for processes to die (%(default)s)')
    parser.add_argument('-r', '--run-dir', metavar='DIR', help='directory of the pid files')
    parser.add_argument('-d', '--swift-dir', metavar='DIR', help='directory of the configuration')
    parser.add_argument('--strict', action='store_true', default=None,
                        help='fail when a configuration is missing; the default if all servers '
                             'are named')
    parser.add_argument('--non-strict', dest='strict', action='store_false',
                        help='do not fail when a configuration is missing')
    parser.add_argument('--kill-after-timeout', action='store_true',
                        help='kill what is left after --kill-wait, with its workers')
    parser.add_argument('--share-memory', action='store_true',
                        help='start the configurations of a service from one process, so that '
                             'what they have in common is in memory once')
    parser.add_argument('-j', '--json', action='store_true',
                        help='print one JSON object: the lines otherwise printed, the exit '
                             'code, and which servers run afterwards')
    return parser


def run(argv: Sequence[str], show: Callable[[str], Any] = print) -> int:
    """Do what the command line says; return the exit code, 0 or 1."""
    parser = make_parser()
    options = parser.parse_intermixed_args(list(argv))
    if not options.json:
        return _obey(parser, options, show)[0]
    lines: list[str] = []
    code, control = _obey(parser, options, lines.append)
    states = control.survey() if control else []
    show(json.dumps({'exit_code': code, 'messages': lines,
                     'servers': [asdict(state) for state in states]}))
    return code


def _obey(parser: argparse.ArgumentParser, options: argparse.Namespace,
          show: Callable[[str], Any]) -> tuple[int, Control | None]:
    """Return the exit code, and who carried out the command if it came to that."""
    words = options.words
    if len(words) < 2:
        show(parser.format_usage().rstrip())
        show('ERROR: specify server(s) and command')
        return 1, None
    *servers, command = words
    if _method(command) is None and _method(words[0]) is not None:
        command, *servers = words
    method = _method(command)
    if method is None:
        show(parser.format_usage().rstrip())
        show('ERROR: unknown command, %s' % command)
        return 1, None
    services, explicit = parse_services(servers)
    # Compat: a service whose program is not installed is not worth a word.
    services = [service for service in services if find_program(service)]
    if not services:
        return 1, None
    control = Control(services, Places.choose(options.swift_dir, options.run_dir),
                      _wishes(options, explicit), show)
    return 1 if getattr(control, method)() else 0, control


def _method(command: str) -> str | None:
    name = command.replace('-', '_')
    return name if name.replace('_', '-') in COMMANDS else None


def _wishes(options: argparse.Namespace, explicit: bool) -> Wishes:
    return Wishes(
        verbose=options.verbose, wait=not options.no_wait, once=options.once,
        daemon=not options.no_daemon, graceful=options.graceful,
        config_num=options.config_num, kill_wait=options.kill_wait,
        strict=explicit if options.strict is None else options.strict,
        kill_after_timeout=options.kill_after_timeout, share_memory=options.share_memory)


def main() -> int:
    """Run swift-init."""
    try:
        return run(sys.argv[1:], say)
    except KeyboardInterrupt:
        return 1
