"""The service: everything the `swift` command does, as a Python interface.

Public names stand here; the modules below have one idea each. Programs and their tests replace
`Connection` and `get_conn` in this package, so both are looked up here when they are used.
Source: sheet 08, section 4.
"""
from swiftclient.client import Connection
from swiftclient.exceptions import ClientException
from swiftclient.multithreading import MultiThreadingManager
from swiftclient.service.connections import get_conn
from swiftclient.service.downloads.paths import DIRECTORY_TYPES as KNOWN_DIR_MARKERS
from swiftclient.service.downloads.paths import mkdirs
from swiftclient.service.errors import SwiftError
from swiftclient.service.objects import (
    SwiftCopyObject,
    SwiftDeleteObject,
    SwiftPostObject,
    SwiftUploadObject,
)
from swiftclient.service.options import (
    _build_default_global_options,
    _default_global_options,
    _default_local_options,
    process_options,
    split_headers,
)
from swiftclient.service.results import (
    ResultsIterator,
    get_from_queue,
    get_future_result,
    interruptable_as_completed,
    logger,
)
from swiftclient.service.swift_service import SwiftService
from swiftclient.service.uploads.containers import POLICY

DISK_BUFFER = 65536

__all__ = [
    'DISK_BUFFER', 'KNOWN_DIR_MARKERS', 'POLICY', 'ClientException', 'Connection',
    'MultiThreadingManager', 'ResultsIterator', 'SwiftCopyObject', 'SwiftDeleteObject',
    'SwiftError', 'SwiftPostObject', 'SwiftService', 'SwiftUploadObject',
    '_build_default_global_options', '_default_global_options', '_default_local_options',
    'get_conn', 'get_from_queue', 'get_future_result', 'interruptable_as_completed', 'logger',
    'mkdirs', 'process_options', 'split_headers',
]
