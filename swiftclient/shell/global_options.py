"""Options that every sub-command has. Source: sheet 08, section 5.1."""
from swiftclient.shell.declared import Option, flag

GENERAL = (
    Option(('-h', '--help'), 'help', 'help', 'Show this help, or that of a sub-command.'),
    Option(('--version',), 'version', 'help', 'Show the version.'),
    Option(('--os-help',), 'os_help', 'help', 'Show help with the options for OpenStack.',
           aliases=('--os_help',)),
    Option(('-v', '--verbose'), 'verbose', 'count', 'Print more; may be given several times.',
           default=1),
    Option(('-q', '--quiet'), 'verbose', 'silence', 'Print no status lines and no progress.'),
    flag('--debug', 'debug', 'Log requests and answers to standard error.'),
    flag('--debug-with-secrets', 'debug_with_secrets',
         'The same with tokens and keys in clear; mind who reads it.'),
    flag('--info', 'info', 'Log failed requests to standard error.'),
    Option(('-A', '--auth'), 'auth', 'text', 'URL for obtaining a token.', '<url>',
           env=('ST_AUTH',)),
    Option(('-V', '--auth-version', '--os-identity-api-version'), 'auth_version', 'text',
           'Version of authentication: 1.0, 2.0 or 3 (default: 1.0).', '<version>',
           env=('ST_AUTH_VERSION', 'OS_AUTH_VERSION', 'OS_IDENTITY_API_VERSION'),
           default='1.0', aliases=('--os_identity_api_version',)),
    Option(('-U', '--user'), 'user', 'text', 'User name.', '<name>', env=('ST_USER',)),
    Option(('-K', '--key'), 'key', 'text', 'Key (password) of the user.', '<key>',
           env=('ST_KEY',)),
    Option(('-T', '--timeout'), 'timeout', 'text',
           'Longest wait for a connection and for each answer, in seconds, or with a suffix '
           's, m, min, h, hr or d (default: no limit).', '<time>'),
    Option(('-R', '--retries'), 'retries', 'whole',
           'How often a request that failed is sent again (default: 5).', '<number>', default=5),
    Option(('--insecure',), 'insecure', 'flag',
           'Do not verify the certificate of the server.', env=('SWIFTCLIENT_INSECURE',),
           default=False),
    Option(('--no-ssl-compression',), 'ssl_compression', 'unset',
           'Without effect; TLS compression is never used.', default=True),
    flag('--force-auth-retry', 'force_auth_retry',
         'Obtain a new token before a request is sent again.'),
    flag('--prompt', 'prompt', 'Ask for the password on the terminal.'),
)


def _openstack(name: str, metavar: str, text: str) -> Option:
    """An option and environment variable of the same name; underscores are understood too."""
    long = f'--os-{name}'
    spelt = long[2:].replace('-', '_')
    aliases = (f'--{spelt}',) if name not in ('cacert', 'cert', 'key') else ()
    return Option((long,), spelt, 'text', text, metavar, env=(spelt.upper(),), aliases=aliases)


OPENSTACK = (
    _openstack('username', '<name>', 'User name.'),
    _openstack('user-id', '<id>', 'User id, instead of the name.'),
    _openstack('user-domain-id', '<id>', 'Id of the domain of the user.'),
    _openstack('user-domain-name', '<name>', 'Name of the domain of the user.'),
    _openstack('password', '<password>', 'Password of the user.'),
    _openstack('tenant-id', '<id>', 'Id of the tenant (version 2).'),
    _openstack('tenant-name', '<name>', 'Name of the tenant (version 2).'),
    _openstack('project-id', '<id>', 'Id of the project.'),
    _openstack('project-name', '<name>', 'Name of the project.'),
    _openstack('project-domain-id', '<id>', 'Id of the domain of the project.'),
    _openstack('project-domain-name', '<name>', 'Name of the domain of the project.'),
    _openstack('auth-url', '<url>', 'URL of the identity service.'),
    _openstack('auth-type', '<type>',
               'password, v1password, v2password, v3password or v3applicationcredential.'),
    _openstack('application-credential-id', '<id>', 'Id of an application credential.'),
    _openstack('application-credential-secret', '<secret>',
               'Secret of the application credential.'),
    _openstack('auth-token', '<token>',
               'Token to use; with --os-storage-url nothing is authenticated.'),
    _openstack('storage-url', '<url>', 'Storage URL, instead of the one that is found.'),
    _openstack('region-name', '<name>', 'Region whose endpoint is used.'),
    _openstack('service-type', '<type>',
               'Type of the service in the catalogue (default: object-store).'),
    _openstack('endpoint-type', '<type>', 'Type of the endpoint (default: public).'),
    _openstack('cacert', '<file>', 'Certificates to verify a TLS server with.'),
    _openstack('cert', '<file>', 'Certificate of the client.'),
    _openstack('key', '<file>', 'Key of the client certificate.'),
)

GLOBAL = GENERAL + OPENSTACK
