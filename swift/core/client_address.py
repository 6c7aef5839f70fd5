"""Who the client is when load balancers stand between: the address that logs name.

Layer 0. Balancers report it as X-Cluster-Client-Ip, or first in X-Forwarded-For; else it is the
peer of the connection. Nothing is decided by it, because clients can send these headers too.
"""
from collections.abc import Mapping


def get_remote_client(environ: Mapping[str, str]) -> str:
    """Return the address of the client of a WSGI request, '' when unknown."""
    client = environ.get('HTTP_X_CLUSTER_CLIENT_IP', '').strip()
    if not client:
        client = environ.get('HTTP_X_FORWARDED_FOR', '').split(',')[0].strip()
    return client or environ.get('REMOTE_ADDR', '')
