"""Every golden account and container database answers as the original did, byte for byte.

Covers HEAD, listings in all formats, delimiter and marker variants, shard range listings of a
container through all stages of sharding, and the content after pending records were merged.
"""
import base64
import hashlib
import json
import sqlite3
from contextlib import closing

import pytest

from swift.account.backend import AccountBroker
from swift.common.db.broker import Environment
from swift.common.db.files import Place
from swift.container.backend import ContainerBroker
from swift.core.names import quote
from test.support.db_servers import Client
from test.support.golden_databases import cases
from test.support.logs import RecordingLogger

# Accidental, or made anew for each answer.
IGNORED = {'Date'}
FRESH_TIMES = ('timestamp', 'meta_timestamp', 'state_timestamp', 'last_modified')
# The original leaves out names that follow `/` directly (sheet 03 §28.25); ours lists them.
KNOWN_OMISSIONS = {('cont_500', 'format=json&path='): {'-0', '0', '00'}}


def golden(kind=None):
    return [pytest.param(case, id=case.name) for case in cases(kind)]


def broker_of(case, devices):
    broker_class = {'account': AccountBroker, 'container': ContainerBroker}[case['kind']]
    place = Place.of_file(case.install(devices))
    assert place.hash == case['hash']
    return broker_class(place, Environment(RecordingLogger()))


@pytest.mark.parametrize('case', golden())
def test_facts(case, tmp_path):
    broker = broker_of(case, tmp_path)
    info = broker.info()
    for name, value in (case.get('info') or case['info_after_commit']).items():
        assert getattr(info, name) == value, name
    assert {key: list(pair) for key, pair in info.metadata.items()} == case['metadata']
    assert broker.max_row() == case['max_row']
    assert info.is_deleted == case['is_deleted']
    broker.close()


@pytest.mark.parametrize('case', golden('container'))
def test_facts_of_containers(case, tmp_path):
    broker = broker_of(case, tmp_path)
    assert broker.is_empty() == case['empty']
    assert broker.is_root() == case['is_root_container']
    stored = {item.name: item.as_dict() for item in broker.shard_ranges()}
    own = stored.pop(broker.info().path, None)
    assert own == case['own_shard_range']
    assert [stored[item['name']] for item in case['shard_ranges']] == case['shard_ranges']
    broker.close()


@pytest.mark.parametrize('case', [param for param in golden() if 'database_after_commit'
                                  in param.values[0]])
def test_rows_after_the_pending_log_was_merged(case, tmp_path):
    broker = broker_of(case, tmp_path)
    broker.merge_pending()
    expected = case['database_after_commit']['tables']
    with closing(sqlite3.connect(broker.path)) as db:
        for table in ('object', 'container', 'policy_stat', 'sqlite_sequence'):
            if table in expected:
                rows = [list(row) for row in db.execute(f'SELECT * FROM {table}')]
                assert rows == expected[table]['rows']
    broker.close()


@pytest.mark.parametrize('case', golden())
def test_answers(case, tmp_path):
    case.install(tmp_path)
    client = Client(case['kind'], tmp_path, salt=b'changeme')
    path = '/'.join(quote(name) for name in (
        '', case.name, str(case['partition']), case['account'], case['container']) if name)
    head = case.get('head') or case['head_after_commit']
    check(client('HEAD', f'/{path}'), head)
    for listing in case['listings']:
        query = listing['query']
        if listing['status'] == 500:
            continue                 # names that the original cannot count up from (§28.24)
        answer = client('GET', f'/{path}?{query}', dict(listing.get('request_headers', ())))
        if (case.name, query) in KNOWN_OMISSIONS:
            more = {entry['name'] for entry in json.loads(answer.body)} - set(listing['names'])
            assert more == KNOWN_OMISSIONS[case.name, query]
            continue
        check(answer, listing)
    client.close()


# Accidental, or changed by records that the dialogues leave out; without the record of its object
# the first DELETE of cont_deleted could not be refused.
NOT_REPEATED = {'id', 'created_at', 'hash', 'container_count', 'object_count', 'bytes_used'}


@pytest.mark.parametrize('case', [param for param in golden() if param.values[0].get('exchanges')
                                  and not param.id.startswith(('shard_', 'cont_deleted'))])
def test_requests_of_a_case_get_the_same_answers_and_write_the_same_facts(case, tmp_path):
    (tmp_path / case.name).mkdir()
    client = Client(case['kind'], tmp_path, salt=b'changeme')
    for exchange in case['exchanges']:
        request = exchange['request']
        body = request.get('body')
        answer = client(request['method'], request['path'], dict(request['headers']),
                        body.encode() if body else None)
        check(answer, exchange['response'])
    client.close()
    table = {'account': 'account_stat', 'container': 'container_info'}[case['kind']]
    recorded = case['files'].get(f'{case["hash"]}.db', case.get('database_after_commit'))
    columns = [column[0] for column in recorded['tables'][table]['columns']]
    with closing(sqlite3.connect(tmp_path / case['hash_dir'] / f'{case["hash"]}.db')) as db:
        row = dict(zip(columns, db.execute(f'SELECT * FROM {table}').fetchone(), strict=True))
    expected = dict(zip(columns, recorded['tables'][table]['rows'][0], strict=True))
    for name in set(columns) - NOT_REPEATED:
        assert row[name] == expected[name], name


def check(answer, expected):
    assert answer.status == expected['status']
    if 'headers' in expected:
        wanted = {name: value for name, value in expected['headers'] if name not in IGNORED}
        assert answer.headers == wanted
    if 'body' in expected and 'listing' not in expected:
        assert answer.body.decode() == expected['body']
    if 'body_base64' in expected:
        assert answer.body == base64.b64decode(expected['body_base64'])
    if 'listing' in expected:
        check_entries(json.loads(answer.body), expected['listing'])
        if expected['listing'] == json.loads(answer.body) and 'body_md5' in expected:
            assert hashlib.md5(answer.body).hexdigest() == expected['body_md5']
    elif 'body_md5' in expected:
        assert hashlib.md5(answer.body).hexdigest() == expected['body_md5']


def check_entries(entries, expected):
    """Compare entries; those of a default own range were given the time of the request."""
    assert len(entries) == len(expected)
    for entry, wanted in zip(entries, expected, strict=True):
        if entry != wanted and 'lower' in wanted:
            for name in FRESH_TIMES:
                assert entry[name]
                entry = {**entry, name: wanted[name]}
        assert entry == wanted


@pytest.mark.parametrize('case', [param for param in golden('container') if any(
    'redirect' in exchange.get('note', '') for exchange in param.values[0]['exchanges'])])
def test_redirects_to_shards(case, tmp_path):
    case.install(tmp_path)
    client = Client('container', tmp_path, salt=b'changeme')
    for exchange in case['exchanges']:
        request = exchange['request']
        path = request['path'].split('/', 2)[2]
        answer = client(request['method'], f'/{case.name}/{path}', dict(request['headers']))
        check(answer, exchange['response'])
    client.close()
