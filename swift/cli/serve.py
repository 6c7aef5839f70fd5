"""swift-proxy-server, swift-account-server, swift-container-server, swift-object-server.

Layer 4. One function per program, all the same but for the name of the app's section.
"""
import importlib

from swift.cli.siblings import run_each
from swift.common import green

# What siblings share if it is there before they part.
_APPLICATIONS = {'proxy-server': 'swift.proxy.server', 'account-server': 'swift.account.server',
                 'container-server': 'swift.container.server', 'object-server': 'swift.obj.server'}


def _run(service: str) -> int:
    # First of all: modules imported from here on must see the green standard library.
    green.patch()
    from swift.common.wsgi import run_wsgi
    return run_each(lambda argv: run_wsgi('swift-' + service, service, argv),
                    lambda: importlib.import_module(_APPLICATIONS[service]))


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
