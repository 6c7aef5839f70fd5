"""Names that third-party filters import; each one lives in a module of its own."""
from swift.common.config.parser import readconf
from swift.common.registry import (
    get_swift_info,
    register_sensitive_header,
    register_sensitive_param,
    register_swift_info,
)
from swift.common.swob import close_if_possible
from swift.common.utils.plugins import (
    cache_from_env,
    closing_if_possible,
    config_auto_int_value,
    config_float_value,
    config_percent_value,
    config_positive_int_value,
    drain_and_close,
    get_logger,
    list_from_csv,
    public,
    streq_const_time,
)
from swift.core.client_address import get_remote_client
from swift.core.constraints import TRUE_WORDS as TRUE_VALUES
from swift.core.constraints import config_true_value
from swift.core.content_type import extract_swift_bytes
from swift.core.hashing import md5
from swift.core.names import (
    get_reserved_name,
    is_reserved_name,
    quote,
    split_path,
    split_reserved_name,
)
from swift.core.timestamp import (
    Timestamp,
    decode_timestamps,
    encode_timestamps,
    last_modified_date_to_timestamp,
    normalize_timestamp,
)

__all__ = [
    'TRUE_VALUES', 'Timestamp', 'cache_from_env', 'close_if_possible', 'closing_if_possible',
    'config_auto_int_value', 'config_float_value', 'config_percent_value',
    'config_positive_int_value', 'config_true_value', 'decode_timestamps', 'drain_and_close',
    'encode_timestamps', 'extract_swift_bytes', 'get_logger', 'get_remote_client',
    'get_reserved_name', 'get_swift_info', 'is_reserved_name', 'last_modified_date_to_timestamp',
    'list_from_csv', 'md5', 'normalize_timestamp', 'public', 'quote', 'readconf',
    'register_sensitive_header', 'register_sensitive_param', 'register_swift_info', 'split_path',
    'split_reserved_name', 'streq_const_time',
]
