"""POST and DELETE of objects: the same small request to all replicas.

Layer 3. (sheet 04, sections 8.3, 8.4, 11.3, 11.4) A DELETE counts "nothing there" as agreement. A
POST that only some replicas could carry out asks handoffs too: those may hold what the others
miss.
"""

from typing import Any

from swift.common.request_helpers import refuse
from swift.common.swob import Response
from swift.core.constraints import check_delete_headers, check_metadata
from swift.core.quorum import (
    DELETE_OVERRIDES,
    MISSING_STATUS,
    Answer,
    best_answer,
    quorum_size,
)
from swift.proxy.backend_headers import request_headers
from swift.proxy.controllers.base import (
    answer_reply,
    is_true,
    quoted_path,
    status_reply,
    uses_replication_network,
)
from swift.proxy.controllers.obj_targets import whole_header_sets
from swift.proxy.fanout import Write, send_to_all


def post_object(controller: Any, req: Any) -> Response:
    """Replace the object's metadata."""
    app, env = controller.app, req.environ
    refusal = (check_metadata(req.headers.items(), 'object', app.cluster.constraints)
               or check_delete_headers(req.headers, req.timestamp))
    if refusal:
        return refuse(req, refusal)
    controller.log_expiry(req)
    ring = app.cluster.object_ring(controller.policy.index)
    part = ring.get_part(controller.account, controller.container, controller.obj)
    nodes = app.nodes.for_reading(ring, part, controller.order, 'object')
    headers = request_headers(env, app.agent(req))
    if not headers.get('Content-Type'):
        headers.pop('Content-Type', None)
    if app.options.allow_open_expired and is_true(env.get('HTTP_X_OPEN_EXPIRED')):
        headers['X-Backend-Open-Expired'] = 'true'
    headers['Content-Length'] = '0'
    sets = whole_header_sets(controller, env, ring, headers, nodes.primary_count)
    write = Write('Object', 'POST', part, _path(controller), nodes, sets,
                  env.get('QUERY_STRING', ''), replication=uses_replication_network(env))
    answers = send_to_all(app, write)
    quorum = quorum_size(len(sets))
    accepted = sum(1 for answer in answers if answer.status == 202)
    missed = [i for i, answer in enumerate(answers) if answer.status == 404]
    if accepted and accepted < quorum and missed:
        # The object may stand on handoffs instead of the primaries that miss it.
        write.header_sets = [sets[i] for i in missed]
        answers += send_to_all(app, write, quorum)
    best = best_answer(answers, quorum)
    if accepted and best is not None and best.status == 404:
        # Somewhere the object is, and was changed.
        best = None
    return _reply(app, req, write, answers, best)


def delete_object(controller: Any, req: Any) -> Response:
    """Write tombstones."""
    app, env = controller.app, req.environ
    ring = app.cluster.object_ring(controller.policy.index)
    part = ring.get_part(controller.account, controller.container, controller.obj)
    order = controller.order
    local = order.delete_handoff_count(ring.get_part_nodes(part)) if order.is_local else 0
    nodes = app.nodes.for_writing(ring, part, order, 'object', local_handoffs=local)
    # A deletion has no expiry of its own; nobody has checked what stands in such a header.
    env.pop('HTTP_X_DELETE_AT', None)
    headers = request_headers(env, app.agent(req))
    headers.pop('Content-Type', None)
    sets = whole_header_sets(controller, env, ring, headers, nodes.primary_count + local)
    write = Write('Object', 'DELETE', part, _path(controller), nodes, sets,
                  env.get('QUERY_STRING', ''), replication=uses_replication_network(env))
    answers = send_to_all(app, write)
    best = best_answer(answers, quorum_size(len(sets)), DELETE_OVERRIDES)
    return _reply(app, req, write, answers, best)


def _path(controller: Any) -> str:
    return quoted_path(controller.account, controller.container, controller.obj)


def _reply(app: Any, req: Any, write: Write, answers: list[Answer],
           best: Answer | None) -> Response:
    if best is None:
        app.logger.error('Object %s returning %d for %s', write.method, MISSING_STATUS,
                         tuple(answer.status for answer in answers))
        return status_reply(req, MISSING_STATUS)
    return answer_reply(req, best)
