"""Hashes of a partition through REPLICATE: recorded answers, damage, races."""
import base64
import os
import pickle
import shutil

import pytest

from swift.common import fs
from swift.common.codecs.hashes import decode_hashes
from swift.common.metrics import LabeledStatsd
from swift.obj import partition_hashes, suffix_hashes
from swift.obj.partition_hashes import QUIET_S, Rules, get_hashes, state_token
from test.support import golden_objects
from test.support.object_node import Node

RECORDED = next(partition for partition in golden_objects.load('suffix_hashes')['partitions']
                if partition['policy_index'] == 0)
STEPS = RECORDED['steps']
NOW = 1795212036.0
RULES = Rules(NOW, 1000000000)


@pytest.fixture
def node(tmp_path):
    made = Node(tmp_path)
    yield made
    made.close()


@pytest.fixture
def part(tmp_path):
    golden_objects.restore('suffix_hashes', RECORDED['device'], tmp_path)
    made = tmp_path / RECORDED['device'] / 'objects' / str(RECORDED['partition'])
    (made / 'hashes.invalid').write_text(STEPS[0]['hashes_invalid_before'])
    return made


def hashes_of(part, **more):
    return get_hashes(str(part), str(part.parent.parent), RULES, **more)


def test_recorded_answers(node, part):
    path = '/%s/%s' % (RECORDED['device'], part.name)
    answer = node.request('REPLICATE', path)
    assert answer.status == 200 and answer.headers['Content-Type'] == 'text/html; charset=UTF-8'
    assert pickle.loads(answer.body) == STEPS[0]['decoded']
    assert (part / 'hashes.invalid').read_text() == STEPS[0]['hashes_invalid_after']
    kept = decode_hashes((part / 'hashes.pkl').read_bytes())
    recorded = decode_hashes(base64.b64decode(STEPS[0]['hashes_pkl_after']['base64']))
    assert {**kept, 'updated': 0} == {**recorded, 'updated': 0}

    answer = node.request('REPLICATE', path + '/1f4-abc')
    assert answer.body == base64.b64decode(STEPS[1]['response_base64'])
    assert (part / 'hashes.invalid').read_text() == STEPS[1]['hashes_invalid_after']
    suffix_hashes.consolidate(str(part), NOW)
    kept = decode_hashes((part / 'hashes.pkl').read_bytes())
    recorded = decode_hashes(base64.b64decode(STEPS[2]['hashes_pkl_after']['base64']))
    assert {**kept, 'updated': 0} == {**recorded, 'updated': 0}
    assert pickle.loads(node.request('REPLICATE', path).body) == STEPS[3]['decoded']

    (part / 'hashes.pkl').write_bytes(b'garbage')
    assert pickle.loads(node.request('REPLICATE', path).body) == STEPS[4]['decoded']
    assert decode_hashes((part / 'hashes.pkl').read_bytes())['valid']

    assert node.request('REPLICATE', '/hashes_repl/99').body == b'\x80\x02}q\x00.'
    assert not (part.parent / '99').exists()


def test_marking_makes_the_partition_and_ignores_what_is_no_suffix(node, tmp_path):
    (tmp_path / 'sda').mkdir()
    assert node.request('REPLICATE', '/sda/5/abc-xyz-../..-def').body == b'\x80\x02N.'
    assert (tmp_path / 'sda/objects/5/hashes.invalid').read_text() == 'abc\ndef\n'
    assert node.request('REPLICATE', '/sda/6/zzz').status == 200
    assert not (tmp_path / 'sda/objects/6').exists()


def test_labels_of_the_timing(node, tmp_path):
    (tmp_path / 'sda').mkdir()
    sent = []
    node.app.labeled = LabeledStatsd(lambda line: sent.append(line.decode()), 'dogstatsd')
    node.request('REPLICATE', '/sda/5')
    node.request('REPLICATE', '/sda/5/abc')
    assert ['skip_rehash:False' in line for line in sent] == [True, False]
    assert 'skip_rehash:True' in sent[1] and 'account' not in sent[1]


@pytest.mark.parametrize('path, policy, status', [
    ('/sdx/5', '0', 507), ('/sda', '0', 400), ('/sda/..', '0', 400), ('/sda/5', '7', 503)])
def test_refusals(node, tmp_path, path, policy, status):
    (tmp_path / 'sda').mkdir()
    assert node.request('REPLICATE', path,
                        {'X-Backend-Storage-Policy-Index': policy}).status == status


def test_a_listing_finds_what_nobody_announced(part):
    hashes = hashes_of(part).hashes
    (part / 'abc' / ('0' * 29 + 'abc')).mkdir(parents=True)
    (part / 'abc' / ('0' * 29 + 'abc') / '1700000000.00000.data').touch()
    (part / 'xyz').mkdir()
    assert hashes_of(part).hashes == hashes
    found = hashes_of(part, do_listing=True).hashes
    assert set(found) == {*hashes, 'abc'}
    assert hashes_of(part).hashes == found


def test_recalculation_is_for_the_suffixes_named(part):
    first = hashes_of(part)
    assert first.computed == len(first.hashes)
    again = hashes_of(part, recalculate=['fcf', 'nonsense'])
    assert again.computed == 1 and again.hashes == first.hashes
    assert hashes_of(part).computed == 0


