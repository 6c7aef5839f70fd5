"""`swift tempurl`. Source: sheet 08, section 5.2."""
from typing import Any
from urllib.parse import urlsplit

from swiftclient.shell.parsing import CommandLine
from swiftclient.shell.running import CommandError, WrongUsage

METHODS = ('GET', 'PUT', 'POST', 'HEAD', 'DELETE')


def run(line: CommandLine, output: Any) -> None:
    from swiftclient import shell

    if len(line.words) < 4:
        raise WrongUsage
    method, time, target, key = line.words[:4]
    options = line.options
    if method.upper() not in METHODS:
        output.print_msg('WARNING: Non default HTTP method %s for tempurl specified, '
                         'possibly an error', method.upper())
    parts = urlsplit(target)
    try:
        path = shell.generate_temp_url(
            parts.path, time, key, method, absolute=options['absolute_expiry'],
            iso8601=options['iso8601'], prefix=options['prefix_based'],
            ip_range=options['ip_range'], digest=options['digest'])
    except ValueError as error:
        raise CommandError(error) from None
    if parts.scheme and parts.netloc:
        path = f'{parts.scheme}://{parts.netloc}{path}'
    output.print_msg('%s', path)
