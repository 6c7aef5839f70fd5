"""What a bulk operation is about: lines of a bulk delete, members of an archive.

Pure (layer 0).

    bulk-delete     /container/object      one name a line, percent-encoded, first slash optional
    extract         [./]container/object   names below the path that the archive was sent to

Names are text with undecodable bytes as surrogate escapes. A name that the cluster cannot store
stays in the report: is_storable() says which. Source: sheet 05 section 15.
"""
from dataclasses import dataclass

from swift.core.constraints import Constraints, Refusal
from swift.core.names import check_utf8, quote, unquote


@dataclass(frozen=True, slots=True)
class Target:
    """Something to delete. `name` is what reports call it, unquoted, `path` starts with a slash."""

    name: str
    path: str
    version_id: str | None = None

    @property
    def is_container(self) -> bool:
        return '/' not in self.path[1:].rstrip('/')


class DeleteLines:
    """The body of a bulk delete, fed in pieces of any size."""

    def __init__(self, limits: Constraints, count_max: int):
        self._line_bytes_max = 2 * (limits.max_object_name_length
                                    + limits.max_container_name_length + 2)
        self._count_max = count_max
        self._rest = b''
        self.targets: list[Target] = []

    def feed(self, data: bytes) -> Refusal | None:
        """Take more of the body; the end of it when empty. Returns what is wrong with it."""
        *lines, self._rest = (self._rest + data).split(b'\n')
        if not data:
            lines, self._rest = [*lines, self._rest], b''
        for line in lines:
            refusal = self._add(line)
            if refusal:
                return refusal
        return self._too_long(self._rest)

    def _too_long(self, line: bytes) -> Refusal | None:
        return Refusal(400, 'Invalid File Name') if len(line) > self._line_bytes_max else None

    def _add(self, line: bytes) -> Refusal | None:
        line = line.strip()
        if not line:
            return None
        refusal = self._too_long(line)
        if refusal:
            return refusal
        if len(self.targets) >= self._count_max:
            return Refusal(413, f'Maximum Bulk Deletes: {self._count_max} per request')
        name = unquote(line.decode('utf-8', 'surrogateescape'))
        self.targets.append(Target(name, '/' + name.lstrip('/')))
        return None


def is_storable(name: str) -> bool:
    """Tell whether a name is UTF-8 without NUL."""
    return check_utf8(name)


@dataclass(frozen=True, slots=True)
class Extracted:
    """Where a member of an archive goes: below the account, without a first slash."""

    path: str

    @property
    def container(self) -> str:
        return self.path.partition('/')[0]

    @property
    def is_refused(self) -> bool:
        """Names that are no names, or that would climb out of where they belong.

        The cluster takes `..` for a name like any other; browsers, proxies and who unpacks the
        object again do not.
        """
        return not is_storable(self.path) or '..' in self.path.split('/')

    def shown(self, limits: Constraints) -> str:
        """Return the name for a report, which must not grow with what archives claim."""
        return quote(self.path)[:limits.max_container_name_length
                                + limits.max_object_name_length + 2]


def extracted(prefix: str, name: bytes) -> Extracted | None:
    """Return where a member goes; None for one outside of any container.

    `prefix` is the path after the account that the archive was sent to, '' for none.
    """
    text = name.decode('utf-8', 'surrogateescape')
    if text.startswith('./'):
        text = text[2:]
    path = '/'.join(part for part in (prefix.strip('/'), text.lstrip('/')) if part)
    container, _slash, obj = path.partition('/')
    return Extracted(path) if container and obj else None
