"""The tree of operating errors: what the world does to us, as opposed to bugs and outcomes.

Layer 1. Every class carries its facts as attributes, so that a server's error table, a log line
and a test read values instead of parsing a message. Three rules:

* an expected outcome (object deleted at T) is a return value, not one of these;
* a bug is an ``assert``;
* foreign exceptions are translated once, at the border: disk errors in ``swift.common.fs``,
  socket errors in ``swift.common.http`` with the two helpers at the end of this module.

    SwiftError
    ├─ ConfigError                  a file or option that makes starting impossible
    ├─ TransportError               a peer: ConnectFailed, ConnectTimeout, ResponseTimeout, ...
    ├─ DiskError                    a device: DiskFull, DeviceUnavailable, Damaged, ...
    ├─ LockTimeout                  somebody else holds a lock too long
    ├─ RingError                    a ring or builder file, or what it describes
    └─ ClientError                  the client went away or was too slow

Source: sheet 07 section 17.2 for the wording of network reasons.
"""
import errno


class SwiftError(Exception):
    """Root of all operating errors."""


class ConfigError(SwiftError):
    """A configuration that cannot be used; `problems` lists every fault found, not the first."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()):
        super().__init__(message)
        self.problems = problems or (message,)


class ClusterConfigError(ConfigError):
    """A swift.conf that cannot be used; the text names the file and is shown as it is."""


class BindError(SwiftError):
    """A listening address that cannot be had."""

    def __init__(self, message: str, address: str = '', port: int = 0):
        super().__init__(message)
        self.address = address
        self.port = port


# -- peers -----------------------------------------------------------------------------------

class TransportError(SwiftError):
    """A peer that could not be reached or did not answer properly. `peer` is 'ip:port'."""

    def __init__(self, message: str = '', peer: str = '', reason: str = ''):
        super().__init__(message or reason or type(self).__name__)
        self.peer = peer
        self.reason = reason or message


class ConnectFailed(TransportError):
    """The connection was refused or the peer is unreachable."""


class ConnectTimeout(TransportError):
    """No connection within `seconds`."""

    def __init__(self, message: str = '', peer: str = '', reason: str = '', seconds: float = 0):
        super().__init__(message, peer, reason)
        self.seconds = seconds


class ResponseTimeout(TransportError):
    """The peer was silent for `seconds` while an answer or body bytes were due."""

    def __init__(self, message: str = '', peer: str = '', reason: str = '', seconds: float = 0):
        super().__init__(message, peer, reason)
        self.seconds = seconds


class PeerClosed(TransportError):
    """The peer closed the connection before its answer was complete."""


class BadResponse(TransportError):
    """The peer's bytes are not HTTP, or exceed a limit."""


# -- clients ---------------------------------------------------------------------------------

class ClientError(SwiftError):
    """The client's side of a request failed."""


class ClientDisconnect(ClientError):
    """The client closed its connection in the middle of a body."""


class ClientReadTimeout(ClientError):
    """The client sent nothing for `seconds` while a body was due."""

    def __init__(self, message: str = '', seconds: float = 0):
        super().__init__(message or 'client was silent for %ss' % seconds)
        self.seconds = seconds


# -- disks -----------------------------------------------------------------------------------

class DiskError(SwiftError):
    """An operation on a device failed. `path` is where, `device` the device name if known."""

    def __init__(self, message: str = '', path: str = '', device: str = ''):
        super().__init__(message or type(self).__name__)
        self.path = path
        self.device = device


class DiskFull(DiskError):
    """No space, no quota or no inodes left, or the reserve would be touched."""


class DeviceUnavailable(DiskError):
    """The device is not mounted, read-only, or answers with input/output errors."""


class Damaged(DiskError):
    """What is stored contradicts itself; `reason` says how. The caller quarantines it."""

    def __init__(self, message: str = '', path: str = '', device: str = '', reason: str = ''):
        super().__init__(message or reason, path, device)
        self.reason = reason or message


class DamagedDatabase(Damaged):
    """A database that SQLite cannot read, or that lacks its one row of facts."""


class DatabaseMissing(DiskError):
    """There is no database file where one is needed."""


class DatabaseFault(DiskError):
    """A statement that SQLite refuses: a foreign schema, or a bug of ours."""


class NotSupported(DiskError):
    """The file system lacks something we need, such as extended attributes."""


class StateChanged(DiskError):
    """Somebody moved or replaced files between two steps; trying again will tell more."""


class NameCollision(DiskError):
    """Another name is stored where this one belongs: two names of one hash, or a bad move."""


class LockTimeout(SwiftError):
    """A lock was not had within `seconds`."""

    def __init__(self, message: str = '', path: str = '', seconds: float = 0):
        super().__init__(message or '%s seconds: %s' % (seconds, path))
        self.path = path
        self.seconds = seconds


# -- rings -----------------------------------------------------------------------------------

class RingError(SwiftError):
    """A ring or builder that cannot be used. `path` is its file, if one is concerned."""

    def __init__(self, message: str, path: str = ''):
        super().__init__(message)
        self.path = path


class RingLoadError(RingError):
    """A ring file that is missing, unreadable, damaged or not a ring."""


class RingMissing(RingLoadError):
    """A ring file that is not there."""


class RingUnfit(RingError):
    """A sound ring that does not suit its use, such as a wrong replica count for EC."""


class BuilderError(RingError):
    """An operation that the ring builder refuses."""


class RingValidationError(BuilderError):
    """The builder's table contradicts its devices, or no table can satisfy them."""


class EmptyRingError(BuilderError):
    """There is no device with a weight."""


class DuplicateDeviceError(BuilderError):
    """The device id or address is taken already."""


class BuilderFileError(BuilderError):
    """A builder file that is missing, not accessible or not a builder."""


# -- translation helpers ---------------------------------------------------------------------

_NETWORK_REASONS = {
    errno.ECONNREFUSED: 'Connection refused',
    errno.ECONNRESET: 'Connection reset',
    errno.EHOSTUNREACH: 'Host unreachable',
    errno.ENETUNREACH: 'Network unreachable',
    errno.ETIMEDOUT: 'Connection timeout',
    errno.EPIPE: 'Broken pipe',
}
_PLAIN_ERRNOS = (errno.EIO, errno.ENOSPC)


def weather_reason(exc: BaseException) -> str | None:
    """Return the short reason of an error that needs no traceback in the log, else None.

    Refused, reset, unreachable, timed out, broken pipe; for a failing or full disk the error's
    own text.
    """
    if isinstance(exc, TransportError):
        return exc.reason or str(exc)
    if not isinstance(exc, OSError):
        return None
    if exc.errno in _PLAIN_ERRNOS:
        return str(exc)
    return _NETWORK_REASONS.get(exc.errno)


def is_address_in_use(exc: OSError) -> bool:
    """Tell whether binding failed because somebody else has the address."""
    return exc.errno == errno.EADDRINUSE


def would_block(exc: OSError) -> bool:
    """Tell whether a non-blocking send failed only because a buffer is full.

    ENOBUFS is what a full datagram queue says on some systems.
    """
    return exc.errno in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS)