def test_a_tombstone_past_its_age_takes_its_suffix_along(part):
    before = hashes_of(part).hashes
    late = Rules(NOW, 3600)
    suffixes = list(before)
    after = get_hashes(str(part), str(part.parent.parent), late, suffixes).hashes
    assert set(after) < set(before)
    for suffix in set(before) - set(after):
        assert not (part / suffix).exists()


def test_what_should_be_a_hash_directory_is_quarantined(part):
    before = hashes_of(part).hashes
    (part / 'fcf' / ('0' * 29 + 'fcf')).write_text('a file')
    assert hashes_of(part, recalculate=['fcf']).hashes == before
    assert (part.parent.parent / 'quarantined/objects' / ('0' * 29 + 'fcf')).exists()


def test_a_file_in_place_of_a_suffix_is_no_suffix(part):
    before = hashes_of(part).hashes
    (part / 'abc').write_text('a file')
    assert hashes_of(part, do_listing=True).hashes == before


def test_a_suffix_that_cannot_be_read_stays_unknown(part, monkeypatch):
    before = hashes_of(part).hashes

    def fail(path, *args):
        if path.endswith('fcf'):
            raise OSError(5, 'Input/output error')
        return real(path, *args)
    real = partition_hashes.suffix_hash
    monkeypatch.setattr(partition_hashes, 'suffix_hash', fail)
    hashes = hashes_of(part, recalculate=['fcf']).hashes
    assert hashes == {**before, 'fcf': None}
    monkeypatch.undo()
    assert hashes_of(part).hashes == before


def test_a_write_during_the_computation_is_not_lost(part, monkeypatch):
    real, seen = partition_hashes.suffix_hash, []

    def meanwhile(path, *args):
        digest = real(path, *args)
        if not seen:
            seen.append(path)
            suffix = os.path.basename(path)
            hash_ = '0' * 29 + suffix
            os.mkdir(os.path.join(path, hash_))
            with open(os.path.join(path, hash_, '1700000009.00000.data'), 'wb'):
                pass
            suffix_hashes.mark_suffix_dirty(str(part), suffix, str(part.parent.parent))
            # Another process consolidates before we get to write what we computed.
            suffix_hashes.consolidate(str(part), NOW)
        return digest
    monkeypatch.setattr(partition_hashes, 'suffix_hash', meanwhile)
    hashes = hashes_of(part).hashes
    monkeypatch.undo()
    assert hashes == hashes_of(part, recalculate=list(hashes)).hashes


def test_a_mark_during_the_computation_is_not_lost(part, monkeypatch):
    real, seen = partition_hashes.suffix_hash, []

    def meanwhile(path, *args):
        digest = real(path, *args)
        if not seen:
            seen.append(os.path.basename(path))
            suffix_hashes.mark_suffix_dirty(str(part), seen[0], str(part.parent.parent))
            hash_path = os.path.join(path, '0' * 29 + seen[0])
            os.mkdir(hash_path)
            with open(os.path.join(hash_path, '1700000009.00000.data'), 'wb'):
                pass
        return digest
    monkeypatch.setattr(partition_hashes, 'suffix_hash', meanwhile)
    hashes = hashes_of(part).hashes
    monkeypatch.undo()
    assert hashes == hashes_of(part, recalculate=list(hashes)).hashes
    assert (part / 'hashes.invalid').read_text() == ''


@pytest.mark.parametrize('dirty, writes', [
    (0, 0), (1, 1), (partition_hashes._FEW, 1), (partition_hashes._FEW + 1, 2)])
def test_a_few_dirty_suffixes_cost_one_durable_write(part, dirty, writes):
    hashes = hashes_of(part).hashes
    suffixes = [*hashes, *('%03x' % number for number in range(4096))][:dirty]
    if suffixes:
        suffix_hashes.mark_suffixes_dirty(str(part), suffixes, str(part.parent.parent))
    steps = []
    fs.set_step_hook(steps.append)
    try:
        assert hashes_of(part).hashes == hashes
    finally:
        fs.set_step_hook(None)
    assert steps.count('rename') == writes
    assert (part / 'hashes.invalid').read_text() == ''


def test_a_list_too_long_to_be_looked_at_is_not_taken_for_none(part, monkeypatch):
    hashes_of(part)
    monkeypatch.setattr(suffix_hashes, '_LOOK_BYTES_MAX', 3)
    suffix_hashes.mark_suffix_dirty(str(part), 'fcf', str(part.parent.parent))
    assert hashes_of(part).computed == 1


def test_a_partition_that_goes_away_meanwhile(part, monkeypatch):
    def gone(path, *args):
        shutil.rmtree(part, ignore_errors=True)
        return
    monkeypatch.setattr(partition_hashes, 'suffix_hash', gone)
    assert hashes_of(part).hashes == {}
    assert not part.exists()


def test_tokens_change_with_every_mark_and_count_only_when_settled(part):
    path = part / 'hashes.invalid'
    changed = path.stat().st_mtime
    assert state_token(str(part), changed + QUIET_S) is None
    token = state_token(str(part), changed + QUIET_S + 1)
    assert token and state_token(str(part), changed + 100) == token
    suffix_hashes.mark_suffix_dirty(str(part), 'abc', str(part.parent.parent))
    marked = state_token(str(part), changed + 10 ** 9)
    assert marked != token
    suffix_hashes.consolidate(str(part), NOW)
    assert state_token(str(part), changed + 10 ** 9) not in (token, marked)
    path.unlink()
    assert state_token(str(part), changed + 10 ** 9) is None
    assert state_token(str(part / 'nowhere'), NOW) is None
