"""Where a node's rsync daemon takes files, and the commands that send them.

Layer 0. The operator's template names the daemon's module (sheet 07 §19):

    {replication_ip}::container        {replication_ip}::container_{device}
    rsync://{replication_ip}:8873/container

Objects are never overwritten: their files' names tell the content, and what a peer has is as good
as ours. A database goes into a directory for temporary files under a name that is the sender's.
"""
import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ADDRESSES = ('ip', 'replication_ip')
_FIELDS = ('ip', 'port', 'replication_ip', 'replication_port', 'region', 'zone', 'device', 'meta')
# rsync writes `.<name>.XXXXXX` first; what another transfer left half done must not spread.
_TEMPORARY = '--exclude=.*.' + '[0-9a-zA-Z]' * 6


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


@dataclass(frozen=True, slots=True)
class RsyncLimits:
    """What an operator may limit. Seconds, and kB/s or a text with a suffix."""

    io_timeout: int = 30
    bwlimit: str = '0'
    compress: bool = False


def directories_command(limits: RsyncLimits, is_remote: bool, sources: Sequence[str],
                        target: str) -> list[str]:
    """Return the words that push directories into one of another node.

    ``is_remote``: the node is in another region.
    """
    words = ['rsync', '--recursive', '--whole-file', '--human-readable', '--xattrs',
             '--itemize-changes', '--ignore-existing',
             f'--timeout={limits.io_timeout}', f'--contimeout={limits.io_timeout}',
             f'--bwlimit={limits.bwlimit}', _TEMPORARY]
    if limits.compress and is_remote:
        words.append('--compress')
    return [*words, *sources, target]


def worth_logging(line: str, log_transfers: bool) -> bool:
    """Tell whether a line about directories is logged: new directories never are."""
    if not line or line.startswith('cd+'):
        return False
    return log_transfers or not line.startswith('<')
