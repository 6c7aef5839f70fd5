"""What has to be known before a sub-command runs: credentials, timeouts, logging.

Source: sheet 08, section 5.1.
"""
import logging
import sys

from swiftclient.shell.parsing import CommandLine

AUTH_TYPES = ('password', 'v1password', 'v2password', 'v3password', 'v3applicationcredential')
NEEDED_FOR_1_OR_2 = """\
Auth version 1.0 requires ST_AUTH, ST_USER, and ST_KEY environment variables
to be set or overridden with -A, -U, or -K.

Auth version 2.0 requires OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, and
OS_TENANT_NAME OS_TENANT_ID to be set or overridden with --os-auth-url,
--os-username, --os-password, --os-tenant-name or os-tenant-id. Note:
adding "-V 2" is necessary for this."""


class LoginError(Exception):
    """Something that is needed to log in is missing; the text says what."""


def prepare(line: CommandLine) -> None:
    """Complete the options of a command line, in place. Raises LoginError."""
    from swiftclient.service import process_options
    from swiftclient.utils import parse_timeout

    options = line.options
    _set_up_logging(options)
    if options['timeout'] is not None:
        try:
            options['timeout'] = parse_timeout(options['timeout'])
        except ValueError as error:
            raise LoginError(str(error)) from None
    if options['prompt']:
        _ask_for_password(options)
    asks_url = line.command.name == 'capabilities' and line.words
    process_options(options)
    if line.command.needs_login and not asks_url:
        _require_login(options)


def _set_up_logging(options: dict) -> None:
    from swiftclient.client import logger_settings

    if options['debug_with_secrets']:
        logger_settings['redact_sensitive_headers'] = False
    if options['debug'] or options['debug_with_secrets']:
        logging.basicConfig(level=logging.DEBUG)
    elif options['info']:
        logging.basicConfig(level=logging.INFO)


def _ask_for_password(options: dict) -> None:
    if not sys.stdin.isatty():
        raise LoginError('Input stream incompatible with --prompt option')
    import getpass

    password = getpass.getpass()
    options['key'] = options['os_password'] = password


def _require_login(options: dict) -> None:
    """Raise LoginError unless a token is given or can be obtained."""
    if options['os_storage_url'] and options['os_auth_token']:
        return
    auth_type = options['os_auth_type']
    if auth_type and auth_type not in AUTH_TYPES:
        raise LoginError('Only "v3applicationcredential" is supported for --os-auth-type')
    if options['auth_version'] == '3':
        _require_version_3(options, auth_type)
    elif not (options['auth'] and options['user'] and options['key']):
        raise LoginError(NEEDED_FOR_1_OR_2)


def _require_version_3(options: dict, auth_type: str | None) -> None:
    if not options['auth']:
        raise LoginError('Auth version 3 requires OS_AUTH_URL to be set or overridden with '
                         '--os-auth-url')
    if auth_type == 'v3applicationcredential':
        if not (options['os_application_credential_id']
                and options['os_application_credential_secret']):
            raise LoginError(
                'Auth version 3 (application credential) requires '
                'OS_APPLICATION_CREDENTIAL_ID and OS_APPLICATION_CREDENTIAL_SECRET to be set or '
                'overridden with --os-application-credential-id and '
                '--os-application-credential-secret respectively.')
        return
    if not (options['user'] or options['os_user_id']):
        raise LoginError('Auth version 3 requires either OS_USERNAME or OS_USER_ID to be set or '
                         'overridden with --os-username or --os-user-id respectively.')
    if not options['key']:
        raise LoginError('Auth version 3 requires OS_PASSWORD to be set or overridden with '
                         '--os-password')
