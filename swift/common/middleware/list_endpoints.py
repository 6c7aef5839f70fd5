"""list_endpoints: on which storage nodes an account, container or object is.

Layer 2. For programs that bring work to the data. Not authenticated: it must not be reachable by
clients of others.

    GET /endpoints/<a>[/<c>[/<o>]], /endpoints/v1/...    ["http://ip:port/device/partition/a/c/o"]
    GET /endpoints/v2/...                                {"endpoints": [...], "headers": {...}}

The headers are what a storage server must be told besides. 405 for other methods, 400 for paths
that name nothing. Source: sheet 05 §25.1.
"""
import json
from collections.abc import Callable, Iterable

from swift.common.cluster import Cluster
from swift.common.config.common import SwiftDir
from swift.common.config.options import Options, Text
from swift.common.info import container_info
from swift.common.places import DEFAULT_SWIFT_DIR
from swift.common.sections import read_section
from swift.common.swob import (
    HTTPBadRequest,
    HTTPMethodNotAllowed,
    Request,
    Response,
    wsgi_to_str,
)
from swift.core.endpoints import BadEndpointPath, Wanted, parse, urls
from swift.core.headers import X_BACKEND_POLICY_INDEX

SOURCE = 'LE'


class ListEndpointsOptions(Options, section='filter:list-endpoints'):
    """Where things are."""

    list_endpoints_path = Text('/endpoints/', 'Start of the paths that are answered.')
    swift_dir = SwiftDir(DEFAULT_SWIFT_DIR, 'Directory of swift.conf and the rings.')


class ListEndpoints:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: ListEndpointsOptions, cluster: Cluster):
        self.app = app
        self._prefix = f'/{options.list_endpoints_path.strip("/")}/'
        self._cluster = cluster

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        if not env['PATH_INFO'].startswith(self._prefix):
            return self.app(env, start_response)
        return self._answer(Request(env))(env, start_response)

    def _answer(self, req: Request) -> Response:
        if req.method != 'GET':
            return HTTPMethodNotAllowed(request=req, headers={'Allow': 'GET'})
        try:
            wanted = parse(wsgi_to_str(req.environ['PATH_INFO'][len(self._prefix):]))
        except BadEndpointPath as problem:
            return HTTPBadRequest(request=req, body=str(problem))
        headers = {}
        if wanted.obj:
            index = self._policy_index(req.environ, wanted)
            headers[X_BACKEND_POLICY_INDEX] = str(index)
            ring = self._cluster.object_ring(index)
        else:
            ring = (self._cluster.container_ring if wanted.container
                    else self._cluster.account_ring)
        partition, nodes = ring.get_nodes(wanted.account, wanted.container, wanted.obj)
        endpoints = urls(wanted, partition, nodes)
        document = endpoints if wanted.version == 1 else {
            'endpoints': endpoints, 'headers': headers}
        return Response(request=req, body=json.dumps(document), content_type='application/json')

    def _policy_index(self, env: dict, wanted: Wanted) -> int:
        """Return the policy of an object; the default of a container that is not there."""
        info = container_info(env, self.app, wanted.account, wanted.container, SOURCE)
        policy = self._cluster.policies.get_by_index(info['storage_policy'])
        return (policy or self._cluster.policies.legacy).index


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#list_endpoints`."""
    section = read_section(ListEndpointsOptions, global_conf, local_conf, 'list_endpoints')
    cluster = Cluster(section.options.swift_dir, logger=section.logger)
    return lambda app: ListEndpoints(app, section.options, cluster)
