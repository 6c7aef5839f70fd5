"""REPLICATE on the receiving side: the recorded dialogues, what landed, and bad input."""
import json
import os
import shutil

import pytest

from swift.common.db.files import Place
from test.support.brokers import T, obj, put, raw
from test.support.db_servers import Client
from test.support.golden import golden_json

# Of the day, of the process, or of the local clock.
ACCIDENTAL = {'id', 'created_at'}
# Crashes of the original, which are refusals here.
REFUSED = {'unknown operation': 400, 'body is not an array': 400}
SENDER = '11111111-2222-3333-4444-555555555555-sdb1'
ZERO = '0' * 32


@pytest.fixture
def server(tmp_path, request):
    client = Client(getattr(request, 'param', 'container'), tmp_path)
    yield client
    client.close()


def replicate(client, place, *words, **headers):
    path = f'/{place.device}/1/{place.hash}'
    return client('REPLICATE', path, headers, json.dumps(words).encode())


def place_of(client, account='AUTH_test', container='c'):
    kind = client.app.kind
    return Place.of(kind, f'{client.app.options.devices}/sda1', 1,
                    client.app.cluster.hash_path(account, container))


def made(client, *records, container='c', created=T[1]):
    """Make a container with rows; return its broker."""
    path = f'/sda1/1/AUTH_test/{container}'
    assert client('PUT', path, {'X-Timestamp': created}).status == 201
    broker = client.app.brokers.get(place_of(client, container=container))
    put(broker, *records)
    broker.merge_pending()
    return broker


# -- the recorded dialogues --------------------------------------------------------------------

@pytest.mark.parametrize('kind', ['container', 'account'])
def test_recorded_dialogue(kind, tmp_path):
    client = Client(kind, tmp_path, salt=b'changeme', policies=None)
    ids = {}
    for step in golden_json('replication_rpc/expected.json')['flows'][kind]:
        request, expected = step['request'], step['response']
        device = request['path'].split('/')[1]
        (tmp_path / device).mkdir(exist_ok=True)
        note = step.get('note', '')
        if request.get('json') == ['get_shard_ranges'] or 'unknown' in note:
            # The recorded dialogue goes on with the file of this moment, on another device.
            keep(tmp_path, kind)
        if 'the file was put' in note or 'landed file merged' in note:
            land(tmp_path, kind, device, request['json'][1])
        answer = client(request['method'], request['path'], dict(request['headers']),
                        request.get('body', '').encode())
        assert answer.status == REFUSED.get(note, expected['status']), note
        if note in REFUSED:
            continue
        sent = dict(expected['headers'])
        assert answer.headers['Content-Type'] == sent['Content-Type'], note
        if isinstance(expected.get('json'), dict):
            facts = json.loads(answer.body)
            assert list(facts) == list(expected['json']), note
            for name, value in expected['json'].items():
                if name not in ACCIDENTAL:
                    assert facts[name] == value, (note, name)
            assert ids.setdefault(device, facts['id']) == facts['id']
        elif answer.status != 200:
            assert answer.body.decode() == expected['body'], note
        else:
            assert json.loads(answer.body) == json.loads(expected['body']), note
    client.close()


def land(devices, kind, device, sender):
    """Put the other device's database where an rsync puts it."""
    (devices / device / 'tmp').mkdir(exist_ok=True)
    shutil.copyfile(devices / 'kept', devices / device / 'tmp' / sender)


def keep(devices, kind):
    if not (devices / 'kept').exists():
        shutil.copyfile(next((devices / f'rpc_{kind}').rglob('*.db')), devices / 'kept')


# -- sync --------------------------------------------------------------------------------------

def test_sync_of_a_missing_database_makes_room_for_one(server, tmp_path):
    answer = replicate(server, place_of(server), 'sync', 5, ZERO, 'remote', T[1], T[2], '0', '')
    assert answer.status == 404
    assert (tmp_path / 'sda1' / 'tmp').is_dir()


def test_sync_merges_times_and_tells_the_state_of_before(server):
    broker = made(server, obj('o'))
    answer = replicate(server, broker.place, 'sync', 1, ZERO, 'remote', T[0], T[3], T[2], '')
    facts = json.loads(answer.body)
    assert (facts['put_timestamp'], facts['delete_timestamp'], facts['point']) == (T[1], '0', -1)
    info = broker.info()
    assert (info.created_at, info.put_timestamp, info.delete_timestamp) == (T[0], T[3], T[2])
    assert info.status_changed_at == T[1]


