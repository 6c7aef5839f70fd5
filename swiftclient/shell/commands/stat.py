"""`swift stat`. Source: sheet 08, section 5.2."""
from typing import Any

from swiftclient.command_helpers import (
    print_account_stats,
    print_container_stats,
    print_object_stats,
)
from swiftclient.shell.parsing import CommandLine
from swiftclient.shell.running import CommandError, WrongUsage, container_of, service_for


def run(line: CommandLine, output: Any) -> None:
    words, options = line.words, line.options
    if options['version_id'] is not None and len(words) < 2:
        raise CommandError('--version-id option only allowed for object stats')
    if len(words) > 2:
        raise WrongUsage
    container = container_of(words, output) if words else None
    with service_for(line) as service:
        if len(words) == 2:
            result = next(iter(service.stat(container, [words[1]])))
            show = print_object_stats
        else:
            result = service.stat(container)
            show = print_container_stats if words else print_account_stats
        if not result['success']:
            raise result['error']
        show(result['items'], result['headers'], output)
