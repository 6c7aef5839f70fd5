"""Names that programs import from `swiftclient.utils`: numbers, texts, slices of lists.

Source: the client sheet, section 2. Streams live in `streams`, temporary URLs in `tempurl`; they
are offered here too, because this is where programs look for them.
"""

import gzip
import json
import math
import time
import traceback
from collections.abc import Iterable, Mapping

from swiftclient.streams import (
    JSONableIterable,
    LengthWrapper,
    NoopMD5,
    ReadableToIterable,
    iter_wrapper,
)
from swiftclient.tempurl import (
    EXPIRES_ISO8601_FORMAT,
    SHORT_EXPIRES_ISO8601_FORMAT,
    TIME_ERRMSG,
    generate_temp_url,
    parse_timeout,
    parse_timestamp,
)

__all__ = [
    'EMPTY_ETAG', 'EXPIRES_ISO8601_FORMAT', 'JSONableIterable', 'LengthWrapper', 'NoopMD5',
    'ReadableToIterable', 'SHORT_EXPIRES_ISO8601_FORMAT', 'TIME_ERRMSG', 'TRUE_VALUES',
    'config_true_value', 'generate_temp_url', 'get_body', 'iter_wrapper', 'n_at_a_time',
    'n_groups', 'normalize_manifest_path', 'parse_api_response', 'parse_timeout',
    'parse_timestamp', 'prt_bytes', 'report_traceback', 'split_request_headers',
]

TRUE_VALUES = {'true', '1', 'yes', 'on', 't', 'y'}
EMPTY_ETAG = 'd41d8cd98f00b204e9800998ecf8427e'  # MD5 of nothing
SIZE_SUFFIXES = ('', 'K', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y')


def config_true_value(value) -> bool:
    return value is True or isinstance(value, str) and value.lower() in TRUE_VALUES


def prt_bytes(num_bytes, human_flag) -> str:
    """Return a number of bytes for a column: twelve wide, or four with a suffix for people."""
    if not human_flag:
        return f'{num_bytes:>12}'
    size, suffixes = float(num_bytes), iter(SIZE_SUFFIXES)
    suffix = next(suffixes)
    while size > 1023 and suffix != SIZE_SUFFIXES[-1]:
        size /= 1024
        suffix = next(suffixes)
    if not suffix:
        return f'{num_bytes:>4}'
    # Compat: 9.96 counts as below ten and prints five wide.
    return f'{int(size):3d}{suffix}' if size >= 10 else f'{size:.1f}{suffix}'


def get_body(headers, body: bytes) -> bytes:
    """Return the body unpacked, if its headers say that it is packed."""
    if headers.get('content-encoding') == 'gzip':
        return gzip.decompress(body)
    return body


def parse_api_response(headers, body: bytes):
    """Return what the JSON of a response holds; UTF-8 unless its type says otherwise."""
    charset = 'utf-8'
    _, found, name = headers.get('content-type', '').partition('; charset=')
    if found:
        charset = name.split(';', 1)[0]
    return json.loads(get_body(headers, body).decode(charset))


def split_request_headers(options, prefix='') -> dict[str, str]:
    """Return headers from a mapping, 'name:value' texts or pairs; names get prefix and Title-Case.

    ValueError tells which item is neither.
    """
    headers = {}
    for item in options.items() if isinstance(options, Mapping) else options:
        if isinstance(item, str):
            name, found, value = item.partition(':')
            if not found:
                raise ValueError(f"Metadata parameter {item} must contain a ':'.\n"
                                 "Example: 'Color:Blue' or 'Size:Large'")
        else:
            if not isinstance(item, Iterable) or len(item) != 2:
                raise ValueError(f'Metadata parameter {item!r} must have exactly two items.\n'
                                 "Example: ('Color', 'Blue') or ['Size', 'Large']")
            name, value = item
        headers[(prefix + name).title()] = value.strip()
    return headers


def report_traceback() -> tuple[str, float]:
    """Return the traceback of the exception being handled, and the time."""
    return traceback.format_exc(), time.time()


def n_at_a_time(seq, n):
    """Return slices of n items; the last may be shorter."""
    return [seq[i:i + n] for i in range(0, len(seq), n)]


def n_groups(seq, n):
    """Return at most n slices of equal length, but for the last."""
    return n_at_a_time(seq, math.ceil(len(seq) / n)) if seq else []


def normalize_manifest_path(path: str) -> str:
    return path[1:] if path.startswith('/') else path
