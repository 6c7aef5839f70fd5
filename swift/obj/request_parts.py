"""What an object request says: policy, place, time, metadata; refused as the protocol demands.

Layer 3. Checks run in the order of sheet 02 §8, §9.1 and §12; the first that fails raises the
answer as an HTTPException.
"""
from dataclasses import dataclass
from typing import Any

from swift.common.request import header_name
from swift.common.swob import HTTPBadRequest, HTTPException, HTTPServiceUnavailable, Request
from swift.core.constraints import (
    Constraints,
    Refusal,
    check_metadata,
    check_object_creation,
    config_true_value,
)
from swift.core.headers import X_BACKEND_POLICY_INDEX
from swift.core.names import is_valid_utf8, reserved_name_problem, split_backend_path
from swift.core.object_meta import NEVER_ALLOWED, Metadata, PostRequest, kept_headers
from swift.core.policy import PolicyCollection, StoragePolicy
from swift.core.timestamp import Timestamp
from swift.core.wsgi_text import wsgi_to_str
from swift.obj.placement import Placement
from swift.obj.store import Put, Store

PLAIN = 'text/plain'
MAX_PART_POWER = 32
_OVERRIDE = 'CONTAINER_UPDATE_OVERRIDE_'
_NAMES_KEPT = 1024
_UNKNOWN = object()


def bad_request(req: Request, text: str, plain: bool = True) -> HTTPException:
    """Return a 400 with a text; ``plain`` as text/plain, else with the default type."""
    more = {'content_type': PLAIN} if plain else {}
    return HTTPBadRequest(request=req, body=text, **more)


def refusal(req: Request, refused: Refusal) -> HTTPException:
    """Return the answer to a request that breaks a rule."""
    return HTTPException(status=refused.status, body=refused.body, request=req,
                         content_type=refused.content_type)


def check_path_encoding(req: Request) -> None:
    """Refuse paths that are not UTF-8. NUL is fine: the reserved namespace uses it."""
    path = req.environ['PATH_INFO']
    if not path.isascii() and not is_valid_utf8(wsgi_to_str(path)):
        raise HTTPException(status=412, request=req, body='Invalid UTF8 or contains NULL')


def find_policy(req: Request, policies: PolicyCollection) -> StoragePolicy:
    """Return the policy of the request; 503 if this node does not know it."""
    index = req.headers.get(X_BACKEND_POLICY_INDEX)
    policy = policies.get_by_index(index)
    if policy is None:
        raise HTTPServiceUnavailable(request=req, body='No policy with index %s' % index,
                                     content_type=PLAIN)
    if policy.is_ec:
        raise HTTPServiceUnavailable(
            request=req, body='Policy with index %s is erasure coded, which this server does not '
            'serve' % policy.index, content_type=PLAIN)
    return policy


def find_place(req: Request, store: Store, policy: StoragePolicy) -> Placement:
    """Return where the object of the request's path lives."""
    try:
        device, part, account, container, obj = split_backend_path(
            wsgi_to_str(req.environ['PATH_INFO']), 5, 5)
    except ValueError as error:
        raise bad_request(req, str(error)) from None
    problem = reserved_name_problem(account, container, obj)
    if problem:
        raise bad_request(req, problem, plain=False)
    return store.place(device, part, policy, account, container, obj, _next_part_power(req))


def _next_part_power(req: Request) -> int | None:
    """Return the partition power that the ring will have next; None for nonsense."""
    value = req.headers.get('X-Backend-Next-Part-Power')
    return int(value) if value and value.isascii() and value.isdigit() and (
        0 < int(value) <= MAX_PART_POWER) else None


def request_time(req: Request) -> Timestamp:
    """Return the mandatory X-Timestamp."""
    try:
        return req.timestamp
    except ValueError as error:
        raise bad_request(req, str(error)) from None


def reading_time(req: Request, now: float) -> Timestamp:
    """Return the time at which expiry is judged: X-Timestamp, or now."""
    value = req.headers.get('X-Timestamp')
    if value is None:
        return Timestamp(now)
    try:
        return Timestamp(value)
    except ValueError:
        raise bad_request(req, 'X-Timestamp should be a UNIX timestamp float value; was %r'
                          % value) from None


def opens_expired(req: Request) -> bool:
    """True iff the sender wants objects whose time is over."""
    return (config_true_value(req.headers.get('X-Backend-Open-Expired'))
            or config_true_value(req.headers.get('X-Backend-Replication')))


