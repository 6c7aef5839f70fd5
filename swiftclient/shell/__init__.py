"""The `swift` command: a thin layer over the service; it sends no requests of its own.

`main` is the entry point. Everything is imported when it is needed: `swift --help` loads no
client. Programs and their tests replace `SwiftService` here, so it is looked up here.
Source: sheet 08, section 5.
"""
from swiftclient.shell.main import immediate_exit, main

_FROM = {
    'SwiftService': 'swiftclient.service', 'SwiftUploadObject': 'swiftclient.service',
    'SwiftError': 'swiftclient.service', 'get_conn': 'swiftclient.service',
    'process_options': 'swiftclient.service', 'ClientException': 'swiftclient.exceptions',
    'OutputManager': 'swiftclient.multithreading', 'generate_temp_url': 'swiftclient.utils',
}
BASENAME = 'swift'
commands = ('delete', 'download', 'list', 'post', 'copy', 'stat', 'upload', 'capabilities',
            'info', 'tempurl', 'auth', 'bash_completion')

__all__ = ['BASENAME', 'commands', 'immediate_exit', 'main']


def __getattr__(name: str):
    from importlib import import_module
    if name not in _FROM:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(_FROM[name]), name)
