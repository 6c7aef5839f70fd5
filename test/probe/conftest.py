"""A cluster of its own for each module: these tests kill, fill and starve it."""

import uuid
from pathlib import Path

import pytest

from test.support.client import Client
from test.support.faults import Faults
from test.support.saio import running_saio

HERE = Path(__file__).parent
# A module's first test starts a cluster; only a hang should end it where others work, too.
TIMEOUT_S = 900


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker('timeout') is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope='module')
def saio(tmp_path_factory):
    with running_saio(tmp_path_factory.mktemp('probe')) as cluster:
        yield cluster


@pytest.fixture
def client(saio):
    return Client(saio.auth_url)


@pytest.fixture
def container(client):
    name = f'probe-{uuid.uuid4().hex[:10]}'
    assert client.put(name).status == 201
    return name


@pytest.fixture
def faults(saio):
    """The module's cluster, whose daemons run when the test says so."""
    found = Faults(saio)
    found.quiet()
    return found


@pytest.fixture
def names(client, container):
    """Account, container and object of a small object that is there."""
    assert client.put(f'{container}/o', b'sound').status == 201
    return client.account, container, 'o'
