"""Where an object auditor goes, and the status files that let it go on after a restart.

Layer 3; blocks, for disk threads. ``objects[-N]/auditor_status_<ALL|ZBF>.json`` on each device
names the partitions still to visit, the current one included; [] when the device is done for this
pass; no file when there is no pass under way. Source: sheet 02 §19.
"""
import os
from collections.abc import Iterator
from dataclasses import dataclass

from swift.common import fs
from swift.common.cluster import Cluster
from swift.core import audit_plan
from swift.core.names import split_policy_name
from swift.core.policy import StoragePolicy
from swift.obj.placement import FoundPlacement

OBJECTS = 'objects'
STATUS_SIZE_MAX = 16 << 20


@dataclass(frozen=True, slots=True)
class DataDir:
    """The objects of one policy on one device."""
    device: str
    device_path: str
    policy: StoragePolicy

    @property
    def path(self) -> str:
        return '%s/%s' % (self.device_path, self.policy.objects_dir)

    def status_path(self, kind: str) -> str:
        """Return the path of the status file of one kind of scan."""
        return '%s/auditor_status_%s.json' % (self.path, kind)


def data_dirs(device: str, device_path: str, cluster: Cluster
              ) -> tuple[list[DataDir], list[str]]:
    """Return what is on a device by policy, and complaints about the rest. Raises OSError."""
    found, problems = [], []
    for name in sorted(fs.list_dir(device_path)):
        if name != OBJECTS and not name.startswith(OBJECTS + '-'):
            continue
        try:
            base, index = split_policy_name(name)
        except ValueError as error:
            problems.append('Directory %r does not map to a valid policy (%s)' % (name, error))
            continue
        policy = cluster.policies.get_by_index(index)
        if base != OBJECTS or policy is None:
            problems.append('Directory %r does not map to a valid policy' % name)
        else:
            found.append(DataDir(device, device_path, policy))
    return found, problems


def partitions_left(where: DataDir, kind: str) -> list[str]:
    """Return the partitions this pass has still to visit. Raises OSError."""
    status = None
    try:
        with open(where.status_path(kind), 'rb') as file:
            status = audit_plan.parse_status(file.read(STATUS_SIZE_MAX))
    except FileNotFoundError:
        pass
    return audit_plan.resume(fs.list_dir(where.path) if status is None else (), status)


def write_status(where: DataDir, kind: str, partitions: list[str]) -> None:
    """Note what is left to visit. Raises DiskError."""
    fs.replace_file(where.status_path(kind), audit_plan.render_status(partitions).encode(),
                    '%s/%s' % (where.device_path, where.policy.tmp_dir), where.device_path)


def remove_status(where: DataDir, kind: str) -> None:
    """Forget the pass: the next one starts from the beginning. Raises DiskError."""
    fs.unlink_if_there(where.status_path(kind))


def list_suffixes(where: DataDir, part: str) -> list[str]:
    """Return the suffix directories of a partition. Raises OSError; none if it is gone."""
    return [name for name in _names('%s/%s' % (where.path, part))
            if audit_plan.is_suffix_name(name)]


def list_places(where: DataDir, part: str, suffix: str, cluster: Cluster
                ) -> list[FoundPlacement]:
    """Return what is in a suffix directory. Raises OSError; nothing if it is gone.

    Directories with a name that no hash has hold objects that nobody will ever find: they are
    visited as well, and fail. Files with such names are none of our business.
    """
    return [FoundPlacement(where.device, where.device_path, part, where.policy, suffix, name,
                           cluster.hash_path)
            for name in _hash_names('%s/%s/%s' % (where.path, part, suffix))]


def _hash_names(path: str) -> Iterator[str]:
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if audit_plan.is_hash_name(entry.name) or entry.is_dir(follow_symlinks=False):
                    yield entry.name
    except (FileNotFoundError, NotADirectoryError):
        return


def _names(path: str) -> list[str]:
    try:
        return fs.list_dir(path)
    except NotADirectoryError:
        return []
