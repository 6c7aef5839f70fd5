"""The one table from operating errors to answers."""
import pytest

from swift.common.error_status import status_of
from swift.common.errors import (
    ClientDisconnect,
    ClientReadTimeout,
    Damaged,
    DatabaseMissing,
    DeviceUnavailable,
    DiskError,
    DiskFull,
    LockTimeout,
    NameCollision,
    NotSupported,
    StateChanged,
    SwiftError,
)


@pytest.mark.parametrize('error, status', [
    (ClientDisconnect, 499), (ClientReadTimeout, 408), (DatabaseMissing, 404),
    (NameCollision, 403), (DiskFull, 507), (DeviceUnavailable, 507), (NotSupported, 507),
    (StateChanged, 503), (LockTimeout, 500), (Damaged, 500), (DiskError, 500),
    (SwiftError, 500)])
def test_status(error, status):
    assert status_of(error()) == status
