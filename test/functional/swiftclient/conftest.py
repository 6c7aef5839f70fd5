"""The client library against a real cluster, as its default user."""

import uuid

import pytest

import swiftclient


@pytest.fixture
def connection(auth_url):
    conn = swiftclient.Connection(auth_url, 'test:tester', 'testing')
    yield conn
    conn.close()


@pytest.fixture
def own_container(connection):
    """A container with a name beyond ASCII, gone with everything in it afterwards."""
    name = f'héé {uuid.uuid4().hex[:8]}'
    connection.put_container(name)
    yield name
    for entry in connection.get_container(name, full_listing=True)[1]:
        connection.delete_object(name, entry['name'])
    connection.delete_container(name)
