"""Client of the object storage cluster: a library of two levels, and the `swift` command.

`swiftclient.client` sends single requests, `swiftclient.service` does in parallel what the command
does. Every public name of `client` is a name of the package too.
"""

from swiftclient import client
from swiftclient.client import *  # noqa: F403
from swiftclient.version import version_string

__version__ = version_string


def __getattr__(name: str):
    return getattr(client, name)