def test_a_deletion_that_comes_by_sync_changes_the_status(server):
    broker = made(server)
    server.clock.advance(100)
    replicate(server, broker.place, 'sync', 1, ZERO, 'remote', T[1], T[1], T[2], '')
    assert broker.info().is_deleted
    assert broker.info().status_changed_at == '1700000100.00000'


@pytest.mark.parametrize('theirs, adopted', [
    ((T[1], T[1], '0', T[0], 0, 1), True),        # was there earlier
    ((T[1], T[1], '0', T[5], 0, 1), False)])
def test_sync_settles_the_policy(server, theirs, adopted):
    broker = made(server, obj('o'))
    created, put_time, delete, changed, count, policy = theirs
    replicate(server, broker.place, 'sync', 1, ZERO, 'remote', created, put_time, delete, '',
              changed, count, policy)
    assert broker.info().storage_policy_index == (policy if adopted else 0)
    assert bool(broker.misplaced_since(-1, 10)) == adopted


def test_a_database_without_its_tables_is_quarantined(server, tmp_path):
    broker = made(server)
    raw(broker, 'DROP TABLE incoming_sync')
    assert replicate(server, broker.place, 'sync', 1, ZERO, 'r', T[1], T[1], '0', '').status == 404
    assert (tmp_path / 'sda1' / 'quarantined' / 'containers' / broker.place.hash).is_dir()


@pytest.mark.parametrize('words', [
    ['sync'], ['sync', 'x', ZERO, 'r', T[1], T[1], '0', ''],
    ['sync', 1, ZERO, 'r', 'never', T[1], '0', ''], ['sync', 1, ZERO, 7, T[1], T[1], '0', ''],
    ['sync', 1, ZERO, 'r', T[1], T[1], '0', '{"a": 1}'],
    ['sync', 1, ZERO, 'r', T[1], T[1], '0', '['],
    ['sync', 1, ZERO, 'r', T[1], T[1], '0', '{"a": ["b", "never"]}'],
    ['merge_items'], ['merge_items', [{'name': 'o'}], 'r'], ['merge_items', [1], 'r'],
    ['merge_items', [{'ROWID': 1, 'name': 'o', 'created_at': 'never', 'size': 1, 'etag': 'e',
                      'content_type': 't', 'deleted': 0}], 'r'],
    ['merge_syncs', [{'remote_id': 'r'}]], ['merge_syncs', [{'remote_id': 'r', 'sync_point': 'x'}]],
    ['complete_rsync'], ['complete_rsync', 'r', '../x.db'], ['merge_shard_ranges', [{}], 'r']])
def test_nonsense_is_refused_and_changes_nothing(server, words):
    broker = made(server, obj('o'))
    before = broker.replication_info(), broker.syncs()
    assert replicate(server, broker.place, *words).status == 400
    assert (broker.replication_info(), broker.syncs()) == before


def test_paths_that_are_none(server):
    for path in ('/sda1/1/' + 'x' * 32, '/sda1/1/abc', '/sda1/x/' + ZERO):
        assert server('REPLICATE', path, {}, b'["sync"]').status == 400
    assert server('REPLICATE', f'/missing/1/{ZERO}', {}, b'["sync"]').status == 507


# -- rows --------------------------------------------------------------------------------------

def row(number, name, created_at=T[2], **values):
    return {'ROWID': number, 'name': name, 'created_at': created_at, 'size': 1, 'etag': 'e',
            'content_type': 't', 'deleted': 0, 'storage_policy_index': 0, **values}


def test_merged_rows_move_the_point_and_merging_again_changes_nothing(server):
    broker = made(server)
    for _ in range(2):
        assert replicate(server, broker.place, 'merge_items', [row(7, 'o')], 'remote').status == 202
        assert raw(broker, 'SELECT ROWID, name FROM object') == [(1, 'o')]
        assert broker.syncs()[0][:2] == ('remote', 7)


# -- files that land ---------------------------------------------------------------------------

def landing(tmp_path, broker, sender=SENDER):
    """Let a copy of a database land."""
    os.makedirs(tmp_path / 'sda1' / 'tmp', exist_ok=True)
    path = tmp_path / 'sda1' / 'tmp' / sender
    shutil.copyfile(broker.path, path)
    return path


