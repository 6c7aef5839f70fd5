"""Options of the service: defaults, environment, and how the layers are merged.

Later layers win: global defaults, local defaults, the constructor's, the call's, the object's.
Unknown keys are carried along. Defaults that come from the environment are read once, when this
module is imported. Source: sheet 08, section 4.2.
"""
from os import environ

from swiftclient.service.errors import SwiftError
from swiftclient.utils import config_true_value, split_request_headers

# os_options key of the Connection <- option of the service, the same name with os_ before it.
OS_OPTION_NAMES = (
    'user_id', 'user_domain_id', 'user_domain_name', 'tenant_id', 'tenant_name', 'project_id',
    'project_name', 'project_domain_id', 'project_domain_name', 'service_type', 'endpoint_type',
    'auth_token', 'region_name', 'auth_type', 'application_credential_id',
    'application_credential_secret')
_FROM_ENVIRONMENT = (
    'os_username', 'os_user_id', 'os_user_domain_name', 'os_user_domain_id', 'os_password',
    'os_tenant_id', 'os_tenant_name', 'os_project_name', 'os_project_id',
    'os_project_domain_name', 'os_project_domain_id', 'os_auth_url', 'os_auth_token',
    'os_auth_type', 'os_application_credential_id', 'os_application_credential_secret',
    'os_storage_url', 'os_region_name', 'os_service_type', 'os_endpoint_type', 'os_cacert',
    'os_cert', 'os_key')
_V3_DOMAINS = ('os_user_domain_id', 'os_user_domain_name', 'os_project_domain_id',
               'os_project_domain_name')
_VERSION_OF_AUTH_TYPE = {'v1password': '1.0', 'v2password': '2.0', 'v3password': '3',
                         'v3applicationcredential': '3'}


def _build_default_global_options() -> dict:
    """Return the options that concern authentication, retries and threads."""
    options = {
        'verbose': 1,
        'debug': False,
        'info': False,
        'auth': environ.get('ST_AUTH'),
        'auth_version': environ.get('ST_AUTH_VERSION', '1.0'),
        'user': environ.get('ST_USER'),
        'key': environ.get('ST_KEY'),
        'retries': 5,
        'retry_on_ratelimit': True,
        'force_auth_retry': False,
        'insecure': config_true_value(environ.get('SWIFTCLIENT_INSECURE')),
        'ssl_compression': False,
        'segment_threads': 10,
        'object_dd_threads': 10,
        'object_uu_threads': 10,
        'container_threads': 10,
    }
    options.update((name, environ.get(name.upper())) for name in _FROM_ENVIRONMENT)
    return options


_default_global_options = _build_default_global_options()

_default_local_options = {
    'sync_to': None,
    'sync_key': None,
    'use_slo': None,
    'segment_size': None,
    'segment_container': None,
    'leave_segments': False,
    'changed': None,
    'skip_identical': False,
    'skip_container_put': False,
    'version_id': None,
    'yes_all': False,
    'read_acl': None,
    'write_acl': None,
    'out_file': None,
    'out_directory': None,
    'remove_prefix': False,
    'no_download': False,
    'long': False,
    'totals': False,
    'marker': '',
    'header': [],
    'meta': [],
    'prefix': None,
    'delimiter': None,
    'versions': False,
    'fail_fast': False,
    'human': False,
    'dir_marker': False,
    'checksum': True,
    'shuffle': False,
    'destination': None,
    'fresh_metadata': False,
    'ignore_mtime': False,
}


def process_options(options: dict) -> None:
    """Settle the version of authentication and build `os_options`, in place."""
    auth_type = options.get('os_auth_type')
    if auth_type in _VERSION_OF_AUTH_TYPE:
        options['auth_version'] = _VERSION_OF_AUTH_TYPE[auth_type]
    version = {'3.0': '3', '2': '2.0'}.get(str(options.get('auth_version')),
                                            options.get('auth_version'))
    v1_complete = all(options.get(name) for name in ('auth', 'user', 'key'))
    if version not in ('2.0', '3') and auth_type != 'v1password' and not v1_complete:
        version = '3' if any(options.get(name) for name in _V3_DOMAINS) else '2.0'
    options['auth_version'] = version
    for name, stand_in in (('auth', 'os_auth_url'), ('user', 'os_username'),
                           ('key', 'os_password')):
        options[name] = options.get(name) or options.get(stand_in)
    options['os_options'] = {name: options.get(f'os_{name}') for name in OS_OPTION_NAMES}
    options['os_options']['object_storage_url'] = options.get('os_storage_url')


def service_options(given: dict | None) -> dict:
    """Return the complete options of a service made with `given`."""
    options = dict(_default_global_options, **_default_local_options)
    options.update(given or {})
    process_options(options)
    return options


def split_headers(options, prefix: str = '') -> dict:
    """Return headers from `name:value` strings, pairs or a dict; SwiftError if malformed."""
    try:
        return split_request_headers(options, prefix)
    except ValueError as error:
        raise SwiftError(error) from error


def request_headers(options: dict, meta_prefix: str) -> dict:
    """Return the headers that the options `meta` and `header` ask for."""
    headers = split_headers(options['meta'], meta_prefix)
    headers.update(split_headers(options['header'], ''))
    return headers
