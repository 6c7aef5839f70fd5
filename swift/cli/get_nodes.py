"""swift-get-nodes: where an account, container, object or partition lives (layer 4).

    swift-get-nodes [-a] [-p PART] [-P POLICY] [-d SWIFT_DIR] [-Q] [<ring.gz>]
                    [<account> [<container> [<object>]] | a/c/o]

Prints the nodes, then commands to paste: a HEAD request to each node's server and a directory
listing on each node. Names are text; bytes that are no UTF-8 are kept as they are.
Exit codes: 0, or 1 with the reason. Source: sheet 01 section 13, sheet 07 section 12.1.
"""
from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TextIO
from urllib.parse import quote, unquote

from swift.cli import broken_pipe
from swift.common.cluster import Cluster
from swift.common.errors import ConfigError, RingError
from swift.common.places import config_root
from swift.common.ring.ring import Ring
from swift.common.ring.utils import bracketed
from swift.core.names import policy_name
from swift.core.policy import StoragePolicy
from swift.core.ring_lookup import Node

DEVICES = '${DEVICE:-/srv/node*}'
RING_SUFFIX = '.ring.gz'
USAGE = """\
swift-get-nodes [-a] <ring.gz> <account> [<container> [<object>]]
       swift-get-nodes [-a] <ring.gz> -p <partition>
       swift-get-nodes [-a] -P <policy name> <account> <container> <object>
       swift-get-nodes [-a] -P <policy name> -p <partition>"""
DESCRIPTION = 'Show the nodes responsible for an account, container, object or partition.'


class Refused(Exception):
    """The arguments do not say what to look up."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise Refused(message)


@dataclass
class Target:
    """What to look up: a path, or a partition if there is no account."""

    account: str | None = None
    container: str | None = None
    obj: str | None = None
    part: int | None = None

    @property
    def kind(self) -> str:
        if self.obj:
            return 'object'
        return 'container' if self.container else 'account'

    @property
    def path(self) -> str:
        """The path as it stands in a URL after the partition."""
        names = (self.account, self.container, self.obj)
        return '/'.join(_quoted(name) for name in names if name)


@dataclass
class Place:
    """Where the target is: the ring's answer and how servers name the directory."""

    ring_name: str
    part: int
    hash: str | None
    primaries: list[Node]
    handoffs: list[Node]
    policy_index: int | None
    policy_header: bool

    @property
    def nodes(self) -> list[tuple[Node, bool]]:
        return [*((node, False) for node in self.primaries),
                *((node, True) for node in self.handoffs)]

    @property
    def data_dir(self) -> str:
        kind = self.ring_name.split('-')[0]
        if kind in ('account', 'container'):
            return kind + 's'
        return policy_name('objects', self.policy_index or 0)

    @property
    def directory(self) -> str:
        below = f'{self.data_dir}/{self.part}'
        return f'{below}/{self.hash[-3:]}/{self.hash}' if self.hash else below


def main(argv: Sequence[str] | None = None, *, out: TextIO | None = None,
         err: TextIO | None = None) -> int:
    """Run the program with arguments (without program name) and return its exit code."""
    out, err = out or sys.stdout, err or sys.stderr
    parser = _parser()
    try:
        options = parser.parse_intermixed_args(argv)
        cluster = Cluster(options.swift_dir)
        policy, ring_path, target = _understand(options, cluster)
    except Refused as problem:
        err.write(f'{parser.format_help()}\nERROR: {problem}\n')
        return 1
    except ConfigError as problem:
        err.write(f'{problem}\n')
        return 1
    try:
        cluster.require_salt()
        ring = Ring(ring_path, hash_path=cluster.hash_path)
    except (ConfigError, RingError) as problem:
        err.write(f'{problem}\n')
        return 1
    warnings = _warnings(options, ring.name, policy, target)
    lines = [*warnings, *location_lines(ring, cluster, target, policy, options.all)]
    try:
        out.write('\n'.join(lines) + '\n')
        out.flush()
    except BrokenPipeError:
        broken_pipe.silence(out)
    return 0


def location_lines(ring: Ring, cluster: Cluster, target: Target,
                   policy: StoragePolicy | None = None, all_handoffs: bool = False) -> list[str]:
    """Return the lines that say where a target lives; other tools end their report with them."""
    place = _look_up(ring, cluster, target, policy, all_handoffs)
    return [*_path_lines(target), *_node_lines(place), *_request_lines(place, target),
            *_shell_lines(place)]


def _parser() -> _Parser:
    parser = _Parser(prog='swift-get-nodes', usage=USAGE, description=DESCRIPTION)
    parser.add_argument('-a', '--all', action='store_true', help='show all handoffs')
    parser.add_argument('-p', '--partition', metavar='PARTITION', help='a partition, not a name')
    parser.add_argument('-P', '--policy-name', metavar='POLICY_NAME',
                        help="use this policy's object ring")
    parser.add_argument('-d', '--swift-dir', default=config_root(),
                        help='folder of swift.conf and rings')
    parser.add_argument('-Q', '--quoted', action='store_true',
                        help='the names are quoted as in a URL')
    parser.add_argument('words', nargs='*', metavar='ring.gz or name')
    return parser


