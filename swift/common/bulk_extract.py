"""Making objects of the members of an archive, some side by side.

Layer 1. The archive is read once, in the order in which it comes; only small members are held
(SMALL_BYTES each, `concurrency` of them at most), so that their PUTs overlap. Larger ones stream
from the archive into their PUT.

    member -> Extracted name -> container made once -> PUT

Invariants: members of one name are stored in the order of the archive, so that the last one wins;
nothing is begun once the tally is over; whatever an archive claims, memory and members without
use (directories, links) are bounded. Source: sheet 05 section 15.1.
"""
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from swift.common import green
from swift.common.bulk_delete import Asker
from swift.common.swob import Request, str_to_wsgi, wsgi_to_str
from swift.core.bulk_tally import BAD_REQUEST, ExtractTally
from swift.core.bulk_targets import Extracted, extracted
from swift.core.constraints import Constraints
from swift.core.names import quote
from swift.core.tar_stream import FILE, SPARSE, BrokenTar, Member, TarReader

SMALL_BYTES = 65536
USELESS_MEMBERS_MAX = 1_000_000
# After so many members without use the others get their turn: reading them need not block.
TURN_MEMBERS = 64
PRECONDITION_FAILED = '412 Precondition Failed'
TOO_LARGE = '413 Request Entity Too Large'
NOT_READ = '501 Not Implemented'
_ATTRIBUTES = ('SCHILY.xattr.user.', 'LIBARCHIVE.xattr.user.')
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_CONTROL = re.compile(r'[\x00-\x1f\x7f]').search
_META_PREFIX = 'HTTP_X_OBJECT_META_'
_COPIED_KEYS = {'HTTP_X_DELETE_AT': 'X-Delete-At', 'HTTP_X_DELETE_AFTER': 'X-Delete-After'}


@dataclass(frozen=True, slots=True)
class ExtractLimits:
    """How much one archive may bring."""

    containers_max: int
    concurrency: int
    names: Constraints


class _MemberBody:
    """A large member as the `wsgi.input` of its PUT; a broken archive looks like its early end."""

    def __init__(self, reader: TarReader):
        self._reader = reader
        self.problem: BrokenTar | None = None

    def read(self, size: int | None = -1) -> bytes:
        if self.problem is not None:
            return b''
        try:
            return self._reader.read_whole() if size is None or size < 0 else (
                self._reader.read(size))
        except BrokenTar as problem:
            self.problem = problem
            return b''

    def read_some(self, size: int) -> bytes:
        return self.read(size)

    def readline(self, size: int | None = -1) -> bytes:
        raise AssertionError('bodies of objects are not read by lines')


