"""One all-in-one cluster for the whole black-box suite, or the one that a test.conf names."""

import uuid
from configparser import ConfigParser

import pytest

from test.support.client import Client
from test.support.overlay_proxy import overlay_proxy, with_filter
from test.support.saio import running_saio


@pytest.fixture(scope='session')
def saio(tmp_path_factory):
    """A cluster of our own; tests that disturb or inspect processes need it."""
    with running_saio(tmp_path_factory.mktemp('saio')) as cluster:
        yield cluster


@pytest.fixture(scope='session')
def auth_url(request, pytestconfig):
    """Authentication URL of the cluster under test (SWIFT_TEST_CONFIG_FILE, or our own)."""
    import os

    path = os.environ.get('SWIFT_TEST_CONFIG_FILE')
    if path:
        config = ConfigParser()
        config.read(path)
        return config['func_test']['auth_uri']
    return request.getfixturevalue('saio').auth_url


@pytest.fixture(scope='session')
def client(auth_url):
    return Client(auth_url)


@pytest.fixture(scope='session')
def other(auth_url):
    """A user of the same account without any right of its own."""
    return Client(auth_url, 'test:tester3', 'testing3')


@pytest.fixture(scope='session')
def stranger(auth_url):
    """The owner of another account."""
    return Client(auth_url, 'test2:tester2', 'testing2')


@pytest.fixture(scope='session')
def admin(auth_url):
    return Client(auth_url, 'admin:admin', 'admin')


@pytest.fixture(scope='session')
def form_client(saio, tmp_path_factory):
    """The usual user, of a second proxy that takes uploads by forms."""
    overlay = with_filter(saio, 'formpost', before='tempauth')
    with overlay_proxy(saio, overlay, tmp_path_factory.mktemp('formpost')) as proxy:
        assert 'formpost' in proxy.pipeline
        yield Client(proxy.auth_url)


@pytest.fixture
def container(client):
    """A container of the test's own, gone with everything in it afterwards."""
    name = f'c-{uuid.uuid4().hex[:12]}'
    assert client.put(name).status == 201
    yield name
    empty(client, name)


def empty(client, name: str) -> None:
    listing = client.get(name, query='?format=json')
    for entry in listing.json() if listing.status == 200 else []:
        client.delete(f'{name}/{entry["name"]}')
    client.delete(name)
