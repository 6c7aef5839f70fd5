"""Exceptions that plug-ins raise or catch by this module's name; our own tree is errors.py.

Layer 1.
"""
from swift.common.errors import SwiftError


class QuarantineRequest(Exception):
    """Raised by an audit watcher to have the object it was shown quarantined."""


__all__ = ['QuarantineRequest', 'SwiftError']
