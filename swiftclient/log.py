"""What is logged of a request, and what of its secrets is not.

Source: the client sheet, section 1.3. A request is logged as the curl command that repeats it.
`logger_settings` and `LOGGER_SENSITIVE_HEADERS` belong to the application, which changes them, and
may replace them and the logger in `swiftclient.client`.
"""

import logging
from collections.abc import Iterable, Mapping

import swiftclient.client
from swiftclient.headers import parse_header_string
from swiftclient.utils import get_body

DEFAULT_REVEALED = 16  # characters of a secret that may be shown
SUCCESS_BELOW = 300

logger = logging.getLogger('swiftclient')
logger.addHandler(logging.NullHandler())

LOGGER_SENSITIVE_HEADERS = [
    'x-auth-token', 'x-auth-key', 'x-service-token', 'x-storage-token', 'x-subject-token',
    'x-account-meta-temp-url-key', 'x-account-meta-temp-url-key-2',
    'x-container-meta-temp-url-key', 'x-container-meta-temp-url-key-2', 'set-cookie',
]
logger_settings = {'redact_sensitive_headers': True, 'reveal_sensitive_prefix': DEFAULT_REVEALED}


def safe_value(name, value):
    """Return the value, or only its beginning if the header is a secret.

    Of short secrets less is shown than the setting allows: at most half, and of a good one a
    thirty-second of its length squared.
    """
    if name.lower() not in swiftclient.client.LOGGER_SENSITIVE_HEADERS:
        return value
    allowed = swiftclient.client.logger_settings.get('reveal_sensitive_prefix', DEFAULT_REVEALED)
    shown = int(min(allowed, len(value) ** 2 / 32, len(value) / 2))
    return value[:shown] + '...'


def scrub_headers(headers: Mapping | Iterable) -> dict:
    """Return the headers as text, fit for a log."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    texts = [(parse_header_string(name), parse_header_string(value)) for name, value in pairs]
    settings = swiftclient.client.logger_settings
    if not settings.get('redact_sensitive_headers', True):
        return dict(texts)
    if settings.get('reveal_sensitive_prefix', DEFAULT_REVEALED) < 0:
        settings['reveal_sensitive_prefix'] = DEFAULT_REVEALED
    return {name: safe_value(name, value) for name, value in texts}


def http_log(args, kwargs, resp, body) -> None:
    """Log one exchange: `args` are URL and method, `kwargs` may hold headers.

    Cost: one question to the logger, if it is not enabled.
    """
    log = swiftclient.client.logger
    if not log.isEnabledFor(logging.INFO):
        return
    words = ['curl -i']
    for element in args:
        if element == 'HEAD':
            words.append(' -I')
        elif element in ('GET', 'POST', 'PUT'):
            words.append(f' -X {element}')
        else:
            words.append(f' {parse_header_string(element)}')
    for name, value in scrub_headers(kwargs.get('headers') or {}).items():
        words.append(f' -H "{name}: {value}"')
    level = logging.DEBUG if resp.status < SUCCESS_BELOW else logging.INFO
    log.log(level, 'REQ: %s', ''.join(words))
    log.log(level, 'RESP STATUS: %s %s', resp.status, resp.reason)
    log.log(level, 'RESP HEADERS: %s', scrub_headers(resp.getheaders()))
    if body:
        headers = {name.lower(): value for name, value in resp.getheaders()}
        log.log(level, 'RESP BODY: %s', get_body(headers, body))