def test_a_landed_file_becomes_the_database(server, tmp_path):
    broker = made(server, obj('a'), obj('b'))
    broker.reported(T[1], '0', 2, 2)
    old_id, place = broker.info().id, broker.place
    path = landing(tmp_path, broker)
    broker.close()
    shutil.rmtree(place.directory)
    assert replicate(server, place, 'complete_rsync', SENDER, f'{place.hash}.db').status == 204
    info = broker.info()
    assert info.id != old_id and info.id.endswith('-sda1')
    assert (info.object_count, info.reported_object_count, info.reported_put_timestamp) == (
        2, 0, '0')
    assert broker.syncs()[0][:2] == (SENDER, 2)
    assert not path.exists() and os.listdir(tmp_path / 'sda1' / 'tmp') == []
    assert replicate(server, place, 'complete_rsync', SENDER, f'{place.hash}.db').status == 404


def test_a_landed_file_takes_over_our_rows(server, tmp_path):
    broker = made(server, *(obj(f'theirs{number}') for number in range(5)))
    landing(tmp_path, broker)
    place = broker.place
    broker.close()
    shutil.rmtree(place.directory)
    broker = made(server, obj('ours'), obj('theirs1', T[5], size=9))
    broker.merge_syncs([('third', 33)])
    server('POST', '/sda1/1/AUTH_test/c', {'X-Timestamp': T[6], 'X-Container-Meta-A': 'b'})
    put(broker, obj('pending', T[7]))
    assert replicate(server, place, 'rsync_then_merge', SENDER, f'{place.hash}.db').status == 204
    names = dict(raw(broker, 'SELECT name, size FROM object'))
    info = broker.info()
    assert names['theirs1'] == 9
    assert info.object_count == 7
    assert info.metadata['X-Container-Meta-A'] == ('b', T[6])
    points = {remote: point for remote, point, _ in broker.syncs()}
    # The end of the sender's file, not of the merged one.
    assert points == {SENDER: 5, 'third': 33}
    assert os.listdir(tmp_path / 'sda1' / 'tmp') == []


def landed_apart(server, tmp_path, **theirs):
    """A peer's file has landed, and a database that was made apart from it is here."""
    broker = made(server, *theirs.pop('rows', ()), **theirs)
    landing(tmp_path, broker)
    place = broker.place
    broker.close()
    shutil.rmtree(place.directory)
    return place


def test_times_that_came_meanwhile_survive_the_file_of_a_peer(server, tmp_path):
    place = landed_apart(server, tmp_path, created=T[2])
    broker = made(server, created=T[1])
    assert server('DELETE', '/sda1/1/AUTH_test/c', {'X-Timestamp': T[6]}).status == 204
    assert replicate(server, place, 'rsync_then_merge', SENDER, f'{place.hash}.db').status == 204
    info = broker.info()
    assert (info.put_timestamp, info.delete_timestamp) == (T[2], T[6]), 'the later ones of both'
    assert info.is_deleted


def test_a_peers_file_may_be_the_younger_one(server, tmp_path):
    place = landed_apart(server, tmp_path, created=T[7])
    broker = made(server, created=T[1])
    assert server('DELETE', '/sda1/1/AUTH_test/c', {'X-Timestamp': T[6]}).status == 204
    assert replicate(server, place, 'rsync_then_merge', SENDER, f'{place.hash}.db').status == 204
    assert broker.info().put_timestamp == T[7] and not broker.info().is_deleted


@pytest.mark.parametrize('mine, created', [(True, T[1]), (False, T[5])])
def test_the_policy_that_wins_survives_the_file_of_a_peer(server, tmp_path, mine, created):
    place = landed_apart(server, tmp_path, created=T[3], rows=[obj('theirs')])
    headers = {'X-Timestamp': created, 'X-Backend-Storage-Policy-Index': '1'}
    assert server('PUT', '/sda1/1/AUTH_test/c', headers).status == 201
    assert replicate(server, place, 'rsync_then_merge', SENDER, f'{place.hash}.db').status == 204
    broker = server.app.brokers.get(place)
    assert broker.info().storage_policy_index == int(mine), 'who was first'
    misplaced = [row.name for _number, row in broker.misplaced_since(-1, 9)]
    assert misplaced == ['theirs'] * mine


@pytest.mark.parametrize('words', [
    ('complete_rsync', SENDER), ('rsync_then_merge', SENDER)])
def test_the_database_of_another_name_is_not_taken(server, tmp_path, words):
    other = made(server, container='other')
    landing(tmp_path, other)
    place = place_of(server)
    if words[0] == 'rsync_then_merge':
        made(server)
    assert replicate(server, place, *words).status == 404
    assert (words[0] == 'rsync_then_merge') == os.path.exists(place.default_path)


