"""`swift download`. Source: sheet 08, section 5.2."""
from typing import Any

from swiftclient.exceptions import ClientException
from swiftclient.shell.parsing import CommandLine
from swiftclient.shell.progress import shown_progress
from swiftclient.shell.running import (
    CommandError,
    WrongUsage,
    container_of,
    require_threads,
    service_for,
)


def run(line: CommandLine, output: Any) -> None:
    words, options = line.words, line.options
    require_threads(options, ('object-threads', 'object_dd_threads'),
                    ('container-threads', 'container_threads'))
    if options['out_file'] and len(words) != 2:
        raise CommandError('-o option only allowed for single file downloads')
    if options['out_directory'] and len(words) == 2:
        raise CommandError('Please use -o option for single file downloads and renames')
    if bool(words) == options['yes_all']:
        raise WrongUsage
    if options['version_id'] is not None and len(words) < 2:
        raise CommandError('--version-id option only allowed for object downloads')
    container = container_of(words, output) if words else None
    if options['out_file'] == '-':
        options['verbose'] = 0
    with shown_progress(options, output) as progress, service_for(line) as service:
        _expect(progress, service, words, options)
        for result in service.download(container, words[1:] or None):
            _report(result, options, output)
            progress.file_done()


def _expect(progress: Any, service: Any, words: list[str], options: dict) -> None:
    """Tell the display how much will come, where that is known from one request."""
    if 'progress' not in options:
        return
    if len(words) > 1:
        progress.expect_totals(len(words) - 1, None)
    elif not options['prefix'] and not options['marker']:
        headers = service.stat(words[0] if words else None)['headers']
        kind = 'container' if words else 'account'
        progress.expect_totals(int(headers[f'x-{kind}-object-count']),
                               int(headers[f'x-{kind}-bytes-used']))


def _report(result: dict, options: dict, output: Any) -> None:
    if 'contents' in result:
        for chunk in result['contents']:
            output.print_raw(chunk)
    elif result['success']:
        if options['verbose'] >= 1:
            output.print_msg('%s', _line(result))
    else:
        _report_failure(result, options, output)


def _line(result: dict) -> str:
    begin, end = result['start_time'], result['finish_time']
    times = f'auth {result["auth_end_time"] - begin:.3f}s, ' \
            f'headers {result["headers_receipt"] - begin:.3f}s, total {end - begin:.3f}s'
    rate = 'pseudo' if result['pseudodir'] else \
        f'{result["read_length"] / max(end - begin, 1e-6) / 1000000:.3f} MB/s'
    after = f' after {result["attempts"]} attempts' if result['attempts'] > 1 else ''
    return f'{result["path"]} [{times}, {rate}{after}]'


def _report_failure(result: dict, options: dict, output: Any) -> None:
    error, what = result['error'], f'{result["container"]}/{result["object"]}'
    status = error.http_status if isinstance(error, ClientException) else None
    if status == 304 and options['skip_identical']:
        if options['verbose'] >= 1:
            output.print_msg("Skipped identical file '%s'", result['path'])
    elif status == 404:
        output.error("Object '%s' not found", what)
    else:
        output.error("Error downloading object '%s': %s%s", what, error, _transaction(error))


def _transaction(error: Exception) -> str:
    txn = getattr(error, 'transaction_id', None)
    return f'\nFailed Transaction ID: {txn}' if txn else ''