class Extraction:
    """One archive on its way in. run() blocks until all its objects were answered."""

    def __init__(self, app: Callable, env: dict, root: str, prefix: str, limits: ExtractLimits):
        """`root` is /v1/account, `prefix` the path after it; WSGI strings."""
        self._app = app
        self._prefix = wsgi_to_str(prefix)
        self._limits = limits
        self._objects = Asker(env, root, 'BulkExpand', 'EA')
        self._makers = Asker(env, root, '', 'EA')
        self._shown_root = quote(wsgi_to_str(root))
        self._headers = {_COPIED_KEYS[key]: env[key] for key in _COPIED_KEYS if key in env}
        self._headers.update((_meta_name(key), value) for key, value in env.items()
                             if key.startswith(_META_PREFIX) and key != _META_PREFIX)
        self._containers: dict[str, str] = {}     # name -> status line of its making, '' if fine
        self._containers_made = 0
        self._under_way: set[str] = set()

    def run(self, reader: TarReader, tally: ExtractTally) -> None:
        """Store all members, or as many as the tally allows. Raises BrokenTar."""
        broken = None
        with green.Pile(max(1, self._limits.concurrency)) as pile:
            try:
                for number, member, target in self._wanted(reader):
                    problem = self._refusal(member, target)
                    if problem:
                        tally.note(number, target.shown(self._limits.names), problem)
                    elif self._prepare_container(target, tally):
                        self._store(pile, reader, number, member, target, tally)
                    if tally.is_over:
                        break
            except BrokenTar as problem:
                # What came before is stored; the report counts it.
                broken = problem
            for answer in pile:
                self._note(tally, *answer)
        if broken is not None:
            raise broken

    def _wanted(self, reader: TarReader) -> Iterator[tuple[int, Member, Extracted]]:
        """Yield the members that are to become objects, numbered."""
        useless = 0
        number = 0
        while (member := reader.next_member()) is not None:
            target = None
            if member.kind in (FILE, SPARSE):
                target = extracted(self._prefix, member.name)
            if target is None:
                useless += 1
                if useless > USELESS_MEMBERS_MAX:
                    raise BrokenTar('too many members that are no files')
                if not useless % TURN_MEMBERS:
                    green.sleep(0)
                continue
            yield number, member, target
            # Two numbers for each: a member may also report its container, before itself.
            number += 2

    def _refusal(self, member: Member, target: Extracted) -> str:
        if target.is_refused:
            return PRECONDITION_FAILED
        if member.size > self._limits.names.max_file_size:
            return TOO_LARGE
        return NOT_READ if member.kind == SPARSE else ''

    # -- containers ----------------------------------------------------------------------------

    def _prepare_container(self, target: Extracted, tally: ExtractTally) -> bool:
        """Make the target's container unless it is there; False when that ends the operation."""
        name = target.container
        if name in self._containers:
            return True
        status = self._ask(self._makers.request('HEAD', '/' + name))
        if status.startswith('404'):
            if self._containers_made >= self._limits.containers_max:
                tally.stop(400, f'More than {self._limits.containers_max} containers to create '
                                'from tar.')
                return False
            status = self._ask(self._makers.request('PUT', '/' + name))
            self._containers_made += status.startswith('2')
        if status.startswith('401'):
            tally.stop(401)
            return False
        # The object may succeed all the same, by an access list: told only if it does not.
        self._containers[name] = '' if status.startswith('2') else status
        return True

    def _ask(self, request: Request) -> str:
        response = request.get_response(self._app)
        _ = response.body
        return response.status

    # -- objects -------------------------------------------------------------------------------

    def _store(self, pile: green.Pile, reader: TarReader, number: int, member: Member,
               target: Extracted, tally: ExtractTally) -> None:
        own = _own_headers(member.extra)
        if own is None:
            tally.note(number, target.shown(self._limits.names), BAD_REQUEST)
            return
        while target.path in self._under_way:
            self._note(tally, *next(pile))
        request = self._objects.request('PUT', '/' + target.path, headers={
            **self._headers, **own, 'Content-Length': str(member.size)})
        self._under_way.add(target.path)
        if member.size > SMALL_BYTES:
            body = request.environ['wsgi.input'] = _MemberBody(reader)
            answer = self._put(number, target, request)
            if body.problem is not None:
                self._under_way.discard(target.path)
                raise body.problem
            self._note(tally, *answer)
            return
        request.body = reader.read_whole()
        pile.spawn(self._put, number, target, request)
        if pile.pending >= self._limits.concurrency:
            self._note(tally, *next(pile))

    def _put(self, number: int, target: Extracted,
             request: Request) -> tuple[int, Extracted, str]:
        return number, target, self._ask(request)

    def _note(self, tally: ExtractTally, number: int, target: Extracted, status: str) -> None:
        self._under_way.discard(target.path)
        if not status.startswith('2'):
            problem = self._containers.get(target.container)
            if problem:
                self._containers[target.container] = ''
                tally.note(number - 1, f'{self._shown_root}/{quote(target.container)}', problem)
        tally.note(number, target.shown(self._limits.names), status)


def _meta_name(key: str) -> str:
    return key[5:].replace('_', '-').title()


def _own_headers(attributes: Mapping[str, str]) -> dict[str, str] | None:
    """Return the headers that a member's extended attributes stand for, None for impossible ones.

    An archive is bytes from anywhere: what would break out of its header line is refused.
    """
    found = {}
    for key, value in attributes.items():
        for prefix in _ATTRIBUTES:
            name = key.removeprefix(prefix)
            if name == key:
                continue
            if name == 'mime_type':
                header = 'Content-Type'
            elif name.startswith('meta.') and len(name) > len('meta.'):
                header = 'X-Object-Meta-' + name.removeprefix('meta.')
            else:
                continue
            if not _HEADER_NAME(header) or _CONTROL(value):
                return None
            found[header] = str_to_wsgi(value)
    return found
