"""`swift auth`. Source: sheet 08, section 5.2."""
from shlex import quote
from typing import Any

from swiftclient.shell.parsing import CommandLine


def run(line: CommandLine, output: Any) -> None:
    if line.options['verbose'] > 1:
        pairs = _credentials(line.options)
    else:
        pairs = _token(line.options)
    for name, value in pairs:
        output.print_msg('export %s=%s', name, quote(str(value)))


def _token(options: dict) -> list[tuple[str, str]]:
    from swiftclient import shell
    from swiftclient.service.options import service_options

    connection = shell.get_conn(service_options(options))
    url, token = connection.url, connection.token
    if not (url and token):
        url, token = connection.get_auth()
    connection.close()
    return [('OS_STORAGE_URL', url), ('OS_AUTH_TOKEN', token)]


def _credentials(options: dict) -> list[tuple[str, str]]:
    if options['auth_version'] in ('1', '1.0'):
        return [('ST_AUTH', options['auth']), ('ST_USER', options['user']),
                ('ST_KEY', options['key'])]
    pairs = {key.upper(): value for key, value in options.items()
             if key.startswith('os_') and value and key not in ('os_options', 'os_help')}
    version = options['auth_version']
    return [('OS_IDENTITY_API_VERSION', version), ('OS_AUTH_VERSION', version),
            ('OS_AUTH_URL', options['auth']),
            *sorted((key, value) for key, value in pairs.items() if key != 'OS_AUTH_URL')]
