"""The container server: what it answers to each verb.

Layer 3. Sheet 03 §15 (verbs), §12 (checks), §6 (metadata); reading is in listing.py, telling
accounts in account_update.py. Object records go into the pending log, all else into the database
at once. Shard ranges are stored and listed here; splitting containers is the sharder's.
"""
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from swift.common.clock import SYSTEM, Clock
from swift.common.cluster import Cluster
from swift.common.codecs.pending import object_record
from swift.common.config.parser import read_plain
from swift.common.db.broker import DatabaseExists
from swift.common.db.files import Place
from swift.common.db.service import (
    HTML,
    Answer,
    BackendRequest,
    DatabaseServer,
    Refused,
    page,
    plain,
)
from swift.common.disk_threads import run_in_thread
from swift.common.errors import ConfigError, DatabaseMissing, DiskError
from swift.common.http.pool import ConnectionPool
from swift.common.metrics import Statsd
from swift.common.sections import read_section
from swift.container import listing, sync_store
from swift.container.account_update import (
    AccountServers,
    AccountUpdates,
    BadUpdateHeaders,
    report_headers,
)
from swift.container.backend import ContainerBroker, ContainerInfo
from swift.container.options import ContainerServerOptions
from swift.container.pages import Pages
from swift.container.replication import ContainerReplicationRpc
from swift.core import sync_target
from swift.core.constraints import config_true_value
from swift.core.headers import is_sys_or_user_meta
from swift.core.names import quote
from swift.core.row_merge import DELETED_ETAG, DELETED_TYPE, ObjectRecord
from swift.core.shard_range import UPDATING_STATES, RangeQuery, ShardRange
from swift.core.timestamp import Timestamp
from swift.core.wsgi_text import storable

SAVED_HEADERS = frozenset(('x-container-read', 'x-container-write', 'x-container-sync-key',
                           'x-container-sync-to'))
LEGACY_VERSIONS_HEADER = 'x-versions-location'
REALMS_FILE = 'container-sync-realms.conf'
_INDEX_HEADER = 'X-Backend-Storage-Policy-Index'


@dataclass(frozen=True, slots=True)
class Change:
    """What a PUT or DELETE of a container did: the answer, and the facts to tell accounts."""

    answer: Answer
    info: ContainerInfo | None = None


