"""What programs import and replace is there, with the signatures they know, and cheap to import."""

import inspect
import subprocess
import sys

import pytest

import swiftclient
from swiftclient import client, utils

SIGNATURES = {
    'get_account': 'url, token, marker=None, limit=None, prefix=None, end_marker=None, '
                   'http_conn=None, full_listing=False, service_token=None, headers=None, '
                   'delimiter=None',
    'head_account': 'url, token, http_conn=None, headers=None, service_token=None',
    'post_account': 'url, token, headers, http_conn=None, response_dict=None, service_token=None, '
                    'query_string=None, data=None',
    'get_container': 'url, token, container, marker=None, limit=None, prefix=None, delimiter=None, '
                     'end_marker=None, version_marker=None, path=None, http_conn=None, '
                     'full_listing=False, service_token=None, headers=None, query_string=None',
    'head_container': 'url, token, container, http_conn=None, headers=None, service_token=None',
    'put_container': 'url, token, container, headers=None, http_conn=None, response_dict=None, '
                     'service_token=None, query_string=None',
    'post_container': 'url, token, container, headers, http_conn=None, response_dict=None, '
                      'service_token=None',
    'delete_container': 'url, token, container, http_conn=None, response_dict=None, '
                        'service_token=None, query_string=None, headers=None',
    'get_object': 'url, token, container, name, http_conn=None, resp_chunk_size=None, '
                  'query_string=None, response_dict=None, headers=None, service_token=None',
    'head_object': 'url, token, container, name, http_conn=None, service_token=None, headers=None, '
                   'query_string=None',
    'put_object': 'url, token=None, container=None, name=None, contents=None, '
                  'content_length=None, etag=None, chunk_size=None, content_type=None, '
                  'headers=None, http_conn=None, proxy=None, query_string=None, '
                  'response_dict=None, service_token=None',
    'post_object': 'url, token, container, name, headers, http_conn=None, response_dict=None, '
                   'service_token=None',
    'copy_object': 'url, token, container, name, destination=None, headers=None, '
                   'fresh_metadata=None, http_conn=None, response_dict=None, service_token=None',
    'delete_object': 'url, token=None, container=None, name=None, http_conn=None, headers=None, '
                     'proxy=None, query_string=None, response_dict=None, service_token=None',
    'get_capabilities': 'http_conn',
    'get_auth': 'auth_url, user, key, **kwargs',
    'get_auth_1_0': 'url, user, key, **kwargs',
    'get_auth_keystone': 'auth_url, user, key, os_options, **kwargs',
    'get_keystoneclient_2_0': 'auth_url, user, key, os_options, **kwargs',
    'http_log': 'args, kwargs, resp, body',
    'store_response': 'resp, response_dict',
    'HTTPConnection': 'url, proxy=None, cacert=None, insecure=False, cert=None, cert_key=None, '
                      'ssl_compression=False, default_user_agent=None, timeout=None',
    'Connection': 'authurl=None, user=None, key=None, retries=5, preauthurl=None, '
                  'preauthtoken=None, starting_backoff=1, max_backoff=64, tenant_name=None, '
                  "os_options=None, auth_version='1', cacert=None, insecure=False, cert=None, "
                  'cert_key=None, ssl_compression=True, retry_on_ratelimit=True, timeout=None, '
                  'session=None, force_auth_retry=False',
    'ClientException': "msg, http_scheme='', http_host='', http_port='', http_path='', "
                       "http_query='', http_status=None, http_reason='', http_device='', "
                       "http_response_content='', http_response_headers=None",
}


@pytest.mark.parametrize('name', SIGNATURES)
def test_signature(name):
    found = inspect.signature(getattr(client, name)).parameters.values()
    assert ', '.join(str(one.replace(annotation=one.empty)) for one in found) == SIGNATURES[name]


@pytest.mark.parametrize('name', [
    *SIGNATURES, 'AUTH_VERSIONS_V1', 'AUTH_VERSIONS_V2', 'AUTH_VERSIONS_V3',
    'VERSIONFUL_AUTH_PATH', 'USER_METADATA_TYPE', 'URI_PATTERN_INFO', 'URI_PATTERN_VERSION',
    'logger', 'logger_settings', 'LOGGER_SENSITIVE_HEADERS', 'encode_utf8', 'encode_meta_headers',
    'parse_header_string', 'resp_header_dict', 'LowerKeyCaseInsensitiveDict', 'safe_value',
    'scrub_headers', 'http_connection', 'RequestException', 'sleep', 'time', 'quote', 'SSLError',
    'CaseInsensitiveDict', 'LengthWrapper', 'ReadableToIterable', 'requests', 'socket'])
def test_names_of_client_are_names_of_the_package(name):
    assert getattr(swiftclient, name) is getattr(client, name)


def test_exceptions_of_requests_are_its_own():
    import requests

    assert swiftclient.RequestException is requests.exceptions.RequestException
    with pytest.raises(AttributeError):
        client.no_such_name  # noqa: B018
    with pytest.raises(AttributeError):
        swiftclient.no_such_name  # noqa: B018


@pytest.mark.parametrize('name', utils.__all__)
def test_names_of_utils(name):
    assert hasattr(utils, name)


def test_version_is_one_that_programs_accept():
    assert swiftclient.__version__ == swiftclient.version.version_string
    assert tuple(map(int, swiftclient.__version__.split('.'))) > (4, 11)


def test_import_loads_nothing_heavy_and_nothing_of_the_servers():
    """Each of these takes longer to load than a request to send; see doc/swiftclient.md."""
    code = 'import sys, swiftclient; print(" ".join(sys.modules))'
    done = subprocess.run([sys.executable, '-S', '-c', code], capture_output=True, text=True,
                          check=True, cwd=swiftclient.__path__[0] + '/..')
    loaded = set(done.stdout.split())
    assert 'swiftclient.connection' in loaded
    assert loaded.isdisjoint({'requests', 'urllib3', 'ssl', 'http.client', 'email', 'dataclasses',
                              'keystoneauth1', 'swift', 'asyncio', 'swiftclient.authv1'})
