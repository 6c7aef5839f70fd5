"""From the command line to an exit status: parse, check, run one sub-command, report.

Status 0: all went well. 1: an error was reported, or arguments are missing. 2: the command line
cannot be understood, or the user interrupted. Source: sheet 08, section 5.
"""
import os
import signal
import sys

from swiftclient.shell.parsing import CommandLine, UsageError, parse


def main(arguments: list[str] | None = None) -> None:
    """Run the command line `arguments` (default: this process's), its program name first.

    Ends with SystemExit if the status is not 0.
    """
    argv = list(sys.argv if arguments is None else arguments)
    signal.signal(signal.SIGINT, immediate_exit)
    try:
        status = _run(argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has seen enough; nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    if status:
        sys.exit(status)


def immediate_exit(signum: int, frame: object) -> None:
    """End at once: jobs under way are not waited for, half-written files are removed."""
    from swiftclient.shell.progress import clear_terminal

    clear_terminal()
    files = sys.modules.get('swiftclient.service.downloads.files')
    if files is not None:
        files.discard_unfinished()
    os.write(2, b' Aborted\n')
    os._exit(2)


def _run(argv: list[str]) -> int:
    try:
        line = parse(argv, os.environ)
    except UsageError as error:
        from swiftclient.shell.help_text import USAGE
        sys.stderr.write(f'{USAGE}swift: error: {error}\n')
        return 2
    if line.options.get('version'):
        from swiftclient.version import version_string
        print(f'python-swiftclient {version_string}')
        return 0
    if line.command is None or line.options['help'] or line.options['os_help']:
        return _help(line)
    return _run_command(line)


def _help(line: CommandLine) -> int:
    from swiftclient.shell import help_text

    if line.command is not None:
        print(help_text.command_help(line.command), end='')
        return 0
    print(help_text.main_help(bool(line.options.get('os_help'))), end='')
    if line.name is None:
        return 0
    sys.stderr.write(f'no such command: {line.name}\n')
    return 1


def _run_command(line: CommandLine) -> int:
    from swiftclient.exceptions import ClientException
    from swiftclient.multithreading import OutputManager
    from swiftclient.service import SwiftError
    from swiftclient.shell.login import LoginError, prepare
    from swiftclient.shell.running import CommandError, run_command

    with OutputManager() as output:
        try:
            prepare(line)
            run_command(line, output)
        except (CommandError, LoginError) as error:
            output.error('%s', error)
        except SwiftError as error:
            output.error_with_txn_id(error)
        except ClientException as error:
            _report_client_exception(output, error)
        except BrokenPipeError:
            raise
        except OSError as error:  # also what the client raises for broken connections
            output.error('%s', error)
        return 1 if output.get_error_count() else 0


def _report_client_exception(output, error) -> None:
    text = str(error)
    if error.transaction_id:
        text = text.removesuffix(f' (txn: {error.transaction_id})')
        text = f'{text}\nFailed Transaction ID: {error.transaction_id}'
    output.error('%s', text)
