"""What the documents of the service and the command promise runs; the manual is up to date."""
import re
from pathlib import Path

import pytest

from swiftclient.service import _default_global_options as SERVICE_DEFAULTS
from swiftclient.service import _default_local_options
from swiftclient.shell.manual import page

ROOT = Path(__file__).resolve().parents[3]
SERVICE = (ROOT / 'doc/swift-service.md').read_text(encoding='utf-8')
EXAMPLES = re.findall(r'```python\n(.*?)```', SERVICE, re.S)


def test_examples_run_one_after_the_other(cluster, no_pauses, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    login = {'auth': cluster.url, 'user': 'test:tester', 'key': 'testing', 'auth_version': '1.0'}
    for name, value in login.items():
        monkeypatch.setitem(SERVICE_DEFAULTS, name, value)
    for example in EXAMPLES:
        exec(compile(example, 'doc/swift-service.md', 'exec'), {})
    printed = capsys.readouterr().out
    assert 'Object failed to delete: /tmp/file1\n' in printed
    assert 'large segment 2 /photos_segments/folder/large/slo/' in printed
    assert "{'version': '2.38.0'}" in printed
    assert 'photos' not in cluster.containers


@pytest.mark.parametrize('method', ['stat', 'post', 'list', 'upload', 'download', 'copy', 'delete',
                                    'capabilities'])
def test_every_method_has_an_example(method):
    assert any(f'swift.{method}(' in example for example in EXAMPLES)


def test_every_option_is_documented():
    undocumented = [name for name in _default_local_options
                    if f'`{name}`' not in SERVICE and name not in ('totals', )]
    assert undocumented == []


def test_manual_page_is_what_the_declarations_render():
    """Refresh it: python -m swiftclient.shell.manual > doc/manpages/swift.1"""
    assert (ROOT / 'doc/manpages/swift.1').read_text(encoding='utf-8') == page()
