"""The command line of rsync, and where a node's ``rsync_module`` template points.

Layer 0, pure. Replicators of objects (and of whole databases) push with rsync to a daemon on the
peer; the template names the daemon's module (sheet 07 §19):

    {replication_ip}::object        {replication_ip}::object_{device}

Files are never overwritten: names tell their content, and what a peer has is as good as ours.
"""
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ADDRESSES = ('ip', 'replication_ip')
_FIELDS = ('ip', 'port', 'replication_ip', 'replication_port', 'region', 'zone', 'device', 'meta')
# rsync writes `.<name>.XXXXXX` first; what another transfer left half done must not spread.
_TEMPORARY = '--exclude=.*.' + '[0-9a-zA-Z]' * 6


class BadModule(ValueError):
    """A template with a variable that nodes do not have."""


def rsync_module(template: str, node: Mapping[str, object]) -> str:
    """Return the module of a node, without a slash at its end. Raises BadModule."""
    values = {}
    for name in _FIELDS:
        value = node[name]
        values[name] = '[%s]' % value if name in _ADDRESSES and ':' in str(value) else value
    try:
        return string.Formatter().vformat(template, (), values).rstrip('/')
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise BadModule('Cannot interpolate rsync_module, invalid variable: %s' % error) from None


@dataclass(frozen=True, slots=True)
class RsyncLimits:
    """What an operator may limit. Seconds, and kB/s or a text with a suffix."""
    io_timeout: int = 30
    bwlimit: str = '0'
    compress: bool = False


def push_command(limits: RsyncLimits, is_remote: bool, sources: Sequence[str],
                 target: str) -> list[str]:
    """Return the words that push directories into one of another node.

    ``is_remote``: the node is in another region.
    """
    words = ['rsync', '--recursive', '--whole-file', '--human-readable', '--xattrs',
             '--itemize-changes', '--ignore-existing',
             '--timeout=%d' % limits.io_timeout, '--contimeout=%d' % limits.io_timeout,
             '--bwlimit=%s' % limits.bwlimit, _TEMPORARY]
    if limits.compress and is_remote:
        words.append('--compress')
    return [*words, *sources, target]


def worth_logging(line: str, log_transfers: bool) -> bool:
    """Tell whether a line of rsync's output is logged: new directories never are."""
    if not line or line.startswith('cd+'):
        return False
    return log_transfers or not line.startswith('<')
