"""swift-account-audit: do all copies of accounts, containers and objects agree? (layer 4)

    swift-account-audit [-c N] [-r DIR] [-e FILE] [-d] [account[/container[/object]] ...]

Asks every primary node directly. An account means its containers too, a container its objects.
More paths are read from standard input, one a line, unless that is a terminal.

Every problem is a line that begins with two spaces; totals come last. Exit code 1 if there was
any. Listings are compared page by page, so that memory does not grow with them; at most
`concurrency` objects are looked at at once. Source: sheet 07 section 14.
"""
from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any, TextIO

from swift.cli.arguments import Parser, Refused, positive, refuses_in_one_line
from swift.cli.broken_pipe import ends_quietly
from swift.cli.progress import Progress
from swift.common import green
from swift.common.cluster import Cluster
from swift.common.direct_client import DirectClient, DirectError
from swift.common.errors import TransportError
from swift.common.http.pool import ConnectionPool
from swift.common.places import config_root
from swift.common.ring.ring import Ring
from swift.common.transport import node_name
from swift.core.copies import Compared, bare_etag, differing, goes_on, listed_etag, merge_pages

INDEX_HEADER = 'X-Backend-Storage-Policy-Index'
CHECKED = ('Accounts checked', 'Containers checked', 'Objects checked')
PROBLEMS = ('Missing Replicas', 'Exceptions', 'Container mismatch', 'Object mismatch',
            'Count mismatch', 'MD5 Mismatch')
MISSING, EXCEPTION, CONTAINER, OBJECT, COUNT, MD5 = PROBLEMS
CONCURRENCY_DEFAULT = 50


@ends_quietly
@refuses_in_one_line
def main(argv: Sequence[str] | None = None, *, stdin: TextIO | None = None) -> int:
    """Run the program with arguments (without program name) and return its exit code."""
    parser = _parser()
    words = parser.parse_args(argv)
    stdin = stdin or sys.stdin
    paths = list(words.paths)
    if not stdin.isatty():
        paths += [line.rstrip('\n') for line in stdin if line.strip()]
    if not paths:
        parser.error('no account, container or object is named')
    targets = [_target(path) for path in paths]
    cluster = Cluster.load(words.ring_dir)
    with ExitStack() as stack:
        pool = ConnectionPool()
        stack.callback(pool.close)
        error_file = None
        if words.error_file:
            try:
                error_file = stack.enter_context(open(words.error_file, 'a', encoding='utf-8',
                                                      errors='surrogateescape'))
            except OSError as problem:
                raise Refused(f'{words.error_file}: {problem.strerror}') from problem
        audit = Audit(cluster, DirectClient(pool), words.concurrency, words.deep, error_file)
        for target in targets:
            audit.check(*target)
    print('\n'.join(audit.totals()))
    return 1 if any(audit.counts[name] for name in PROBLEMS) else 0


def _parser() -> Parser:
    parser = Parser(prog='swift-account-audit',
                    description='Compare all copies of accounts, containers and objects.')
    parser.add_argument('-c', dest='concurrency', type=positive, default=CONCURRENCY_DEFAULT,
                        metavar='N', help='objects looked at at once (%(default)s)')
    parser.add_argument('-r', dest='ring_dir', default=config_root(), metavar='DIR',
                        help='folder of swift.conf and rings (%(default)s)')
    parser.add_argument('-e', dest='error_file', metavar='FILE',
                        help='append the paths of what is inconsistent to a file')
    parser.add_argument('-d', dest='deep', action='store_true',
                        help='read every copy of the objects and check its MD5')
    parser.add_argument('paths', nargs='*', metavar='account[/container[/object]]')
    return parser


def _target(path: str) -> tuple[str, str, str]:
    account, container, obj = [*path.strip('/').split('/', 2), '', ''][:3]
    if not account or (obj and not container):
        raise Refused(f'{path!r} is no path of an account, container or object')
    return account, container, obj


@dataclass
class _Copies:
    """What the primaries of one thing said: (node, headers, rows) of those that have it."""

    nodes: list[Any] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    rows: list[list] = field(default_factory=list)


