"""Output of swift-container-info and swift-account-info (sheet 07 §12.3)."""
import io

import pytest

from swift.cli import account_info, container_info, db_info
from swift.common.db.files import directory_lock
from test.support.brokers import account_broker, container_broker, obj, put
from test.support.golden_databases import case

SWIFT_CONF = '''\
[swift-hash]
swift_hash_path_prefix = changeme
swift_hash_path_suffix = changeme
[storage-policy:0]
name = gold
default = yes
[storage-policy:1]
name = silver
'''

FEW = '''\
Path: /AUTH_test/few
  Account: AUTH_test
  Container: few
  Deleted: False
  Container Hash: 67b3022c5794b3f09e281367707b0fac
Metadata:
  Created at: 2026-11-20T22:03:06.581540 (1795212186.58154)
  Put Timestamp: 2023-11-14T22:14:10.123450 (1700000050.12345)
  Delete Timestamp: 1970-01-01T00:00:00.000000 (0)
  Status Timestamp: 2023-11-14T22:13:20.123450 (1700000000.12345)
  Object Count: 3
  Bytes Used: 180
  Storage Policy: silver (1)
  Reported Put Timestamp: 1970-01-01T00:00:00.000000 (0)
  Reported Delete Timestamp: 1970-01-01T00:00:00.000000 (0)
  Reported Object Count: 0
  Reported Bytes Used: 0
  Chexor: 2739d0d592bbf4859245e4f972989049
  UUID: 32256f42-7ab0-41dd-bc0f-d61f19e8b31a-cont_few
  X-Container-Sync-Point1: -1
  X-Container-Sync-Point2: -1
  X-Container-Read: .r:*,.rlistings
  X-Container-Write: test:tester3
  X-Container-Sync-Key: secret
  System Metadata:
    X-Container-Sysmeta-Foo: bar
  User Metadata:
    X-Container-Meta-Color: green
    X-Container-Meta-Uni: café
Sharding Metadata:
  Type: root
  State: unsharded
'''

ACCOUNT = '''\
Path: /AUTH_few
  Account: AUTH_few
  Deleted: False
  Account Hash: d8cfd63da1244de5d201898908862526
Metadata:
  Created at: 2026-11-20T22:03:05.689620 (1795212185.68962)
  Put Timestamp: 2023-11-14T22:13:20.123450 (1700000000.12345)
  Delete Timestamp: 1970-01-01T00:00:00.000000 (0)
  Status Timestamp: 2023-11-14T22:13:20.123450 (1700000000.12345)
  Container Count: 9
  Object Count: 18
  Bytes Used: 5409
  Chexor: 2ad71f49f29ff8e14e998c7e17ffd617
  UUID: 59724c7a-d41b-4b35-909c-814d089a4c7e-acct_few
  System Metadata:
    Quota: 10
  User Metadata:
    Color: green
    Uni: café
'''


@pytest.fixture
def swift_dir(tmp_path):
    directory = tmp_path / 'etc'
    directory.mkdir()
    (directory / 'swift.conf').write_text(SWIFT_CONF)
    return str(directory)


def run(kind, *argv):
    out = io.StringIO()
    return db_info.run(kind, argv, out), out.getvalue()


def test_container(swift_dir, tmp_path):
    path = case('cont_few').install(tmp_path)
    assert run('container', '-d', swift_dir, path) == (0, FEW)


def test_account_with_short_names(swift_dir, tmp_path):
    path = case('acct_few').install(tmp_path)
    assert run('account', '--drop-prefixes', '-d', swift_dir, path) == (0, ACCOUNT)


def test_shard_ranges_are_counted_or_shown(swift_dir, tmp_path):
    path = case('shard_3_sharding').install(tmp_path)
    code, text = run('container', '-d', swift_dir, path)
    assert code == 0
    assert text.endswith('''\
Sharding Metadata:
  Type: root
  State: sharding
Shard Ranges (4):
  States:
      created: 3
      cleaved: 1
  Use -v to show more details.
''')
    _, text = run('container', '-v', '-d', swift_dir, path)
    assert text.count('  Name: .shards_AUTH_test/') == 4 and 'State: cleaved (30)' in text


def test_sync_points(swift_dir, tmp_path):
    broker = container_broker(tmp_path)
    broker.merge_syncs([('peer', 7)])
    _, text = run('container', '-s', '-d', swift_dir, broker.path)
    assert 'Incoming Syncs:\n  Sync Point\tRemote ID\tUpdated At\n  7\tpeer\t' in text
    assert text.endswith('No outgoing sync found in db file\n')
    broker.close()


def test_pending_records_are_counted(swift_dir, tmp_path):
    broker = container_broker(tmp_path)
    put(broker, obj('o'))
    broker.close()
    _, text = run('container', '-d', swift_dir, broker.path)
    assert '  Object Count: 1\n' in text and 'No user metadata found in db file' in text


def test_stale_data_when_locked(swift_dir, tmp_path, monkeypatch):
    broker = account_broker(tmp_path)
    broker.append(b':')
    make = db_info.Environment
    monkeypatch.setattr(db_info, 'Environment',
                        lambda logger, **values: make(logger, lock_timeout_s=0.01, **values))
    with directory_lock(broker.place, 1):
        code, text = run('account', '-d', swift_dir, broker.path)
    assert code == 2 and text.startswith('WARNING: Possibly Stale Data\nPath: /AUTH_test\n')
    broker.close()


@pytest.mark.parametrize('main, kind', [(account_info.main, 'account'),
                                        (container_info.main, 'container')])
def test_wrong_files(main, kind, swift_dir, tmp_path, capsys):
    other = container_broker(tmp_path) if kind == 'account' else account_broker(tmp_path)
    rubbish = tmp_path / 'rubbish.db'
    rubbish.write_bytes(b'rubbish' * 1000)
    for path in (other.path, str(rubbish)):
        assert main(['-d', swift_dir, path]) == 1
        assert capsys.readouterr().out == f'Does not appear to be a DB of type "{kind}": {path}\n'
    for path in (str(tmp_path / 'none.db'), str(tmp_path)):
        assert main([path]) == 1
        assert capsys.readouterr().out == "DB file doesn't exist\n"
    assert main([]) == 1
    assert capsys.readouterr().out.startswith(f'usage: swift-{kind}-info')
    assert rubbish.exists() and other.exists()
    other.close()
