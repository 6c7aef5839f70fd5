"""Failures are told apart while other threads are still loading what they are told with."""
import ssl
import sys
from types import ModuleType

import pytest

from swiftclient import failures


@pytest.mark.parametrize('name', ['ssl', 'requests.exceptions'])
@pytest.mark.parametrize('module', [None, ModuleType('half-loaded')])
def test_module_that_is_not_loaded_yet_or_half(monkeypatch, name, module):
    if module is None:
        monkeypatch.delitem(sys.modules, name, raising=False)
    else:
        monkeypatch.setitem(sys.modules, name, module)
    assert failures.is_tls_error(ConnectionRefusedError()) is False


def test_tls_errors_of_both_kinds():
    from requests import exceptions
    assert failures.is_tls_error(ssl.SSLError()) is True
    assert failures.is_tls_error(exceptions.SSLError()) is True
    assert failures.is_tls_error(exceptions.ConnectionError()) is False
