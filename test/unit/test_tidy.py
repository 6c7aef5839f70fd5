"""The house rules that a reviewer should not have to remember, checked from the sources.

Layers (imports go down only): 0 core, 1 common, 2 filters, 3 servers and daemons, 4 programs.
Apart from them stands swiftclient, which neither imports swift nor is imported by it.
A module over the size limit must give the reason in its docstring (the word "lines").
"""
import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENT_SOURCES = sorted((ROOT / 'swiftclient').rglob('*.py'))
SOURCES = sorted((ROOT / 'swift').rglob('*.py')) + CLIENT_SOURCES
SERVERS = ('swift.proxy', 'swift.obj', 'swift.container', 'swift.account')
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 7

# Modules that may import what nobody else may.
ONLY = {
    'eventlet': {'swift/common/green.py'},
    'greenlet': {'swift/common/green.py'},
    'errno': {'swift/common/fs.py', 'swift/common/errors.py'},
    'pickle': {'swift/common/codecs/'},
}
# What the client may import beside the standard library, and where: it has to start quickly and to
# be installed where nothing else of the project is.
CLIENT_ONLY = {
    'requests': {'swiftclient/requests_compat.py', 'swiftclient/failures.py',
                 'swiftclient/transport.py', 'swiftclient/client.py'},
    'urllib3': {'swiftclient/requests_compat.py'},
    'keystoneauth1': {'swiftclient/authv1.py'},
}
# Signatures that programs written for python-swiftclient call by position.
SIGNATURES_KEPT = {f'swiftclient/{name}.py' for name in (
    'account', 'connection', 'container', 'objects', 'tempurl')}
CORE_FORBIDDEN = {'os', 'socket', 'time', 'logging', 'subprocess', 'threading', 'eventlet',
                  'configparser', 'select', 'signal'}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding='utf-8'))


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f'{node.module}.{alias.name}' for alias in node.names}
    return names


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def layer(name: str) -> int:
    if name.startswith('swift.core'):
        return 0
    if name.startswith('swift.common.middleware'):
        return 2
    if name.startswith('swift.common'):
        return 1
    return 3 if name.startswith(SERVERS) else 4


def server_of(name: str) -> str | None:
    return next((server for server in SERVERS if name.startswith(server)), None)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize('path', SOURCES, ids=relative)
def test_imports_go_down_only(path):
    name = module_name(path)
    if layer(name) == 4:
        return
    for target in (t for t in imported(parse(path)) if t.startswith('swift.')):
        assert layer(target) <= layer(name), f'{name} imports {target}'
        if layer(name) == 3 and layer(target) == 3:
            assert server_of(target) == server_of(name), f'{name} imports {target}'
        if layer(name) == 3:
            assert layer(target) != 2, f'{name} imports the filter {target}'


@pytest.mark.parametrize('path', SOURCES, ids=relative)
def test_client_and_cluster_stand_apart(path):
    names = {name.split('.')[0] for name in imported(parse(path))}
    if path not in CLIENT_SOURCES:
        assert 'swiftclient' not in names
        return
    for name in names - sys.stdlib_module_names - {'swiftclient'}:
        assert relative(path) in CLIENT_ONLY.get(name, ()), name


@pytest.mark.parametrize('path', SOURCES, ids=relative)
def test_guarded_modules_have_one_importer(path):
    names = {name.split('.')[0] for name in imported(parse(path))}
    for guarded, owners in ONLY.items():
        if guarded in names:
            assert any(relative(path).startswith(owner) for owner in owners), guarded
    if relative(path).startswith('swift/core/'):
        assert not names & CORE_FORBIDDEN


@pytest.mark.parametrize('path', SOURCES, ids=relative)
def test_time_is_read_by_the_clock_alone(path):
    if relative(path) == 'swift/common/clock.py' or layer(module_name(path)) == 4:
        return
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            assert called not in ('time.time', 'time.monotonic', 'time.perf_counter'), \
                f'line {node.lineno}: {called}'


@pytest.mark.parametrize('path', SOURCES, ids=relative)
def test_files_and_functions_keep_their_size(path):
    text, tree = path.read_text(encoding='utf-8'), parse(path)
    doc = ast.get_docstring(tree)
    assert doc, 'no module docstring'
    lines = text.count('\n')
    assert lines <= MAX_FILE_LINES or 'lines' in doc, f'{lines} lines and no reason given'
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            own_doc = ast.get_docstring(node, clean=False) or ''
            length = node.end_lineno - node.lineno + 1 - own_doc.count('\n')
            assert length <= MAX_FUNCTION_LINES, f'{node.name}: {length} lines'
            count = len(node.args.args) + len(node.args.kwonlyargs)
            assert count <= MAX_PARAMETERS + 1 or node.name == '__init__' \
                or relative(path) in SIGNATURES_KEPT, f'{node.name}: {count} parameters'


def test_nothing_speaks_of_unfinished_work():
    words = ['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X']
    for path in SOURCES:
        text = path.read_text(encoding='utf-8')
        assert not [word for word in words if word in text.replace('XXXX', '')], relative(path)


def test_lint_rules_hold():
    done = subprocess.run(['ruff', 'check', '--no-cache', str(ROOT)], capture_output=True,
                          text=True, check=False, env=env_with_scripts())
    assert done.returncode == 0, done.stdout


def env_with_scripts() -> dict[str, str]:
    import os
    import sysconfig
    return dict(os.environ, PATH=sysconfig.get_path('scripts') + os.pathsep + os.environ['PATH'])