@dataclass
class Audit:
    """One run: what to ask, and what was found."""

    cluster: Cluster
    client: DirectClient
    concurrency: int
    deep: bool
    error_file: TextIO | None
    counts: Counter[str] = field(default_factory=Counter)
    seen: set[tuple[str, ...]] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    progress: Progress | None = None

    def check(self, account: str, container: str, obj: str) -> None:
        """Look at what is named, and at everything in it."""
        with Progress('Objects checked') as self.progress:
            if obj:
                self._named_object(account, container, obj)
            elif container:
                self._container_is_listed(account, container)
                self._container(account, container)
            else:
                self._account(account)

    def totals(self) -> list[str]:
        """Return the last lines of the report."""
        lines = [f'{name:>18}: {self.counts[name]}' for name in CHECKED]
        return lines + [f'{name:>18}: {self.counts[name]}' for name in PROBLEMS
                        if self.counts[name]]

    # -- accounts ---------------------------------------------------------------------------------

    def _account(self, account: str) -> None:
        self._say(f'Auditing account "{account}"')
        self.counts['Accounts checked'] += 1
        limit = self.cluster.constraints.account_listing_limit
        copies = self._ask(self.cluster.account_ring, (account,), self._account_page, limit=limit)
        self._same_counts(account, copies, ('X-Account-Container-Count',))
        for found in self._merged(copies, limit, (account,), self._account_page):
            path = f'{account}/{found.name}'
            if not found.is_everywhere:
                self._problem(CONTAINER, path, 'is listed by some copies of its account only')
            self._container(account, found.name)

    def _account_page(self, node: Any, part: int, names: tuple, **listing: Any) -> tuple:
        return self.client.get_account(node, part, *names, **listing)

    def _container_is_listed(self, account: str, container: str) -> None:
        copies = self._ask(self.cluster.account_ring, (account,), self._account_page,
                           prefix=container, limit=1)
        for node, rows in zip(copies.nodes, copies.rows, strict=True):
            if [row['name'] for row in rows] != [container]:
                self._problem(CONTAINER, f'{account}/{container}',
                              f'is not listed by its account on {node_name(node)}')

    # -- containers -------------------------------------------------------------------------------

    def _container(self, account: str, container: str) -> None:
        if (account, container) in self.seen:
            return
        self.seen.add((account, container))
        path = f'{account}/{container}'
        self._say(f'Auditing container "{container}"')
        self.counts['Containers checked'] += 1
        limit = self.cluster.constraints.container_listing_limit
        copies = self._ask(self.cluster.container_ring, (account, container),
                           self._container_page, limit=limit)
        self._same_counts(path, copies, ('X-Container-Object-Count',))
        if any(_is_sharded(headers) for headers in copies.headers):
            self._say(f'Container "{container}" is sharded: its objects are not compared')
            return
        with green.ContextPool(self.concurrency) as pool:
            for found in self._merged(copies, limit, (account, container), self._container_page):
                pool.spawn(self._listed_object, (account, container, found.name), found,
                           _policy_index(copies))
            pool.waitall()

    def _container_page(self, node: Any, part: int, names: tuple, **listing: Any) -> tuple:
        return self.client.get_container(node, part, *names, **listing)

    def _same_counts(self, path: str, copies: _Copies, names: Sequence[str]) -> None:
        for name in differing(copies.headers, names):
            values = ', '.join(f'{headers.get(name)} on {node_name(node)}' for node, headers
                               in zip(copies.nodes, copies.headers, strict=True))
            self._problem(COUNT, path, f'has different {name}: {values}')

    # -- objects ----------------------------------------------------------------------------------

    def _named_object(self, account: str, container: str, obj: str) -> None:
        copies = self._ask(self.cluster.container_ring, (account, container),
                           self._container_page, prefix=obj, limit=1)
        rows = tuple(next((row for row in page if row['name'] == obj), None)
                     for page in copies.rows)
        sharded = any(_is_sharded(headers) for headers in copies.headers)
        self._listed_object((account, container, obj), Compared(obj, () if sharded else rows),
                            _policy_index(copies))

    def _listed_object(self, names: tuple[str, str, str], found: Compared, index: int) -> None:
        """Check an object against its rows and its copies against each other."""
        path = '/'.join(names)
        self.counts['Objects checked'] += 1
        if not found.is_everywhere:
            self._problem(OBJECT, path, 'is not listed by every copy of its container')
        for key in ('hash', 'last_modified'):
            if len(found.values(key)) > 1:
                self._problem(OBJECT, path, f'is listed with different {key}: '
                              + ', '.join(sorted(map(str, found.values(key)))))
        try:
            ring = self.cluster.object_ring(index)
        except KeyError:
            self._problem(EXCEPTION, path, f'is in policy {index}, which swift.conf does not have')
            return
        headers = {INDEX_HEADER: str(index)}
        copies = self._ask(ring, names, lambda node, part, names: (
            self.client.head_object(node, part, names, headers), []))
        listed = {bare_etag(str(value)) for value in found.values('hash')}
        for node, got in zip(copies.nodes, copies.headers, strict=True):
            if listed and listed_etag(got) not in listed:
                self._problem(MD5, path, f'has ETag {listed_etag(got)} on {node_name(node)} and '
                              f'{", ".join(sorted(listed))} in its container')
            if self.deep:
                self._read(ring.get_part(*names), node, names, headers)
        for name in differing(copies.headers, ('X-Timestamp',)):
            self._problem(OBJECT, path, f'has copies with different {name}')
        if self.progress is not None:
            self.progress.step()

    def _read(self, part: int, node: Any, names: tuple[str, str, str], headers: dict) -> None:
        """Read a copy to its end and compare its bytes with its ETag."""
        path = '/'.join(names)
        try:
            got, body = self.client.iter_object(node, part, names, headers)
            digest = md5(usedforsecurity=False)
            for chunk in body:
                digest.update(chunk)
        except DirectError as problem:
            self._problem(MISSING, path, f'is missing on {node_name(node)}: {problem.status}')
        except TransportError as problem:
            self._problem(EXCEPTION, path, f'cannot be read from {node_name(node)}: {problem}')
        else:
            if digest.hexdigest() != bare_etag(got.get('Etag') or ''):
                self._problem(MD5, path, f'has bytes of MD5 {digest.hexdigest()} and ETag '
                              f'{got.get("Etag")} on {node_name(node)}')

    # -- shared -----------------------------------------------------------------------------------

    def _ask(self, ring: Ring, names: tuple[str, ...], ask: Callable[..., tuple],
             **listing: Any) -> _Copies:
        """Ask every primary; note which have no copy and which do not answer."""
        copies, path = _Copies(), '/'.join(names)
        part, nodes = ring.get_nodes(*names)
        for node in nodes:
            try:
                headers, rows = ask(node, part, names, **listing)
            except DirectError as problem:
                self._problem(MISSING, path, f'is missing on {node_name(node)}: {problem.status}')
            except TransportError as problem:
                self._problem(EXCEPTION, path, f'cannot be asked for on {node_name(node)}: '
                              f'{problem}')
            else:
                copies.nodes.append(node)
                copies.headers.append(headers)
                copies.rows.append(rows)
        return copies

    def _merged(self, copies: _Copies, limit: int, names: tuple[str, ...],
                ask: Callable[..., tuple]) -> Iterator[Compared]:
        """Yield every name that a copy lists; the first pages are in `copies` already."""
        pages, nodes, marker = copies.rows, copies.nodes, ''
        ring = self.cluster.container_ring if len(names) == 2 else self.cluster.account_ring
        part = ring.get_part(*names)
        while nodes and marker is not None:
            found, marker = merge_pages(pages, limit)
            yield from found
            if marker is None:
                return
            pages, nodes = self._next_pages(nodes, marker, limit, lambda node, **listing: ask(
                node, part, names, **listing)[1], '/'.join(names))

    def _next_pages(self, nodes: Iterable[Any], marker: str, limit: int,
                    page: Callable[..., list], path: str) -> tuple[list[list], list[Any]]:
        """Return pages and the nodes that gave them; a node that fails is left out from now."""
        pages, heard = [], []
        for node in nodes:
            try:
                rows = page(node, marker=marker, limit=limit)
                if not goes_on(rows, marker):
                    self._problem(EXCEPTION, path, f'is listed by {node_name(node)} again and '
                                  f'again from {rows[0]["name"]} on')
                    continue
                pages.append(rows)
                heard.append(node)
            except (DirectError, TransportError) as problem:
                self._problem(EXCEPTION, path, f'cannot be listed: {problem}')
        return pages, heard

    def _problem(self, kind: str, path: str, text: str) -> None:
        self.counts[kind] += 1
        self._say(f'  {path} {text}')
        if self.error_file is not None and path not in self.written:
            self.error_file.write(f'{path}\n')
            self.error_file.flush()
            self.written.add(path)

    def _say(self, text: str) -> None:
        if self.progress is not None:
            self.progress.clear()
        print(text, flush=True)


def _is_sharded(headers: Any) -> bool:
    return headers.get('X-Backend-Sharding-State') in ('sharding', 'sharded')


def _policy_index(copies: _Copies) -> int:
    """Return the policy of a container; that of the most recent copy wins, as in the proxy."""
    newest = max(copies.headers, default={}, key=lambda headers: float(
        (headers.get('X-Backend-Status-Changed-At') or '0').partition('_')[0]))
    return int(newest.get(INDEX_HEADER) or 0)