def _understand(options: argparse.Namespace,
                cluster: Cluster) -> tuple[StoragePolicy | None, str, Target]:
    """Return (policy if one is known, path of the ring, what to look up)."""
    words = list(options.words)
    policy, ring_path = None, None
    if words and words[0].endswith(RING_SUFFIX):
        ring_path = words.pop(0)
        if not os.path.exists(ring_path):
            raise Refused('Ring file does not exist')
    if options.policy_name:
        policy = cluster.policies.get_by_name(options.policy_name)
        if policy is None:
            raise Refused(f"No policy named '{options.policy_name}'")
        ring_path = ring_path or os.path.join(cluster.swift_dir, policy.ring_name + RING_SUFFIX)
        if not os.path.exists(ring_path):
            raise Refused('Ring file does not exist')
    if ring_path is None:
        raise Refused('Need to specify policy_name or <ring.gz>')
    return policy, ring_path, _target_of(options, words)


def _target_of(options: argparse.Namespace, words: list[str]) -> Target:
    if options.partition is not None:
        # Compat: names next to a partition are ignored; the partition decides.
        try:
            part = int(options.partition)
        except ValueError:
            raise Refused('Invalid arguments')
        if part < 0:
            raise Refused('Invalid arguments')
        return Target(part=part)
    if not words:
        raise Refused('No target specified')
    if len(words) > 3:
        raise Refused('Invalid arguments')
    if len(words) == 1:
        words = words[0].strip('/').split('/', 2)
    if options.quoted:
        words = [unquote(word, errors='surrogateescape') for word in words]
    account, container, obj = [*words, None, None][:3]
    if not account or (obj and not container):
        raise Refused('No target specified' if not account else 'Invalid arguments')
    return Target(account, container or None, obj or None)


def _warnings(options: argparse.Namespace, ring_name: str, policy: StoragePolicy | None,
              target: Target) -> list[str]:
    lines = []
    if target.account:
        if target.kind == 'account' and ring_name != 'account':
            lines.append('WARNING: account specified but ring not named "account"')
        if target.kind == 'container' and ring_name != 'container':
            lines.append('WARNING: account/container specified but ring not named "container"')
    if policy and ring_name != policy.ring_name:
        lines.append('WARNING: mismatch between ring and policy name!')
    return lines


def _look_up(ring: Ring, cluster: Cluster, target: Target, policy: StoragePolicy | None,
             all_handoffs: bool) -> Place:
    name_hash = None
    if target.account:
        names = (target.account, target.container, target.obj)
        part, primaries = ring.get_nodes(*names)
        name_hash = cluster.hash_path(*names)
    else:
        part, primaries = target.part, ring.get_part_nodes(target.part)
    handoffs = ring.get_more_nodes(part)
    if not all_handoffs:
        handoffs = islice(handoffs, len(primaries))
    index = policy.index if policy else None
    named = re.fullmatch(r'object-([0-9]+)', ring.name)
    if index is None and named:
        index = int(named[1])
    wants_header = policy is not None or (index is not None and bool(target.obj))
    return Place(ring.name, part, name_hash, primaries, list(handoffs), index, wants_header)


def _path_lines(target: Target) -> list[str]:
    if not target.account:
        return []
    return ['', *(f'{title}\t{_quoted(name)}' for title, name in (
        ('Account  ', target.account), ('Container', target.container),
        ('Object   ', target.obj))), '', '']


def _node_lines(place: Place) -> list[str]:
    lines = [f'Partition\t{place.part}', f'Hash     \t{place.hash}', '']
    lines += [f'Server:Port Device\t{node.ip}:{node.port} {node.device}'
              + ('\t [Handoff]' if is_handoff else '') for node, is_handoff in place.nodes]
    return [*lines, '', '']


def _request_lines(place: Place, target: Target) -> list[str]:
    header = ''
    if place.policy_header:
        header = f' -H "X-Backend-Storage-Policy-Index: {place.policy_index}"'
    lines = [f'curl -g -I -XHEAD "http://{bracketed(node.ip)}:{node.port}/{node.device}/'
             f'{place.part}/{target.path or None}"{header} --path-as-is'
             + (' # [Handoff]' if is_handoff else '') for node, is_handoff in place.nodes]
    return [*lines, '', '']


def _shell_lines(place: Place) -> list[str]:
    lines = ['Use your own device location of servers:', 'such as "export DEVICE=/srv/node"']
    lines += [f'ssh {node.ip} "ls -lah {DEVICES}/{node.device}/{place.directory}"'
              + (' # [Handoff]' if is_handoff else '') for node, is_handoff in place.nodes]
    return [*lines, '', 'note: `/srv/node*` is used as default value of `devices`, the real value '
            'is set in the config file on each storage node.']


def _quoted(name: str | None) -> str:
    if name is None:
        return 'None'
    return quote(name.encode('utf-8', 'surrogateescape'))