def override_headers(req: Request) -> dict[str, str]:
    """Return the headers that override fields of the container's row; mostly there are none."""
    found = [key for key in req.environ if _OVERRIDE in key]
    return {name: req.environ[key] for key in found
            if (name := header_name(key)) is not None} if found else {}


@dataclass(slots=True)
class PutParts:
    """A checked PUT: what to store, how many bytes to expect (None: unknown)."""
    put: Put
    expected_size: int | None
    delete_at: int | None


class Headers:
    """Reads what requests want stored; holds the configuration that decides it."""

    def __init__(self, allowed_headers: Any, constraints: Constraints):
        self.allowed = frozenset(
            name.strip().lower() for name in allowed_headers) - NEVER_ALLOWED
        self._constraints = constraints
        # Key in the environ -> name to store it under, or None; for POST and for PUT.
        self._kept_names: tuple[dict[str, str | None], dict[str, str | None]] = ({}, {})

    def read_put(self, req: Request, time: Timestamp, obj: str) -> PutParts:
        """Check a PUT and return what it wants."""
        headers = req.headers
        # Compat: a missing type counts as an empty one, and is answered by that one's text.
        req.environ.setdefault('CONTENT_TYPE', '')
        refused = check_object_creation(headers, obj, time, self._constraints)
        if refused:
            raise refusal(req, refused)
        metadata: Metadata = {'X-Timestamp': time.internal,
                              'Content-Type': headers['Content-Type']}
        metadata.update(self._kept(req))
        etag = headers.get('Etag')
        delete_at = headers.get('X-Delete-At')
        put = Put(time, metadata, etag.strip('"') if etag else None,
                  headers.get('If-None-Match'))
        return PutParts(put, self._expected_size(req), int(delete_at) if delete_at else None)

    @staticmethod
    def _expected_size(req: Request) -> int | None:
        if not req.is_chunked:
            return req.content_length
        value = req.headers.get('X-Backend-Obj-Content-Length')
        if value is None:
            return None
        try:
            return int(value)
        except ValueError as error:
            raise bad_request(req, str(error)) from None

    def read_post(self, req: Request, time: Timestamp) -> PostRequest:
        """Check a POST and return what it wants."""
        headers = req.headers
        delete_at = headers.get('X-Delete-At')
        if delete_at:
            try:
                in_past = int(delete_at) < float(time)
            except ValueError:
                raise bad_request(req, 'Non-integer X-Delete-At') from None
            # Peers copy objects whose time is over; only clients are told.
            if in_past and not config_true_value(headers.get('X-Backend-Replication')):
                raise bad_request(req, 'X-Delete-At in past')
        refused = check_metadata(headers.items(), 'object', self._constraints)
        if refused:
            raise refusal(req, refused)
        ctype = headers.get('Content-Type') or None
        ctype_time = None
        if ctype:
            ctype_time = self._ctype_time(req, time)
        return PostRequest(time, self._kept(req, put=False), ctype, ctype_time)

    @staticmethod
    def _ctype_time(req: Request, time: Timestamp) -> Timestamp:
        value = req.headers.get('Content-Type-Timestamp')
        if value is None:
            return time
        try:
            return Timestamp(value)
        except ValueError:
            # Compat: the text other nodes answer.
            raise bad_request(req, 'could not convert string to float: %r' % value) from None

    def _kept(self, req: Request, put: bool = True) -> Metadata:
        """Return the headers that are stored, also those that replication lists."""
        environ = req.environ
        listed = environ.get('HTTP_X_BACKEND_REPLICATION_HEADERS')
        if listed:
            return self._choose(req.headers.items(), listed, put)
        names = self._kept_names[put]
        kept = {}
        for key, value in environ.items():
            name = names.get(key, _UNKNOWN)
            if name is _UNKNOWN:
                name = self._kept_name(key, put)
            if name is not None:
                kept[name] = value
        return kept

    def _kept_name(self, key: str, put: bool) -> str | None:
        """Return the name under which a variable of the environ is stored; None if it is not."""
        name = header_name(key)
        kept = name if name is not None and self._choose([(name, '')], '', put) else None
        names = self._kept_names[put]
        if len(names) < _NAMES_KEPT:
            names[key] = kept
        return kept

    def _choose(self, headers: list[tuple[str, str]], listed: str, put: bool) -> Metadata:
        also = frozenset(listed.lower().split())
        kept = kept_headers(headers, self.allowed, also - NEVER_ALLOWED, put)
        # Content type and time have rules of their own.
        kept.pop('Content-Type', None)
        kept.pop('X-Timestamp', None)
        return kept
