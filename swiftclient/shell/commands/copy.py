"""`swift copy`. Source: sheet 08, section 5.2."""
from typing import Any

from swiftclient.shell.parsing import CommandLine
from swiftclient.shell.running import WrongUsage, container_of, service_for


def run(line: CommandLine, output: Any) -> None:
    if len(line.words) < 2:
        raise WrongUsage
    container = container_of(line.words, output)
    quiet = line.options['verbose'] < 1
    with service_for(line) as service:
        for result in service.copy(container, line.words[1:]):
            if not result['success'] and result['action'] == 'create_container':
                output.warning("Warning: failed to create container '%s': %s",
                               result['container'], result['error'])
            elif not result['success']:
                output.error('%s', result['error'])
            elif quiet:
                continue
            elif result['action'] == 'create_container':
                output.print_msg('created container %s', result['container'])
            else:
                output.print_msg('%s/%s copied to %s', container, result['object'],
                                 result['destination'] or '<self>')
