"""Limits of names, metadata and bodies, and what a request that breaks one is answered.

Layer 0. `Constraints` holds the values of `[swift-constraints]` in swift.conf; the checks take it
as a parameter and return None or a Refusal (status, body, content type), in the order of sheet 04
§5.2 and §8.1, so that the first broken rule is the one the client reads about.

Header names and values are WSGI strings, one character per byte, as they stand in a request; names
of accounts, containers and objects are text. Length limits of names count characters, of metadata
bytes.
"""
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, fields
from typing import NamedTuple

from swift.core.headers import get_user_meta_prefix, title_case
from swift.core.names import AUTO_CREATE_PREFIX, is_valid_utf8, split_path
from swift.core.timestamp import Timestamp

TRUE_WORDS = frozenset(('true', '1', 'yes', 'on', 't', 'y'))
# Header lines a request may have besides user metadata.
BASE_HEADER_COUNT = 36


class Refusal(NamedTuple):
    """The answer to a request that breaks a rule."""

    status: int
    body: str
    content_type: str = 'text/plain'


@dataclass(frozen=True)
class Constraints:
    """The limits of a cluster, all published in /info under `swift`."""

    max_file_size: int = 5368709122
    max_meta_name_length: int = 128
    max_meta_value_length: int = 256
    max_meta_count: int = 90
    max_meta_overall_size: int = 4096
    max_header_size: int = 8192
    max_request_line: int = 8192
    extra_header_count: int = 0
    max_object_name_length: int = 1024
    container_listing_limit: int = 10000
    account_listing_limit: int = 10000
    max_account_name_length: int = 256
    max_container_name_length: int = 256
    valid_api_versions: tuple[str, ...] = ('v1', 'v1.0')
    auto_create_account_prefix: str = field(default=AUTO_CREATE_PREFIX)

    @classmethod
    def from_items(cls, items: Mapping[str, str]) -> 'Constraints':
        """Read the section's options; unknown names are ignored, a bad number is a ValueError."""
        values = {}
        for option in fields(cls):
            if option.name not in items:
                continue
            text = items[option.name]
            if option.name == 'valid_api_versions':
                values[option.name] = tuple(
                    word.strip() for word in text.split(',') if word.strip())
            elif option.name == 'auto_create_account_prefix':
                values[option.name] = text
            else:
                try:
                    values[option.name] = int(text)
                except ValueError:
                    raise ValueError(f'{option.name} in [swift-constraints] must be an integer, '
                                     f'not {text!r}')
        return cls(**values)

    @property
    def max_header_count(self) -> int:
        """Header lines a request may have."""
        return self.max_meta_count + BASE_HEADER_COUNT + max(self.extra_header_count, 0)

    @property
    def max_header_lines(self) -> int:
        """Header lines from which on the HTTP server refuses to read a request.

        Above the nominal number, so that filters and backends see, and word, most refusals.
        """
        return int(1.6 * self.max_header_count)

    def effective(self) -> dict:
        """Return name -> value as published in /info."""
        values = {option.name: getattr(self, option.name) for option in fields(self)}
        values['valid_api_versions'] = list(self.valid_api_versions)
        return values


DEFAULT = Constraints()


def config_true_value(value) -> bool:
    """True iff the value is True or one of the words that mean it, in any case."""
    return value is True or (isinstance(value, str) and value.lower() in TRUE_WORDS)


def valid_api_version(version: str, limits: Constraints = DEFAULT) -> bool:
    """True iff the first path segment names a version of the API that is served."""
    return version in limits.valid_api_versions


def split_api_path(path: str, limits: Constraints = DEFAULT
                   ) -> list[str | None] | None:
    """Return [version, account, container, object] of a path of the API, None for another path.

    Cost for the path of an object: one split and a few comparisons.
    """
    segments = path.split('/', 4)
    if len(segments) == 5 and all(segments[1:]) and not segments[0]:
        return segments[1:] if segments[1] in limits.valid_api_versions else None
    try:
        segments = split_path(path, 2, 4, True)
    except ValueError:
        return None
    return segments if segments[0] in limits.valid_api_versions else None


def _bytes(text: str) -> bytes:
    try:
        return text.encode('latin-1')
    except UnicodeEncodeError:
        return text.encode('utf-8', 'surrogateescape')


def _is_clean_utf8(text: str) -> bool:
    raw = _bytes(text)
    return is_valid_utf8(raw) and b'\0' not in raw


def check_metadata(headers: Iterable[tuple[str, str]], kind: str,
                   limits: Constraints = DEFAULT) -> Refusal | None:
    """Check the header lines of an account, container or object PUT or POST (sheet 04 §5.2)."""
    prefix = get_user_meta_prefix(kind)
    count = size = 0
    for name, value in headers:
        if len(value) > limits.max_header_size:
            return Refusal(400, 'Header value too long: %s' % name[:limits.max_meta_name_length])
        if name[:len(prefix)].lower() != prefix:
            continue
        short = title_case(name)[len(prefix):]
        problem = _item_problem(short, value, prefix, kind, limits)
        if problem:
            return Refusal(400, problem)
        count += 1
        size += len(short) + len(value)
        if count > limits.max_meta_count:
            return Refusal(400, f'Too many metadata items; max {limits.max_meta_count}')
        if size > limits.max_meta_overall_size:
            return Refusal(400, f'Total metadata too large; max {limits.max_meta_overall_size}')
    return None


