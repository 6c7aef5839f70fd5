"""`swift delete`. Source: sheet 08, section 5.2."""
from typing import Any
from urllib.parse import unquote

from swiftclient.shell.parsing import CommandLine
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
    if bool(words) == options['yes_all']:
        raise WrongUsage
    if options['versions'] and len(words) > 1:
        raise CommandError('--versions option not allowed for object deletes')
    if options['version_id'] is not None and len(words) < 2:
        raise CommandError('--version-id option only allowed for object deletes')
    if options['yes_all']:
        options['versions'] = True
    container = container_of(words, output) if words else None
    with service_for(line) as service:
        for result in service.delete(container, words[1:] or None):
            _report(result, options, output)


def _report(result: dict, options: dict, output: Any) -> None:
    container = result['container']
    if not result['success']:
        what = container if not result.get('object') else f'{container}/{result["object"]}'
        output.error('Error Deleting: %s: %s', what, result['error'])
    elif result['action'] == 'bulk_delete':
        _report_bulk(result, options, output)
    elif options['verbose'] >= 1:
        output.print_msg('%s%s', _name(result, options), _attempts(result))


def _name(result: dict, options: dict) -> str:
    if result['action'] == 'delete_container':
        return result['container']
    if options['yes_all'] or result['action'] == 'delete_segment':
        return f'{result["container"]}/{result["object"]}'
    return result['object']


def _attempts(result: dict) -> str:
    return f' [after {result["attempts"]} attempts]' if result['attempts'] > 1 else ''


def _report_bulk(result: dict, options: dict, output: Any) -> None:
    container = result['container']
    errors = {unquote(path): status for path, status in result['result'].get('Errors', ())}
    for name in result['objects']:
        path = f'/{container}/{name}'
        if path in errors:
            output.error('Error Deleting: %s: %s', path[1:], errors[path])
        elif options['verbose'] >= 1:
            shown = path[1:] if options['yes_all'] else name
            output.print_msg('%s%s', shown, _attempts(result))
