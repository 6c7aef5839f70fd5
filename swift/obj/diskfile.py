"""The plug-in facade of replicated policies: ``swift.diskfile`` entry point ``replication.fs``.

Layer 3. Third-party object servers and tools ask a DiskFileManager for a DiskFile and use it as
below. It is a thin shell over store, reading and writing: nothing is decided here.

    manager = DiskFileManager(conf, logger)
    disk_file = manager.get_diskfile('sda', '12', 'AUTH_test', 'c', 'o', policy)
    with disk_file.open() as opened:
        opened.get_metadata(); b''.join(opened.reader())
"""
from collections.abc import Iterator, Mapping
from typing import Any

from swift.common.cluster import Cluster
from swift.common.errors import SwiftError
from swift.common.metrics import Statsd
from swift.core.object_meta import Metadata
from swift.core.policy import StoragePolicy
from swift.core.timestamp import Timestamp
from swift.obj.answers import ObjectBody
from swift.obj.options import ObjectServerOptions
from swift.obj.placement import Placement
from swift.obj.reading import Kind, Lookup
from swift.obj.store import Delete, Put, Result, Store


class DiskFileError(SwiftError):
    """The object cannot be used as asked."""


class DiskFileNotExist(DiskFileError):
    """Nothing is stored under the name."""


class DiskFileDeleted(DiskFileNotExist):
    """The object was deleted, or its time is over; ``timestamp`` says when."""

    def __init__(self, timestamp: Timestamp):
        super().__init__('deleted at %s' % timestamp.internal)
        self.timestamp = timestamp


class DiskFileManager:
    """Makes DiskFiles of the devices that a configuration section names."""

    policy = 'replication'

    def __init__(self, conf: Mapping[str, str], logger: Any, cluster: Cluster | None = None):
        options = ObjectServerOptions.parse(conf)
        self.cluster = cluster or Cluster.load(options.swift_dir, logger=logger)
        self.store = Store(options, self.cluster, logger, Statsd(None))

    def get_diskfile(self, device: str, partition: str | int, account: str, container: str,
                     obj: str, policy: StoragePolicy | int = 0) -> 'DiskFile':
        """Return the file of an object. DeviceUnavailable for a device name that cannot be."""
        policy = self.cluster.policies[int(policy)]
        place = self.store.place(device, str(partition), policy, account, container, obj)
        return DiskFile(self.store, place)

    def close(self) -> None:
        """End the disk threads."""
        self.store.close()


class DiskFile:
    """One object, present or not. Open it with ``with``; it closes its body itself."""

    def __init__(self, store: Store, place: Placement):
        self._store = store
        self.place = place
        self._found: Lookup | None = None

    def open(self, current_time: Timestamp | None = None,
             open_expired: bool = False) -> 'DiskFile':
        """Open the object. Raises DiskFileNotExist or DiskFileDeleted."""
        now = current_time or Timestamp(self._store.clock.time())
        found = self._store.fetch(self.place, now, open_expired)
        if found.kind is Kind.ABSENT:
            raise DiskFileNotExist('%s does not exist' % self.place)
        if not found.exists:
            raise DiskFileDeleted(found.time)
        self._found = found
        return self

    def __enter__(self) -> 'DiskFile':
        assert self._found is not None, 'open() comes first'
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()

    def close(self) -> None:
        if self._found is not None:
            self._found.body.close()
            self._found = None

    def get_metadata(self) -> Metadata:
        """Return the merged metadata of the open object."""
        return dict(self._found.state.metadata)

    @property
    def timestamp(self) -> Timestamp:
        return self._found.state.time

    @property
    def data_timestamp(self) -> Timestamp:
        return self._found.state.data_time

    @property
    def content_length(self) -> int:
        return self._found.state.size

    def reader(self) -> Iterator[bytes]:
        """Iterate over the body, once; it is verified against its ETag at the end."""
        return iter(ObjectBody(self._store, self._found.body, self._store.verified))

    def read_metadata(self, current_time: Timestamp | None = None) -> Metadata:
        """Return the merged metadata without keeping anything open."""
        with self.open(current_time):
            return self.get_metadata()

    def put(self, put: Put, body: bytes) -> Result:
        """Store a whole small object; larger ones go through the store's uploads."""
        return self._store.put_small(self.place, put, body)

    def delete(self, timestamp: Timestamp) -> Result:
        """Write a tombstone."""
        return self._store.delete(self.place, Delete(timestamp))