class ContainerServer(DatabaseServer):
    """The WSGI application of the container server. Owns its connection pool."""

    kind = 'container'
    broker_class = ContainerBroker
    replication_class = ContainerReplicationRpc
    utf8_refusal = 'Invalid UTF8 or contains NULL'
    brokers: Any
    options: ContainerServerOptions

    def __init__(self, options: ContainerServerOptions, cluster: Cluster, logger: Any,
                 statsd: Any, pool: Any, clock: Clock = SYSTEM) -> None:
        super().__init__(options, cluster, logger, statsd, clock)
        self.account_updates = AccountUpdates(pool, options.conn_timeout, options.node_timeout,
                                              logger)
        self._pages = Pages()
        self._policy_indexes: dict[str, int] = {}        # by their text
        # Given again and again.
        self._row_stored, self._row_deleted = page(201), page(204)
        auto_create = cluster.constraints.auto_create_account_prefix
        self._auto_create_prefix = auto_create
        self._shards_prefix = f'{auto_create}shards_'

    # -- checks -------------------------------------------------------------------------------

    def _policy_index(self, req: BackendRequest) -> int | None:
        """Return the policy index that the request names, None for none; Refused."""
        text = req.header('X_BACKEND_STORAGE_POLICY_INDEX')
        if text is None:
            return None
        index = self._policy_indexes.get(text)
        if index is None:
            shown = text if text.isdecimal() else repr(text)
            policy = self.cluster.policies.get_by_index(text) if text.isdecimal() else None
            if policy is None:
                raise Refused(plain(400, f'Invalid {_INDEX_HEADER} {shown}'))
            index = policy.index
            if text == str(index):
                self._policy_indexes[text] = index
        return index

    def _check_sync_target(self, req: BackendRequest) -> None:
        value = req.header('X_CONTAINER_SYNC_TO')
        if not value:
            return
        try:
            sync_target.resolve(value, self.options.allowed_sync_hosts, self._realms(value))
        except sync_target.BadSyncTarget as err:
            raise Refused(plain(400, str(err), HTML)) from None

    def _realms(self, value: str) -> Mapping[str, sync_target.Realm]:
        """Return the realms of the operator's file; it is only read when a value names one."""
        if not value.startswith('//'):
            return {}
        try:
            return sync_target.parse_realms(
                run_in_thread(read_plain, os.path.join(self.options.swift_dir, REALMS_FILE)))
        except ConfigError:
            return {}

    def _auto_creates(self, req: BackendRequest) -> bool:
        """Tell whether a record for a missing container makes the container."""
        explicit = req.header('X_BACKEND_AUTO_CREATE')
        if explicit is not None:
            return config_true_value(explicit)
        return (req.account.startswith(self._auto_create_prefix)
                and not req.account.startswith(self._shards_prefix))

    # -- reading ------------------------------------------------------------------------------

    def read(self, req: BackendRequest) -> Answer:
        """GET and HEAD of a container."""
        reading = listing.parse_reading(req, self.cluster.constraints.container_listing_limit,
                                        self._policy_index(req))
        place = self.place(req, req.container)
        return (self._read_settled(place, reading)
                or self.on_disk(req, self._read, place, reading))

    def _read_settled(self, place: Place, reading: listing.Reading) -> Answer | None:
        """Answer from memory if a look at the files shows that nothing has changed, else None."""
        broker = self.brokers.known(place)
        settled = broker and broker.settled_info()
        if not settled:
            return None
        info, still_true = settled
        answer = listing.read_settled(place, info, reading, self._pages)
        return answer if answer and self.holds_true(place, still_true) else None

    def _read(self, place: Any, reading: listing.Reading) -> Answer:
        return listing.read(self.brokers.get(place), reading, self._pages)

    # -- containers ---------------------------------------------------------------------------

    def put(self, req: BackendRequest) -> Answer:
        """PUT of a container, of shard ranges, or of an object's record."""
        if req.obj is not None:
            answer, work = self._put_record(req), 'PUT_object'
        elif (req.header('X_BACKEND_RECORD_TYPE') or '').lower() == 'shard':
            answer, work = self._put_shard_ranges(req), 'PUT_shard'
        else:
            answer, work = self._put_container(req), 'PUT_container'
        answer.work = work
        return answer

    def _put_container(self, req: BackendRequest) -> Answer:
        timestamp = req.timestamp()
        self._check_sync_target(req)
        change = self.on_disk(req, self._store_container, req, self.place(req, req.container),
                              timestamp, writes=True)
        return self._tell_accounts(req, change)

    def _store_container(self, req: BackendRequest, place: Any, timestamp: Timestamp) -> Change:
        requested = self._policy_index(req)
        broker = self.brokers.get(place)
        created = self._create_or_touch(req, broker, timestamp, requested)
        if created is None:
            index = broker.info().storage_policy_index
            return Change(page(409, [(_INDEX_HEADER, str(index))]))
        self._store_metadata(req, broker, timestamp)
        info = broker.info()
        return Change(page(201 if created else 202,
                           [(_INDEX_HEADER, str(info.storage_policy_index))]), info)

    def _create_or_touch(self, req: BackendRequest, broker: ContainerBroker,
                         timestamp: Timestamp, requested: int | None) -> bool | None:
        """Create, re-create or touch the container; None when it is there in another policy."""
        wanted = requested
        if wanted is None:
            default = req.header('X_BACKEND_STORAGE_POLICY_DEFAULT')
            wanted = int(default) if default and default.isdecimal() \
                else self.cluster.policies.default.index
        if self._create(req, broker, timestamp.internal, wanted):
            return True
        info = broker.info()
        recreated = info.is_deleted
        if recreated:
            broker.set_storage_policy_index(wanted, timestamp.internal)
        elif requested is not None and requested != info.storage_policy_index:
            return None
        broker.update_put_timestamp(timestamp.internal)
        if broker.info().is_deleted:
            raise Refused(page(409))
        if recreated:
            broker.update_status_changed_at(timestamp.internal)
        return recreated

    @staticmethod
    def _create(req: BackendRequest, broker: ContainerBroker, put_timestamp: str,
                policy_index: int) -> bool:
        """Create the database unless it is there; tell whether it was made now."""
        if broker.exists():
            return False
        try:
            broker.create_container(req.account, req.container, put_timestamp, policy_index)
        except DatabaseExists:
            return False
        return True

    def _is_stored(self, name: str) -> bool:
        if is_sys_or_user_meta('container', name):
            return True
        name = name.lower()
        return name in SAVED_HEADERS or (
            name == LEGACY_VERSIONS_HEADER and self.options.allow_versions)

    def _store_metadata(self, req: BackendRequest, broker: ContainerBroker,
                        timestamp: Timestamp) -> None:
        """Store the request's metadata and what follows from it for container sync."""
        headers = req.stored_headers(self._is_stored)
        if not headers:
            return
        limits = self.cluster.constraints
        problem = broker.update_metadata(
            {name: (value, timestamp.internal) for name, value in headers.items()},
            (limits.max_meta_count, limits.max_meta_overall_size))
        if problem:
            raise Refused(plain(400, problem, HTML))
        self._update_sync_store(broker)

    def _update_sync_store(self, broker: ContainerBroker) -> None:
        info = broker.info()
        try:
            sync_store.update(broker.place, broker.path, info.metadata, info.is_deleted)
        except DiskError as err:
            self.logger.error('Failed to update sync_store %s: %s', broker.path, err)

    def _tell_accounts(self, req: BackendRequest, change: Change) -> Answer:
        """Send what changed to the account servers that the request names."""
        if change.info is None or 'HTTP_X_ACCOUNT_PARTITION' not in req.env:
            return change.answer
        try:
            servers = AccountServers.parse(req.header('X_ACCOUNT_PARTITION'),
                                           req.header('X_ACCOUNT_HOST'),
                                           req.header('X_ACCOUNT_DEVICE'))
        except BadUpdateHeaders as err:
            self.logger.error('ERROR Account update failed: %s', err)
            return page(400)
        headers = report_headers(change.info, 'container-server')
        headers += [('X-Trans-Id', req.env.get('HTTP_X_TRANS_ID', '-')),
                    ('Referer', req.referer())]
        if (req.header('X_ACCOUNT_OVERRIDE_DELETED') or '').lower() == 'yes':
            headers.append(('X-Account-Override-Deleted', 'yes'))
        if not self.account_updates.send(servers, (req.account, req.container), headers):
            return page(404)
        return change.answer

    def post(self, req: BackendRequest) -> Answer:
        """POST: change metadata."""
        timestamp = req.timestamp()
        self._check_sync_target(req)
        return self.on_disk(req, self._post, req, self.place(req, req.container), timestamp,
                            writes=True)

    def _post(self, req: BackendRequest, place: Any, timestamp: Timestamp) -> Answer:
        broker = self.brokers.get(place)
        if broker.info().is_deleted:
            return page(404)
        if not req.is_true('X_BACKEND_NO_TIMESTAMP_UPDATE'):
            broker.update_put_timestamp(timestamp.internal)
        self._store_metadata(req, broker, timestamp)
        return page(204)

    def delete(self, req: BackendRequest) -> Answer:
        """DELETE of an empty container, or of an object's record."""
        if req.obj is not None:
            return self._delete_record(req)
        timestamp = req.timestamp()
        change = self.on_disk(req, self._delete, self.place(req, req.container), timestamp)
        return self._tell_accounts(req, change)

    def _delete(self, place: Any, timestamp: Timestamp) -> Change:
        broker = self.brokers.get(place)
        if not broker.is_empty():
            return Change(page(409))
        before = broker.info()
        existed = bool(Timestamp(before.put_timestamp)) and not before.is_deleted
        broker.delete_db(timestamp.internal)
        info = broker.info()
        if not info.is_deleted:
            return Change(page(409))
        self._update_sync_store(broker)
        return Change(page(204 if existed else 404), info)

    # -- object records -----------------------------------------------------------------------

    def _put_record(self, req: BackendRequest) -> Answer:
        record = ObjectRecord(
            req.obj, req.time_text(), int(req.needed_integer('X_SIZE')),
            storable(req.needed_header('X_CONTENT_TYPE')), storable(req.needed_header('X_ETAG')), 0,
            self._policy_index(req) or 0, _optional_time(req, 'X_CONTENT_TYPE_TIMESTAMP'),
            _optional_time(req, 'X_META_TIMESTAMP'))
        return self._accept_record(req, record, self._row_stored)

    def _delete_record(self, req: BackendRequest) -> Answer:
        record = ObjectRecord(req.obj, req.time_text(), 0, DELETED_TYPE, DELETED_ETAG, 1,
                              self._policy_index(req) or 0)
        return self._accept_record(req, record, self._row_deleted)

    def _accept_record(self, req: BackendRequest, record: ObjectRecord,
                       accepted: Answer) -> Answer:
        """Put a record into the log, or send the updater to the shard that it belongs to."""
        place = self.place(req, req.container)
        takes_space = not record.deleted
        if req.is_true('X_BACKEND_ACCEPT_REDIRECT'):
            redirect = self.on_disk(req, self._redirect, req, place, writes=takes_space)
            if redirect is not None:
                return redirect
        data = ContainerBroker.encode(record)
        try:
            self.append(place, data, takes_space)
        except DatabaseMissing:
            if not self._auto_creates(req):
                return page(404)
            put_timestamp = Timestamp(record.created_at).normal
            self.on_disk(req, self._create, req, self.brokers.get(place), put_timestamp,
                         record.storage_policy_index, writes=takes_space)
            self.append(place, data, takes_space)
        return accepted

    def _redirect(self, req: BackendRequest, place: Any) -> Answer | None:
        """Return the 301 to the shard container that should have the record, or None."""
        broker = self.brokers.get(place)
        try:
            found = broker.list_shard_ranges(RangeQuery(includes=req.obj, states=UPDATING_STATES))
        except DatabaseMissing:
            return None
        if not found:
            return None
        location = f'/{found[0].name}/{req.obj}'
        quoted = quote(location)
        if quoted != location and not req.is_true('X_BACKEND_ACCEPT_QUOTED_LOCATION'):
            # The peer would not understand: the record stays, the sharder moves it.
            return None
        return page(301, [('Location', quoted), ('X-Backend-Location-Is-Quoted', 'true'),
                          ('X-Backend-Redirect-Timestamp', found[0].timestamp)])

    def update(self, req: BackendRequest) -> Answer:
        """UPDATE: many object records at once."""
        timestamp = req.timestamp()
        return self.on_disk(req, self._update, req, self.place(req, req.container), timestamp,
                            req.body(), writes=True)

    def _update(self, req: BackendRequest, place: Any, timestamp: Timestamp,
                body: bytes) -> Answer:
        policy_index = self._policy_index(req)
        broker = self.brokers.get(place)
        self._create_if_allowed(req, broker, timestamp, policy_index)
        try:
            records = [_record_of(fields) for fields in json.loads(body)]
        except (ValueError, KeyError, TypeError) as err:
            return plain(400, str(err))
        broker.merge_records(records)
        return page(202)

    def _create_if_allowed(self, req: BackendRequest, broker: ContainerBroker,
                           timestamp: Timestamp, policy_index: int | None) -> bool:
        """Create a container for records of the cluster's own; Refused if it has to be there."""
        if broker.exists():
            return False
        if not self._auto_creates(req):
            raise Refused(page(404))
        if policy_index is None:
            raise Refused(plain(400, f'{_INDEX_HEADER} header is required'))
        return self._create(req, broker, timestamp.internal, policy_index)

    # -- shard ranges -------------------------------------------------------------------------

    def _put_shard_ranges(self, req: BackendRequest) -> Answer:
        timestamp = req.timestamp()
        self._check_sync_target(req)
        return self.on_disk(req, self._store_shard_ranges, req, self.place(req, req.container),
                            timestamp, req.body(), writes=True)

    def _store_shard_ranges(self, req: BackendRequest, place: Any, timestamp: Timestamp,
                            body: bytes) -> Answer:
        policy_index = self._policy_index(req)
        try:
            ranges = [ShardRange.from_dict(fields) for fields in json.loads(body)]
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            return plain(400, f'Invalid body: {err!r}', HTML)
        broker = self.brokers.get(place)
        created = self._create_if_allowed(req, broker, timestamp, policy_index)
        self._store_metadata(req, broker, timestamp)
        broker.merge_shard_ranges(ranges)
        index = broker.info().storage_policy_index
        return page(201 if created else 202, [(_INDEX_HEADER, str(index))])

    verbs = {
        'DELETE': (delete, (4, 5), None), 'GET': (read, (4, 4), None),
        'HEAD': (read, (4, 4), 0.1), 'OPTIONS': (DatabaseServer.options_verb, None, None),
        'POST': (post, (4, 4), None), 'PUT': (put, (4, 5), None),
        'REPLICATE': (DatabaseServer.replicate_verb, (3, 3), 0.01),
        'UPDATE': (update, (4, 4), None),
    }


def _optional_time(req: BackendRequest, name: str) -> str | None:
    return req.time_text(name) if 'HTTP_' + name in req.env else None


def _record_of(fields: Mapping[str, Any]) -> ObjectRecord:
    """Return the record of an UPDATE body's item; KeyError, TypeError, ValueError."""
    return object_record((
        fields['name'], fields['created_at'], int(fields['size']), fields['content_type'],
        fields['etag'], int(fields['deleted']), int(fields.get('storage_policy_index') or 0),
        fields.get('ctype_timestamp'), fields.get('meta_timestamp')))


def app_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Return the paste application."""
    section = read_section(ContainerServerOptions, global_conf, local_conf, 'container-server')
    cluster = Cluster(section.options.swift_dir, logger=section.logger)
    return make_app(section.options, cluster, section.logger)


def make_app(options: ContainerServerOptions, cluster: Cluster, logger: Any,
             clock: Clock = SYSTEM, pool: Any = None) -> ContainerServer:
    """Return the application over the given parts."""
    statsd = Statsd.from_options(options, tail=options.log_name or 'container-server')
    return ContainerServer(options, cluster, logger, statsd, pool or ConnectionPool(), clock)
