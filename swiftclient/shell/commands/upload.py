"""`swift upload`. Source: sheet 08, section 5.2."""
import os
import sys
from collections.abc import Iterator
from typing import Any

from swiftclient.exceptions import ClientException
from swiftclient.shell.parsing import CommandLine
from swiftclient.shell.progress import shown_progress
from swiftclient.shell.running import CommandError, WrongUsage, require_threads, service_for

SUFFIXES = 'BKMG'
STDIN_SEGMENT_BYTES = 10 << 20


def run(line: CommandLine, output: Any) -> None:
    from swiftclient import shell

    words, options = line.words, line.options
    require_threads(options, ('object-threads', 'object_uu_threads'),
                    ('segment-threads', 'segment_threads'))
    if len(words) < 2:
        raise WrongUsage
    container, sources = words[0], words[1:]
    _check_sources(sources, options)
    if options['segment_size'] is not None:
        options['segment_size'] = parse_size(options['segment_size'])
    if sources == ['-']:
        things = _from_stdin(options)
    else:
        things = [shell.SwiftUploadObject(path, object_name=name)
                  for path, name in _found(sources, options['object_name'], output)]
    with shown_progress(options, output) as progress, service_for(line) as service:
        progress.expect(thing.source for thing in things)
        for result in service.upload(container, things):
            _report(result, options, output)
            if result['action'] in ('upload_object', 'create_dir_marker'):
                progress.file_done()


def _check_sources(sources: list[str], options: dict) -> None:
    if '-' in sources:
        if len(sources) > 1:
            raise CommandError('upload from stdin cannot be used along with other files')
        if not options['object_name']:
            raise CommandError('object-name must be specified with uploads from stdin')
    if options['object_name'] and len(sources) > 1:
        raise CommandError('object-name only be used with 1 file or dir')


def parse_size(text: str) -> str:
    """Return a size with a suffix B, K, M or G as bytes; plain digits stay as they are."""
    number, suffix = text, text[-1:].upper()
    if suffix in SUFFIXES and suffix:
        number = text[:-1]
    if not number.lstrip('-').isdigit():
        raise CommandError('Invalid segment size')
    size = int(number) * 1024 ** SUFFIXES.index(suffix) if number != text else int(number)
    if size <= 0:
        raise CommandError('segment-size should be positive')
    return str(size)


def _from_stdin(options: dict) -> list:
    from swiftclient import shell

    if options['use_slo'] is None:
        options['use_slo'] = True
    if options['segment_size'] is None:
        options['segment_size'] = str(STDIN_SEGMENT_BYTES)
    stream = sys.stdin.buffer if hasattr(sys.stdin, 'buffer') else sys.stdin
    return [shell.SwiftUploadObject(stream, object_name=options['object_name'])]


def _found(sources: list[str], object_name: str | None,
           output: Any) -> Iterator[tuple[str, str | None]]:
    """Yield (path, object name) of files and of empty directories, which become markers."""
    for source in sources:
        source = source.rstrip('/') or source
        if os.path.isfile(source) or not os.path.isdir(source):
            if os.path.exists(source):
                yield source, _renamed(source, source, object_name)
            else:
                output.error("Local file '%s' not found", source)
            continue
        for folder, folders, names in os.walk(source):
            paths = [os.path.join(folder, name) for name in names]
            if not paths and not folders:
                paths = [folder]
            for path in paths:
                yield path, _renamed(path, source, object_name)


def _renamed(path: str, source: str, object_name: str | None) -> str:
    if object_name is None:
        return path[2:] if path.startswith('./') else path
    rest = path[len(source):].lstrip('/')
    return os.path.join(object_name, rest) if rest else object_name


def _report(result: dict, options: dict, output: Any) -> None:
    action = result['action']
    if not result['success']:
        _report_failure(result, options, output)
    elif options['verbose'] >= 1 and action != 'create_container':
        name = result['log_line'] if action == 'upload_segment' else result['object']
        attempts = result.get('attempts', 1)
        after = f' [after {attempts} attempts]' if attempts > 1 else ''
        output.print_msg('%s', name + after)


def _report_failure(result: dict, options: dict, output: Any) -> None:
    error = result['error']
    if result['action'] == 'create_container':
        text = error
        if isinstance(error, ClientException) and error.http_reason:
            text = f'{error.http_status} {error.http_reason}'
            content = error.http_response_content
            if content:
                text += f': {content.decode(errors="replace")[:60]}'
        output.warning("Warning: failed to create container '%s': %s", result['container'], text)
        return
    output.error('%s', error)
    if isinstance(error, ClientException) and error.http_status == 413:
        output.error('Consider using the --segment-size option to chunk the object')
