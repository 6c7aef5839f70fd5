"""swift-proxy-server, swift-account-server, swift-container-server, swift-object-server.

Layer 4. One function per program, all the same but for the name of the app's section.
"""
import sys

from swift.common import green


def _run(service: str) -> int:
    # First of all: modules imported from here on must see the green standard library.
    green.patch()
    from swift.common.wsgi import run_wsgi
    return run_wsgi('swift-' + service, service, sys.argv[1:])


def proxy() -> int:
    """Run the proxy server."""
    return _run('proxy-server')


def account() -> int:
    """Run the account server."""
    return _run('account-server')


def container() -> int:
    """Run the container server."""
    return _run('container-server')


def object() -> int:
    """Run the object server."""
    return _run('object-server')
