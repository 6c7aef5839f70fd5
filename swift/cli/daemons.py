"""swift-object-updater and swift-container-updater: from the command line to the daemon.

Layer 4.
"""
import sys

from swift.common import green


def object_updater() -> int:
    """Run the object updater."""
    # First of all: modules imported from here on must see the green standard library.
    green.patch()
    from swift.common.daemon import run_daemon
    from swift.obj.updater import ObjectUpdater
    return run_daemon(ObjectUpdater, 'object-updater', sys.argv[1:])


def container_updater() -> int:
    """Run the container updater."""
    green.patch()
    from swift.common.daemon import run_daemon
    from swift.container.updater import ContainerUpdater
    return run_daemon(ContainerUpdater, 'container-updater', sys.argv[1:])
