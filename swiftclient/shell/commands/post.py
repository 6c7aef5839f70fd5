"""`swift post`. Source: sheet 08, section 5.2."""
from typing import Any

from swiftclient.shell.parsing import CommandLine
from swiftclient.shell.running import CommandError, WrongUsage, container_of, service_for


def run(line: CommandLine, output: Any) -> None:
    words, options = line.words, line.options
    if not words and any(options[key] for key in ('read_acl', 'write_acl', 'sync_to',
                                                  'sync_key')):
        raise CommandError('-r, -w, -t, and -k options only allowed for containers')
    if len(words) > 2:
        raise WrongUsage
    container = container_of(words, output) if words else None
    with service_for(line) as service:
        if len(words) == 2:
            results = list(service.post(container, [words[1]]))
        else:
            results = [service.post(container)]
        for result in results:
            if not result['success']:
                raise result['error']