def _item_problem(short: str, value: str, prefix: str, kind: str,
                  limits: Constraints) -> str | None:
    if not short:
        return 'Metadata name cannot be empty'
    if kind != 'object' and not (_is_clean_utf8(short) and (not value or _is_clean_utf8(value))):
        return 'Metadata must be valid UTF-8'
    if len(short) > limits.max_meta_name_length:
        return f'Metadata name too long: {prefix}{short}'
    if len(value) > limits.max_meta_value_length:
        return f'Metadata value longer than {limits.max_meta_value_length}: {prefix}{short}'
    return None


def check_name_length(kind: str, name: str, account: str = '',
                      limits: Constraints = DEFAULT) -> Refusal | None:
    """Check the length of an account, container or object name.

    Accounts of the cluster itself (by prefix) may use names twice as long, because theirs are made
    from those of clients.
    """
    limit = getattr(limits, f'max_{kind}_name_length')
    if kind != 'object' and (account or name).startswith(limits.auto_create_account_prefix):
        limit *= 2
    if len(name) <= limit:
        return None
    content_type = 'text/plain' if kind == 'object' else 'text/html; charset=UTF-8'
    return Refusal(400, f'{kind.capitalize()} name length of {len(name)} longer than {limit}',
                   content_type)


def message_length(headers: Mapping[str, str]) -> 'int | None | Refusal':
    """Return the length of a request's body, None when it comes in chunks or has none.

    A Transfer-Encoding of `chunked` wins over a Content-Length. Anything else is refused.
    """
    coding = headers.get('Transfer-Encoding')
    length = headers.get('Content-Length')
    if coding is not None:
        words = [word.strip().lower() for word in coding.split(',')]
        if len(words) > 1:
            return Refusal(501, 'Unsupported Transfer-Coding header value specified in '
                                'Transfer-Encoding header')
        if words[0] != 'chunked':
            return Refusal(400, 'Invalid Transfer-Encoding header value')
        return None
    if length is None or length == '':
        return None
    if not (length.isascii() and length.isdigit()):
        return Refusal(400, 'Invalid Content-Length header value')
    return int(length)


def _whole_number(text: str) -> int | None:
    """Parse a decimal integer; longer ones than any time stand for a very large one."""
    text = text.strip()
    sign = -1 if text[:1] == '-' else 1
    digits = text[1:] if text[:1] in ('-', '+') else text
    if not (digits.isascii() and digits.isdigit()):
        return None
    return sign * (int(digits) if len(digits) < 20 else 10 ** 20)


def check_delete_headers(headers: MutableMapping[str, str], now: Timestamp) -> Refusal | None:
    """Check X-Delete-After and X-Delete-At against the request's time.

    Replaces X-Delete-After by the X-Delete-At that it means (which beats one given), and writes
    X-Delete-At as ten digits: the moment of deletion in whole seconds.
    """
    if 'X-Delete-After' in headers:
        after = _whole_number(headers['X-Delete-After'])
        if after is None:
            return Refusal(400, 'Non-integer X-Delete-After')
        delete_at = int(float(now) + after)
        if delete_at <= float(now):
            return Refusal(400, 'X-Delete-After in past')
        headers['X-Delete-At'] = str(delete_at)
        del headers['X-Delete-After']
    if 'X-Delete-At' in headers:
        delete_at = _whole_number(headers['X-Delete-At'])
        if delete_at is None:
            return Refusal(400, 'Non-integer X-Delete-At')
        # Peers copy objects whose time is over; only clients are told.
        replication = config_true_value(headers.get('X-Backend-Replication', ''))
        if delete_at <= float(now) and not replication:
            return Refusal(400, 'X-Delete-At in past')
        headers['X-Delete-At'] = normalize_delete_at(delete_at)
    return None


def normalize_delete_at(seconds: int | str) -> str:
    """Return a moment of deletion as ten digits, kept within what ten digits can say."""
    return '%010d' % min(max(0, int(seconds)), 9999999999)


def check_object_creation(headers: MutableMapping[str, str], name: str, now: Timestamp,
                          limits: Constraints = DEFAULT) -> Refusal | None:
    """Check an object PUT (sheet 04 §8.1 rows 5 to 12, sheet 02 §9.1), `name` being the object's.

    May rewrite X-Delete-At in `headers`, see check_delete_headers.
    """
    length = message_length(headers)
    if isinstance(length, Refusal):
        return length
    if length is not None and length > limits.max_file_size:
        return Refusal(413, 'Your request is too large.')
    # Compat: the coding is compared exactly here, so that `Chunked` without a length is a 411.
    if length is None and headers.get('Transfer-Encoding') != 'chunked':
        return Refusal(411, 'Missing Content-Length header.')
    problem = check_name_length('object', name, limits=limits)
    if problem:
        return problem
    if 'Content-Type' not in headers:
        return Refusal(400, 'No content type')
    problem = check_delete_headers(headers, now)
    if problem:
        return problem
    if not _is_clean_utf8(headers['Content-Type']):
        return Refusal(400, 'Invalid Content-Type')
    return check_metadata(headers.items(), 'object', limits)
