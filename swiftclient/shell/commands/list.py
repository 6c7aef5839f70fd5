"""`swift list`. Source: sheet 08, section 5.2."""
import json
import sys
from collections.abc import Iterator
from time import gmtime, strftime
from typing import Any

from swiftclient.shell.parsing import CommandLine
from swiftclient.shell.running import CommandError, WrongUsage, service_for
from swiftclient.utils import prt_bytes

UNKNOWN_TIME = '????-??-?? ??:??:??'


def run(line: CommandLine, output: Any) -> None:
    options, container = line.options, line.words[0] if line.words else None
    if options['human']:
        options['long'] = True
    if options['totals'] and not options['long']:
        raise CommandError('Listing totals only works with -l or --lh.')
    if container is None and options['delimiter']:
        raise CommandError('-d option only allowed for container listings')
    if container is None and options['versions']:
        raise CommandError('--versions option only allowed for container listings')
    if len(line.words) > 1:
        raise WrongUsage
    with service_for(line) as service:
        pages = _pages(service.list(container))
        if options['json']:
            _print_json(pages)
        elif container is None:
            _print_account(pages, options, output)
        else:
            _print_container(pages, options, output)


def _pages(results: Iterator[dict]) -> Iterator[list[dict]]:
    for result in results:
        if not result['success']:
            raise result['error']
        yield result['listing']


def _print_json(pages: Iterator[list[dict]]) -> None:
    """Write one array, each page when it has come, laid out as json.dumps does with indent 2."""
    write, first = sys.stdout.write, True
    for page in pages:
        for entry in page:
            text = json.dumps(entry, sort_keys=True, indent=2).replace('\n', '\n  ')
            write('[\n  ' if first else ',\n  ')
            write(text)
            first = False
    write('[]\n' if first else '\n]\n')


def _print_account(pages: Iterator[list[dict]], options: dict, output: Any) -> None:
    human, count, total = options['human'], 0, 0
    for page in pages:
        for entry in page:
            count += entry['count']
            total += entry['bytes']
            if not options['long']:
                output.print_msg('%s', entry['name'])
            elif not options['totals']:
                meta = entry.get('meta', {})
                stamp = meta.get('x-timestamp')
                when = strftime('%Y-%m-%d %H:%M:%S', gmtime(float(stamp))) if stamp \
                    else UNKNOWN_TIME
                output.print_msg(
                    '%12s %s %s %-15s %s', prt_bytes(entry['count'], human).lstrip()
                    if human else entry['count'], prt_bytes(entry['bytes'], human), when,
                    meta.get('x-storage-policy', '???'), entry['name'])
    if options['long']:
        output.print_msg('%12s %s', prt_bytes(count, True), prt_bytes(total, human))


def _print_container(pages: Iterator[list[dict]], options: dict, output: Any) -> None:
    human, total = options['human'], 0
    for page in pages:
        for entry in page:
            name = entry.get('name', entry.get('subdir'))
            total += entry.get('bytes', 0)
            if not options['long'] and not options['versions']:
                output.print_msg('%s', name)
            elif not options['totals']:
                output.print_msg('%s', _long_line(entry, name, options))
    if options['long']:
        output.print_msg('%s', prt_bytes(total, human))


def _long_line(entry: dict, name: str, options: dict) -> str:
    size = prt_bytes(entry.get('bytes', 0), options['human'])
    day, _t, time = entry.get('last_modified', '').partition('T')
    columns = [size, f'{day:>10}', f'{time.partition(".")[0]:>8}']
    if options['versions']:
        columns.append(f'{entry.get("version_id") or "null":>16}')
    return ' '.join([*columns, f'{entry.get("content_type")!s:>24}', name])
