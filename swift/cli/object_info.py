"""swift-object-info: what an object file holds and where it belongs (layer 4).

    swift-object-info [-n] [-d DIR] [--drop-prefixes] [-P POLICY] FILE      a .data, .meta or .ts

Prints the metadata by kind, checks length and ETag against the body, and ends with the nodes that
the ring names for the object. Exit code 1 if there is no such file or its metadata is unusable.
Source: sheet 07 §12.2.
"""
import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TextIO
from urllib.parse import unquote

from swift.cli.broken_pipe import ends_quietly
from swift.cli.get_nodes import Target, location_lines
from swift.common.cluster import Cluster
from swift.common.codecs.metadata import Metadata, decode_metadata
from swift.common.codecs.unpickle import BadPickle
from swift.common.errors import ConfigError, DiskError, RingError
from swift.common.places import config_root
from swift.common.xattr import read_blob
from swift.core.names import split_path
from swift.core.object_meta import SYSMETA, TRANSIENT_SYSMETA, USER_META
from swift.core.policy import StoragePolicy
from swift.core.timestamp import Timestamp
from swift.core.wsgi_text import wsgi_to_str

_READ_BYTES = 1 << 20
_SHOWN_APART = frozenset(('name', 'X-Timestamp', 'Content-Type', 'Content-Length', 'ETag'))
_BLOCKS = (('System Metadata', SYSMETA), ('Transient System Metadata', TRANSIENT_SYSMETA),
           ('User Metadata', USER_META))
_CRYPTO = (('Data', 'X-Object-Sysmeta-Crypto-Body-Meta'),
           ('Metadata', 'X-Object-Transient-Sysmeta-Crypto-Meta'))
_ABSENT = 'Not found in metadata'


class Unusable(Exception):
    """The file cannot be shown; the text says why."""


@ends_quietly
def main(argv: Sequence[str] | None = None, *, out: TextIO | None = None) -> int:
    """Run the program with arguments (without program name) and return its exit code."""
    out = out or sys.stdout
    options = _parser().parse_args(argv)

    def show(line: str = '') -> None:
        out.write(line.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace') + '\n')
    try:
        with open(options.file, 'rb') as file:
            metadata = _read_metadata(file.fileno())
            _show_all(metadata, file, options, show)
    except FileNotFoundError:
        show("Data file doesn't exist")
        return 1
    except (IsADirectoryError, PermissionError) as problem:
        show(f'Unable to read {options.file}: {problem.strerror}')
        return 1
    except Unusable as problem:
        show(str(problem))
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='swift-object-info', description='Show what an object file holds.')
    parser.add_argument('-n', '--no-check-etag', action='store_true',
                        help="do not verify the body against its ETag")
    parser.add_argument('-d', '--swift-dir', default=config_root(),
                        help='folder of swift.conf and rings')
    parser.add_argument('--drop-prefixes', action='store_true',
                        help='leave out X-Object-Meta- and the like')
    parser.add_argument('-P', '--policy-name', help='storage policy, instead of the path\'s')
    parser.add_argument('file', metavar='DATA_FILE')
    return parser


def _read_metadata(fd: int) -> Metadata:
    try:
        return decode_metadata(read_blob(fd))
    except (BadPickle, DiskError):
        raise Unusable('Invalid metadata') from None


def _show_all(metadata: Metadata, file, options: argparse.Namespace,
              show: Callable[..., None]) -> None:
    try:
        account, container, obj = split_path(metadata['name'], 3, 3, True)
    except (KeyError, ValueError):
        raise Unusable('Path is invalid: %s' % metadata.get('name')) from None
    show('Path: ' + metadata['name'])
    for title, name in (('Account', account), ('Container', container), ('Object', obj)):
        show('  %s: %s' % (title, name))
    cluster = Cluster(options.swift_dir)
    show('  Object hash: ' + _hash_of(cluster, account, container, obj))
    _show_metadata(metadata, options.drop_prefixes, show)
    _show_checks(metadata, file, not options.no_check_etag, show)
    for line in _location(cluster, options, Target(account, container, obj)):
        show(line)


def _hash_of(cluster: Cluster, account: str, container: str, obj: str) -> str:
    try:
        return cluster.hash_path(account, container, obj)
    except ConfigError as problem:
        raise Unusable(str(problem)) from None


def _show_metadata(metadata: Metadata, drop_prefixes: bool, show: Callable[..., None]) -> None:
    ctype = metadata.get('Content-Type')
    show('Content-Type: ' + (wsgi_to_str(ctype) if ctype else _ABSENT))
    try:
        time = Timestamp(metadata['X-Timestamp'])
        show('Timestamp: %s (%s)' % (time.isoformat, time.internal))
    except (KeyError, ValueError):
        show('Timestamp: ' + _ABSENT)
    others = {key: value for key, value in metadata.items() if key not in _SHOWN_APART}
    for title, prefix in _BLOCKS:
        own = {key: others.pop(key) for key in list(others) if key.startswith(prefix)}
        _show_block(title, own, len(prefix) if drop_prefixes else 0, show)
    _show_block('Other Metadata', others, 0, show)
    for title, key in _CRYPTO:
        if key in metadata:
            show('%s crypto details: %s' % (title, _crypto_text(metadata[key])))


def _show_block(title: str, items: Metadata, drop: int, show: Callable[..., None]) -> None:
    show(title + ':')
    for key in sorted(items):
        show('  %s: %s' % (wsgi_to_str(key)[drop:], wsgi_to_str(items[key])))
    if not items:
        show('  No metadata found')


def _crypto_text(value: str) -> str:
    try:
        return json.dumps(json.loads(unquote(value.partition(';')[0])), indent=2, sort_keys=True)
    except ValueError:
        return value


def _show_checks(metadata: Metadata, file, check_etag: bool, show: Callable[..., None]) -> None:
    etag, length = metadata.get('ETag'), metadata.get('Content-Length')
    if not etag:
        show('ETag: ' + _ABSENT)
    elif not check_etag:
        show('ETag: %s (not checked)' % etag)
    else:
        found = _md5_of(iter(lambda: file.read(_READ_BYTES), b''))
        show('ETag: %s (valid)' % etag if found == etag else
             "ETag: %s doesn't match file hash of %s!" % (etag, found))
    size = os.fstat(file.fileno()).st_size
    if not length:
        show('Content-Length: ' + _ABSENT)
    else:
        show('Content-Length: %s (valid)' % length if length == str(size) else
             "Content-Length: %s doesn't match file length of %d" % (length, size))


def _md5_of(chunks: Iterable[bytes]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _location(cluster: Cluster, options: argparse.Namespace, target: Target) -> Iterator[str]:
    """Yield the lines that say where the object belongs; none without its ring."""
    try:
        policy = _policy_of(cluster, options)
        if policy is None:
            yield 'Attention: mismatch between policy and its directory, no location is shown'
            return
        yield from location_lines(cluster.object_ring(policy.index), cluster, target, policy)
    except (ConfigError, RingError) as problem:
        yield 'No location: %s' % problem


def _policy_of(cluster: Cluster, options: argparse.Namespace) -> StoragePolicy | None:
    if options.policy_name:
        policy = cluster.policies.get_by_name(options.policy_name)
        if policy is None:
            raise Unusable("No policy named '%s'" % options.policy_name)
        return policy
    for name in reversed(os.path.abspath(options.file).split('/')):
        if name == 'objects' or name.startswith('objects-'):
            return cluster.policies.split_dir(name, 'objects')
    return cluster.policies.legacy