@pytest.mark.parametrize('sender', ['../../x', '', '.', '..', 'a/b'])
def test_ids_that_lead_elsewhere(server, sender):
    made(server)
    for operation in ('complete_rsync', 'rsync_then_merge'):
        assert replicate(server, place_of(server), operation, sender).status == 404


def test_damage_on_the_way_is_noticed(server, tmp_path):
    broker = made(server, obj('a'))
    landing(tmp_path, broker).write_bytes(b'no database' * 1000)
    assert replicate(server, broker.place, 'rsync_then_merge', SENDER).status == 500
    assert broker.info().object_count == 1


def test_rot_does_not_spread(server, tmp_path):
    broker = made(server)
    broker.merge_records([obj(f'o{number:04}') for number in range(2000)])
    path = landing(tmp_path, broker)
    with open(path, 'r+b') as file:
        file.seek(4096 * 20)
        file.write(b'rot' * 1000)
    assert replicate(server, broker.place, 'rsync_then_merge', SENDER).status == 500
    assert broker.info().object_count == 2000
    assert os.listdir(tmp_path / 'sda1' / 'tmp') == []


def test_the_next_file_of_a_sender_does_not_take_the_place_of_the_first(server, tmp_path,
                                                                        monkeypatch):
    """A sender that lost patience sends again while we merge; nothing of ours may be lost."""
    broker = made(server, obj('theirs'))
    landing(tmp_path, broker)
    place = broker.place
    broker.close()
    shutil.rmtree(place.directory)
    broker = made(server, obj('ours'))
    data = (tmp_path / 'sda1' / 'tmp' / SENDER).read_bytes()
    real, again = type(broker).pour, []

    def pour(self, *args):
        if not again:
            again.append((tmp_path / 'sda1' / 'tmp' / SENDER).write_bytes(data))
            answer = replicate(server, place, 'rsync_then_merge', SENDER)
            again.append(answer.status)
        return real(self, *args)
    monkeypatch.setattr(type(broker), 'pour', pour)
    assert replicate(server, place, 'rsync_then_merge', SENDER).status == 404
    assert again[1] == 204
    assert {name for name, in raw(broker, 'SELECT name FROM object')} == {'ours', 'theirs'}
    assert broker.info().object_count == 2


# -- our own extensions ------------------------------------------------------------------------

def test_extensions_are_told_to_those_who_ask(server):
    place = place_of(server)
    assert 'X-Backend-Replication-Extensions' not in replicate(server, place, 'sync').headers
    answer = replicate(server, place, 'merge_syncs', [],
                       **{'X-Backend-Replication-Extensions': 'x'})
    assert answer.status == 404
    assert answer.headers['X-Backend-Replication-Extensions'] == 'upload sync_many'


def test_an_upload_lands(server, tmp_path):
    broker = made(server, obj('a'))
    place, data = broker.place, open(broker.path, 'rb').read()
    broker.close()
    shutil.rmtree(place.directory)
    answer = server('REPLICATE', f'/sda1/1/{place.hash}', {'X-Backend-Landing-Id': SENDER}, data)
    assert answer.status == 201
    assert os.listdir(tmp_path / 'sda1' / 'tmp') == [SENDER]
    assert replicate(server, place, 'complete_rsync', SENDER).status == 204
    assert server('REPLICATE', f'/sda1/1/{place.hash}', {'X-Backend-Landing-Id': '../x'},
                  data).status == 400


def test_many_syncs_in_one_request(server):
    broker = made(server, obj('a'))
    facts = broker.replication_info()
    good = ['sda1', 1, broker.place.hash, [1, facts['hash'], 'r', T[1], T[1], '0', '']]
    bad = ['sda1', 1, broker.place.hash, ['x']]
    missing = ['sda1', 1, ZERO, [1, ZERO, 'r', T[1], T[1], '0', '']]
    gone = ['sdb9', *good[1:]]
    answer = replicate(server, broker.place, 'sync_many', [good, gone, missing, bad])
    (one, told), (four, _), (two, none), (three, _) = json.loads(answer.body)
    assert (one, two, three, four, none) == (200, 404, 400, 507, None)
    assert told == {**facts, 'point': 1}
    for words in ([good] * 257, 7, [7], [[7, 1, ZERO, []]]):
        assert replicate(server, broker.place, 'sync_many', words).status == 400
