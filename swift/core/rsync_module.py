"""Where a node's rsync daemon takes files, and the command that sends it one.

Layer 0. The operator's template names the daemon's module (sheet 07 §19):

    {replication_ip}::container        {replication_ip}::container_{device}
    rsync://{replication_ip}:8873/container
"""
import math
import string
from collections.abc import Mapping

_ADDRESSES = ('ip', 'replication_ip')
_FIELDS = ('ip', 'port', 'replication_ip', 'replication_port', 'region', 'zone', 'device', 'meta')


class BadModule(ValueError):
    """A template with a variable that nodes do not have."""


def module_of(template: str, node: Mapping[str, object]) -> str:
    """Return the module of a node, without a slash at its end. Raises BadModule."""
    values = {}
    for name in _FIELDS:
        value = node[name]
        values[name] = f'[{value}]' if name in _ADDRESSES and ':' in str(value) else value
    try:
        return string.Formatter().vformat(template, (), values).rstrip('/')
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise BadModule(f'Cannot interpolate rsync_module, invalid variable: {error}') from None


def file_command(source: str, target: str, io_timeout_s: float, conn_timeout_s: float,
                 compress: bool) -> list[str]:
    """Return the words that copy one file to a daemon."""
    words = ['rsync', '--quiet', '--no-motd', f'--timeout={math.ceil(io_timeout_s)}',
             f'--contimeout={math.ceil(conn_timeout_s)}', '--whole-file']
    if compress:
        words.append('--compress')
    return [*words, source, target]
