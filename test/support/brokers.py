"""Brokers on a temporary device, with a clock that stands still."""
import os
import sqlite3
from contextlib import closing

from swift.account.backend import AccountBroker
from swift.common.clock import ManualClock
from swift.common.db.broker import Environment
from swift.common.db.connection import chexor
from swift.common.db.files import Place
from swift.container.backend import ContainerBroker
from swift.core.row_merge import ContainerRecord, ObjectRecord
from test.support.logs import RecordingLogger

HASH = '26e5f92ddb812f3a145582033a81302f'
T = ['17000000%02d.00000' % second for second in range(20)]


def environment(**values):
    """Return what brokers share; `logger` keeps its lines."""
    return Environment(RecordingLogger(), ManualClock(), **values)


def place(kind, devices, device='sda1'):
    """Return a place on a device below `devices`, which is made."""
    path = os.path.join(devices, device)
    os.makedirs(path, exist_ok=True)
    return Place.of(kind, path, 1, HASH)


def container_broker(devices, env=None, policy_index=0):
    """Return the broker of a new container AUTH_test/c, created at T[0]."""
    broker = ContainerBroker(place('container', devices), env or environment())
    broker.create_container('AUTH_test', 'c', T[0], policy_index)
    return broker


def account_broker(devices, env=None):
    """Return the broker of a new account AUTH_test, created at T[0]."""
    broker = AccountBroker(place('account', devices), env or environment())
    broker.create_account('AUTH_test', T[0])
    return broker


def obj(name, created_at=T[1], **values):
    """Return an object record."""
    fields = {'size': 1, 'content_type': 'a/b', 'etag': 'e', 'deleted': 0, **values}
    return ObjectRecord(name, created_at, **fields)


def put(broker, *records):
    """Append records to the pending log as servers do."""
    for record in records:
        broker.append(broker.encode(record))


def cont(name, put_timestamp=T[1], delete_timestamp='0', count=1, used=10, policy=0):
    """Return a container record."""
    return ContainerRecord(name, put_timestamp, delete_timestamp, count, used, 0, policy)


def raw(broker, query, *values):
    """Run a statement over a connection of its own, as another process would."""
    with closing(sqlite3.connect(broker.path, timeout=0, isolation_level=None)) as db:
        db.create_function('chexor', 3, chexor)
        return db.execute(query, values).fetchall()
