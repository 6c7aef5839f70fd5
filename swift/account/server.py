"""The account server: what it answers to each verb.

Layer 3. Sheet 03 §14; parameters and bodies §11-13; limits §6. A record PUT (`/d/p/a/c`) is what
container servers and updaters send; it goes into the pending log, all else into the database at
once. "Deleted" is kept apart from "never existed" by X-Account-Status, which the proxy needs.
"""
from collections.abc import Callable
from typing import Any

from swift.account.backend import AccountBroker, AccountInfo
from swift.account.options import AccountServerOptions
from swift.common.clock import SYSTEM, Clock
from swift.common.cluster import Cluster
from swift.common.db.broker import DatabaseExists
from swift.common.db.replication.rpc import ReplicationRpc
from swift.common.db.service import (
    Answer,
    BackendRequest,
    DatabaseServer,
    Headers,
    Refused,
    metadata_headers,
    page,
    plain,
)
from swift.common.errors import DatabaseMissing
from swift.common.metrics import Statsd
from swift.common.sections import read_section
from swift.core.db_metadata import Metadata
from swift.core.headers import is_sys_or_user_meta, title_case
from swift.core.listing import ListingQuery
from swift.core.listing_render import (
    JSON,
    PLAIN,
    account_xml,
    container_entries,
    containers_json,
    to_text,
)
from swift.core.row_merge import ContainerRecord
from swift.core.timestamp import Timestamp

# Compat: answers that the original gives no charset in upper case.
LOWER_HTML = 'text/html; charset=utf-8'
STATUS_DELETED = ('X-Account-Status', 'Deleted')
# Stored as they are sent, but only if they are times: listings could not show anything else.
_RECORD_TIMES = ('X_TIMESTAMP', 'X_PUT_TIMESTAMP', 'X_DELETE_TIMESTAMP')


