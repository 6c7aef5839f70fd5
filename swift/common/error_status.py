"""Which status a storage server answers to an operating error: one table for all of them.

Layer 1. The first class that an error is an instance of decides; what is not listed is a 500, which
is also what a lock that was not had means to everybody who speaks this protocol (sheet 03 §1.3).
Sources: sheets 02 §6 to §13, 03 §12.
"""
from swift.common.errors import (
    ClientDisconnect,
    ClientReadTimeout,
    DatabaseMissing,
    DeviceUnavailable,
    DiskFull,
    NameCollision,
    NotSupported,
    StateChanged,
    SwiftError,
)

_STATUS_OF_ERROR = (
    (ClientDisconnect, 499), (ClientReadTimeout, 408), (DatabaseMissing, 404),
    (NameCollision, 403), (DiskFull, 507), (DeviceUnavailable, 507), (NotSupported, 507),
    (StateChanged, 503),
)


def status_of(error: SwiftError) -> int:
    """Return the status of the answer to a request that met with an operating error."""
    return next((status for kind, status in _STATUS_OF_ERROR if isinstance(error, kind)), 500)
