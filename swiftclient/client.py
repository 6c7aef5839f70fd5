"""The low-level interface: one function per request, and Connection, which repeats them.

Source: the client sheet, section 1. This module is where programs find these names, and where
they replace them: the functions that send something, `http_connection`, `HTTPConnection`, the
functions of authentication, `sleep`, `time`, the logger and its settings are looked up here when
they are used. What they do lives in the modules that they are imported from.

Nothing heavy is loaded with it: `requests` comes when its exceptions or its sessions are needed.
"""

import logging  # noqa: F401
import re
import socket  # noqa: F401
import warnings  # noqa: F401
from time import sleep, time  # noqa: F401
from urllib.parse import quote, unquote, urljoin, urlparse, urlunparse  # noqa: F401

from swiftclient import version as swiftclient_version  # noqa: F401
from swiftclient.account import (  # noqa: F401
    get_account,
    get_capabilities,
    head_account,
    post_account,
)
from swiftclient.auth import (  # noqa: F401
    AUTH_VERSIONS_V1,
    AUTH_VERSIONS_V2,
    AUTH_VERSIONS_V3,
    get_auth,
    get_auth_1_0,
    get_auth_keystone,
    get_keystoneclient_2_0,
)
from swiftclient.connection import Connection  # noqa: F401
from swiftclient.container import (  # noqa: F401
    delete_container,
    get_container,
    head_container,
    post_container,
    put_container,
)
from swiftclient.exceptions import ClientException  # noqa: F401
from swiftclient.headers import (  # noqa: F401
    USER_METADATA_TYPE,
    LowerKeyCaseInsensitiveDict,
    encode_meta_headers,
    encode_utf8,
    parse_header_string,
    resp_header_dict,
    store_response,
)
from swiftclient.http_connection import HTTPConnection, http_connection  # noqa: F401
from swiftclient.log import (  # noqa: F401
    LOGGER_SENSITIVE_HEADERS,
    http_log,
    logger,
    logger_settings,
    safe_value,
    scrub_headers,
)
from swiftclient.objects import (  # noqa: F401
    copy_object,
    delete_object,
    get_object,
    head_object,
    post_object,
    put_object,
)
from swiftclient.utils import (  # noqa: F401
    LengthWrapper,
    ReadableToIterable,
    get_body,
    iter_wrapper,
    parse_api_response,
)

VERSIONFUL_AUTH_PATH = re.compile(r'v[2-3](?:\.0)?$')
URI_PATTERN_INFO = re.compile(r'/info')
URI_PATTERN_VERSION = re.compile(r'\/v\d+\.?\d*(\/.*)?')

_OF_REQUESTS = {'RequestException': 'requests.exceptions', 'SSLError': 'requests.exceptions',
                'CaseInsensitiveDict': 'requests.structures'}


def __getattr__(name: str):
    """Load `requests` for those of its names that programs look for here."""
    if name == 'requests':
        import requests
        return requests
    if name in _OF_REQUESTS:
        import importlib
        return getattr(importlib.import_module(_OF_REQUESTS[name]), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
