"""The container and account server, and their side of REPLICATE.

Follows swift/container/server.py, swift/account/server.py and common/db/replication/rpc.py.
"""
from collections.abc import Generator
from typing import Any

from swift.core import db_sync
from swift.core.db_sync import Times
from swift.core.row_merge import ContainerRecord, is_container_deleted
from swift.core.timestamp import Timestamp
from test.sim.databases import Database, Facts, object_record
from test.sim.network import Call
from test.sim.objects import ObjectServer, Row
from test.sim.world import Node, Path, path_of

Steps = Generator[Any, Any, Any]


class Server(ObjectServer):
    """All services of a node."""

    def __init__(self, node: Node):
        super().__init__(node)
        self._id_count = 0

    def new_id(self) -> str:
        self._id_count += 1
        return '%s-%d' % (self.node, self._id_count)

    def create(self, path: Path, put_timestamp: str) -> Database:
        db = Database(path, self.new_id(), Times(self.node.timestamp().internal, put_timestamp,
                                                 '0'))
        self.node.disk.dbs[path] = db
        return db

    # -- containers ----------------------------------------------------------------------------

    def container_put(self, path: Path, time: Timestamp, account_nodes: tuple[Node, ...]) -> Steps:
        db = self.node.disk.dbs.get(path)
        created = db is None
        if created:
            db = self.create(path, time.internal)
        else:
            recreated = db.is_deleted
            db.put(time.internal)
            if db.is_deleted:
                return (409,)
            created = recreated
        yield
        yield from self._tell_accounts(db, account_nodes)
        return (201 if created else 202,)

    def container_delete(self, path: Path, time: Timestamp,
                         account_nodes: tuple[Node, ...]) -> Steps:
        db = self.node.disk.dbs.get(path)
        if db is None:
            return (404,)
        if db.totals()[0]:
            return (409,)
        existed = not db.is_deleted
        db.delete(time.internal)
        yield
        if not db.is_deleted:
            return (409,)
        yield from self._tell_accounts(db, account_nodes)
        return (204 if existed else 404,)

    def _tell_accounts(self, db: Database, account_nodes: tuple[Node, ...]) -> Steps:
        record = account_record(db)
        yield [Call(self.node, node, 'account_row', (db.path.account, record), 1.0)
               for node in account_nodes]

    def container_head(self, path: Path) -> Steps:
        db = self.node.disk.dbs.get(path)
        yield
        return (404,) if db is None or db.is_deleted else (204,)

    def listing(self, path: Path) -> Steps:
        """Answer with the names in a container or account."""
        db = self.node.disk.dbs.get(path)
        yield
        if db is None or db.is_deleted:
            return (404, [])
        return (200, [record.name for record in db.live()])

    def row(self, row: Row) -> Steps:
        """PUT or DELETE of an object's record."""
        path = path_of(row.path.account, row.path.container)
        db = self.node.disk.dbs.get(path)
        if db is None:
            if not path.account.startswith('.'):
                return (404,)
            db = self.create(path, row.headers['X-Timestamp'])
            yield
        db.merge([object_record(row)])
        yield
        return (201,)

    def account_row(self, account: str, record: ContainerRecord) -> Steps:
        """PUT of a container's record."""
        db = self.node.disk.dbs.get(path_of(account))
        if db is None:
            if not account.startswith('.'):
                return (404,)
            db = self.create(path_of(account), record.put_timestamp)
        db.merge([record])
        yield
        return (201,)

    # -- REPLICATE -----------------------------------------------------------------------------

    def db_sync(self, path: Path, sender: Facts) -> Steps:
        db = self.node.disk.dbs.get(path)
        if db is None:
            return (404,)
        facts = db.facts()
        db.merge_times(sender.times)
        yield
        point = db.incoming.get(sender.id, db_sync.NOWHERE)
        later = db_sync.point_after_sync(point, facts.log.hash, sender.log)
        if later != point:
            db.merge_syncs([(sender.id, later)])
            yield
        return (200, facts, later)

    def merge_items(self, path: Path, rows: list[tuple[int, Any]], source: str) -> Steps:
        db = self.node.disk.dbs.get(path)
        if db is None:
            return (404,)
        db.merge([record for _number, record in rows], source, rows[-1][0])
        yield
        return (202,)

    def merge_syncs(self, path: Path, points: tuple[tuple[str, int], ...]) -> Steps:
        db = self.node.disk.dbs.get(path)
        if db is None:
            return (404,)
        db.merge_syncs(points)
        yield
        return (202,)

    def land(self, copy: Database) -> Steps:
        """rsync of a whole database file."""
        self.node.disk.landed[copy.id] = copy.copied()
        yield
        return (201,)

    def complete_rsync(self, path: Path, sender: str) -> Steps:
        disk = self.node.disk
        landed = disk.landed.get(sender)
        if path in disk.dbs or landed is None or landed.path != path:
            return (404,)
        landed.become_new(self.new_id(), sender)
        yield
        if path in disk.dbs or disk.landed.pop(sender, None) is None:
            return (404,)
        disk.dbs[path] = landed
        yield
        return (204,)

    def rsync_then_merge(self, path: Path, sender: str) -> Steps:
        disk = self.node.disk
        landed, db = disk.landed.get(sender), disk.dbs.get(path)
        if db is None or landed is None or landed.path != path:
            return (404,)
        landed.become_new(self.new_id(), sender)
        yield
        if disk.dbs.get(path) is not db or disk.landed.pop(sender, None) is None:
            return (404,)
        landed.merge([record for _number, record in db.rows_since(-1, 1 << 30)])
        landed.merge_syncs(db.incoming.items())
        disk.dbs[path] = landed
        yield
        return (204,)


def account_record(db: Database) -> ContainerRecord:
    """Return what a container tells its account."""
    put, delete, count, used = db.report()
    return ContainerRecord(db.path.container, put, delete, count, used,
                           int(is_container_deleted(put, delete, count)))
