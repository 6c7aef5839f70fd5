"""Records of concurrent requests for one database become one append, with one fdatasync.

Layer 1, event loop side. While an append for a database is on its way to the disk, the records
that arrive gather in the next group; its first member waits for the append before it and then
sends the whole group. Every member gets the outcome of its group: nothing is acknowledged before
it is durable. Alone, a record waits for nothing.

    request 1  --append-->  disk
    request 2  joins the next group, waits for 1, sends 2+3+4
    request 3, 4  join it, wait for 2

A group takes at most GROUP_RECORDS_MAX records; later ones start another group behind it.
"""
from collections.abc import Callable, Hashable
from typing import Any

from swift.common.green import Event

GROUP_RECORDS_MAX = 256


class _Group:
    """Records that go to the disk together. `done`, if anybody waits, gets None or the exception.
    """

    __slots__ = ('done', 'records')

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.done: Event | None = None

    def wait(self) -> BaseException | None:
        """Wait until the append of this group has ended; return why it failed."""
        if self.done is None:
            self.done = Event()
        return self.done.wait()


class GroupAppend:
    """Groups appends by key. `append(target, data)` is called in a green thread and may block it.
    """

    def __init__(self, append: Callable[[Any, bytes], None]) -> None:
        self._append = append
        self._gathering: dict[Hashable, _Group] = {}
        self._latest: dict[Hashable, _Group] = {}

    def add(self, key: Hashable, target: Any, record: bytes) -> None:
        """Return when the record is durable; raises what its group's append raised.

        `target` is what the first of a group hands to append(); equal keys mean equal ones.
        """
        before = self._latest.get(key)
        if before is not None:
            self._join(key, target, record, before)
            return
        group = self._latest[key] = _Group()
        error: BaseException | None = None
        try:
            self._append(target, record)
        except BaseException as err:
            error = err
            raise
        finally:
            self._end(key, group, error)

    def _join(self, key: Hashable, target: Any, record: bytes, before: _Group) -> None:
        """Go with those that gather already, or be the first of them and wait for `before`."""
        group = self._gathering.get(key)
        if group is not None and len(group.records) < GROUP_RECORDS_MAX:
            group.records.append(record)
            error = group.wait()
            if error is not None:
                raise error
            return
        group = self._latest[key] = self._gathering[key] = _Group()
        group.records.append(record)
        error = None
        try:
            before.wait()
            self._close(key, group)
            self._append(target, b''.join(group.records))
        except BaseException as err:
            error = err
            raise
        finally:
            self._close(key, group)
            self._end(key, group, error)

    def _end(self, key: Hashable, group: _Group, error: BaseException | None) -> None:
        if self._latest.get(key) is group:
            del self._latest[key]
        if group.done is not None:
            group.done.send(_for_others(error))

    def _close(self, key: Hashable, group: _Group) -> None:
        """Let nobody join any more."""
        if self._gathering.get(key) is group:
            del self._gathering[key]

    def statistics(self) -> dict[str, Any]:
        """Return how many databases have appends on their way."""
        return {'busy': len(self._latest), 'gathering': len(self._gathering)}


class AppendAbandoned(Exception):
    """The request that was sending the group was killed; the records may or may not be there."""


def _for_others(error: BaseException | None) -> Exception | None:
    """Return what the other members raise: a kill or timeout of the sender is not theirs."""
    if error is None or isinstance(error, Exception):
        return error
    return AppendAbandoned('the append of this record was abandoned')
