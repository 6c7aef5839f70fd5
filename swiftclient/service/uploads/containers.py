"""Containers that an upload or a copy needs. Source: sheet 08, section 4.3 (upload, step 2)."""
from typing import Any

from swiftclient.service.results import settle

POLICY = 'X-Storage-Policy'


def create_container(connection: Any, container: str, headers: dict) -> dict:
    """Return the result of a container PUT; one that is there already is a success too."""
    result = {'action': 'create_container', 'container': container, 'headers': headers,
              'response_dict': {}}

    def put() -> None:
        connection.put_container(container, headers=headers,
                                 response_dict=result['response_dict'])

    return settle(result, put)


def create_segment_container(connection: Any, container: str, of_container: str,
                             headers: dict) -> dict:
    """The same for a container of segments; they go where the objects go if nothing is said."""
    headers = dict(headers)

    def look() -> None:
        policy = connection.head_container(of_container).get('x-storage-policy')
        if policy:
            headers[POLICY] = policy

    if POLICY not in headers:
        # A user may write to a container and not look at it: then the default policy has to do.
        settle({}, look)
    return create_container(connection, container, headers)