class AccountServer(DatabaseServer):
    """The WSGI application of the account server."""

    kind = 'account'
    broker_class = AccountBroker
    replication_class = ReplicationRpc

    # -- reading ------------------------------------------------------------------------------

    def read(self, req: BackendRequest) -> Answer:
        """GET and HEAD of an account."""
        content_type = req.listing_format()
        query = None
        if req.method == 'GET':
            query = req.listing_query(self.cluster.constraints.account_listing_limit)
        return self.on_disk(req, self._read, self.place(req), content_type, query)

    def _read(self, place: Any, content_type: str, query: ListingQuery | None) -> Answer:
        broker = self.brokers.get(place)
        try:
            info = broker.info(stale_ok=True)
        except DatabaseMissing:
            return _gone(None)
        if info.is_deleted:
            return _gone(info)
        headers = self._info_headers(info)
        shown_type = f'{content_type}; charset=utf-8'
        if query is None:
            return Answer(204, headers, content_type=shown_type)
        body = self._render(info.account, broker.list_containers(query, stale_ok=True),
                            content_type)
        if not body:
            return Answer(204, headers, content_type=shown_type, length=False)
        return Answer(200, headers, body, shown_type)

    def _render(self, account: str, entries: list, content_type: str) -> bytes:
        if content_type == PLAIN:
            return to_text(entries)
        names = {policy.index: policy.name for policy in self.cluster.policies}
        if content_type == JSON:
            return containers_json(entries, names)
        return account_xml(account, container_entries(entries, names))

    def _info_headers(self, info: AccountInfo) -> Headers:
        headers = info.rendered.get('headers')
        if headers is None:
            headers = info.rendered['headers'] = self._make_info_headers(info)
        return headers

    def _make_info_headers(self, info: AccountInfo) -> Headers:
        headers = [('X-Account-Container-Count', str(info.container_count)),
                   ('X-Account-Object-Count', str(info.object_count)),
                   ('X-Account-Bytes-Used', str(info.bytes_used)),
                   ('X-Timestamp', Timestamp(info.created_at).normal),
                   ('X-Put-Timestamp', Timestamp(info.put_timestamp).normal)]
        for index, totals in info.policies.items():
            policy = self.cluster.policies.get_by_index(index)
            if policy is None:
                continue
            prefix = title_case(f'X-Account-Storage-Policy-{policy.name}-')
            if totals.container_count is not None:
                headers.append((f'{prefix}Container-Count', str(totals.container_count)))
            headers += [(f'{prefix}Object-Count', str(totals.object_count)),
                        (f'{prefix}Bytes-Used', str(totals.bytes_used))]
        return headers + metadata_headers(info.metadata)

    # -- writing ------------------------------------------------------------------------------

    def put(self, req: BackendRequest) -> Answer:
        """PUT of an account, or of a container's record in it."""
        if req.container is not None:
            return self._put_record(req)
        place = self.place(req)
        return self.on_disk(req, self._put, req, place, writes=True)

    def _put(self, req: BackendRequest, place: Any) -> Answer:
        timestamp = req.timestamp()
        broker = self.brokers.get(place)
        created = self._create(broker, req.account, timestamp)
        if not created:
            info = broker.info()
            if info.is_status_deleted:
                return Answer(403, [STATUS_DELETED], b'Recently deleted', LOWER_HTML)
            broker.update_put_timestamp(timestamp.internal)
        self._store_metadata(broker, req, timestamp)
        return page(201 if created else 202)

    @staticmethod
    def _create(broker: AccountBroker, account: str, timestamp: Timestamp) -> bool:
        """Create the database unless it is there; tell whether it was made now."""
        if broker.exists():
            return False
        try:
            broker.create_account(account, timestamp.internal)
        except DatabaseExists:
            return False
        return True

    def _store_metadata(self, broker: AccountBroker, req: BackendRequest,
                        timestamp: Timestamp) -> None:
        headers = req.stored_headers(lambda name: is_sys_or_user_meta('account', name))
        if not headers:
            return
        updates: Metadata = {name: (value, timestamp.internal) for name, value in headers.items()}
        limits = self.cluster.constraints
        problem = broker.update_metadata(
            updates, (limits.max_meta_count, limits.max_meta_overall_size))
        if problem:
            raise Refused(plain(400, problem, 'text/html; charset=UTF-8'))

    def _put_record(self, req: BackendRequest) -> Answer:
        for name in _RECORD_TIMES:
            if 'HTTP_' + name in req.env:
                req.timestamp(name)
        record = ContainerRecord(
            req.container, req.needed_header('X_PUT_TIMESTAMP'),
            req.needed_header('X_DELETE_TIMESTAMP'),
            # Compat: the pending files of the original hold numbers as the text of the headers.
            req.needed_integer('X_OBJECT_COUNT'), req.needed_integer('X_BYTES_USED'), 0,
            req.needed_integer('X_BACKEND_STORAGE_POLICY_INDEX', '0'))
        override = (req.header('X_ACCOUNT_OVERRIDE_DELETED') or '').lower() == 'yes'
        place = self.place(req)
        if not self.on_disk(req, self._prepare_record, req, place, override, writes=True):
            return page(404)
        try:
            self.append(place, AccountBroker.encode(record))
        except DatabaseMissing:
            return page(404)
        return page(204 if record.delete_timestamp > record.put_timestamp else 201)

    def _prepare_record(self, req: BackendRequest, place: Any, override: bool) -> bool:
        """Create accounts of the cluster's own; tell whether the account takes records."""
        broker = self.brokers.get(place)
        if req.account.startswith(self.cluster.constraints.auto_create_account_prefix):
            timestamp = Timestamp(self.clock.time())
            if 'HTTP_X_TIMESTAMP' in req.env:
                timestamp = req.timestamp()
            self._create(broker, req.account, timestamp)
        try:
            return broker.takes_records(override)
        except DatabaseMissing:
            return False

    def post(self, req: BackendRequest) -> Answer:
        """POST: change metadata."""
        timestamp = req.timestamp()
        return self.on_disk(req, self._post, req, self.place(req), timestamp, writes=True)

    def _post(self, req: BackendRequest, place: Any, timestamp: Timestamp) -> Answer:
        broker = self.brokers.get(place)
        info = _existing(broker)
        if info is None or info.is_deleted:
            return _gone(info)
        self._store_metadata(broker, req, timestamp)
        return page(204)

    def delete(self, req: BackendRequest) -> Answer:
        """DELETE: mark the account deleted; the reaper does the rest."""
        return self.on_disk(req, self._delete, req, self.place(req))

    def _delete(self, req: BackendRequest, place: Any) -> Answer:
        timestamp = req.timestamp()
        broker = self.brokers.get(place)
        info = _existing(broker)
        if info is None or info.is_deleted:
            return _gone(info)
        broker.delete_db(timestamp.internal)
        return Answer(204, [STATUS_DELETED], content_type=LOWER_HTML)

    verbs = {
        'DELETE': (delete, (3, 3), None), 'GET': (read, (3, 3), None),
        'HEAD': (read, (3, 3), None), 'OPTIONS': (DatabaseServer.options_verb, None, None),
        'POST': (post, (3, 3), None), 'PUT': (put, (3, 4), None),
        'REPLICATE': (DatabaseServer.replicate_verb, (3, 3), 0.01),
    }


def _existing(broker: AccountBroker) -> AccountInfo | None:
    try:
        return broker.info()
    except DatabaseMissing:
        return None


def _gone(info: AccountInfo | None) -> Answer:
    """The 404 that tells "deleted" from "never existed"."""
    headers = [STATUS_DELETED] if info is not None and info.is_status_deleted else []
    return Answer(404, headers, content_type=LOWER_HTML)


def app_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Return the paste application."""
    section = read_section(AccountServerOptions, global_conf, local_conf, 'account-server')
    cluster = Cluster(section.options.swift_dir, logger=section.logger)
    return make_app(section.options, cluster, section.logger)


def make_app(options: AccountServerOptions, cluster: Cluster, logger: Any,
             clock: Clock = SYSTEM) -> AccountServer:
    """Return the application over the given parts."""
    statsd = Statsd.from_options(options, tail=options.log_name or 'account-server')
    return AccountServer(options, cluster, logger, statsd, clock)
