"""Dirty suffixes, hashes.pkl and suffix hashes, against recorded partitions."""

import pytest

from swift.common import fs
from swift.common.codecs.hashes import VALID, encode_hashes
from swift.common.locks import file_lock
from swift.obj import suffix_hashes
from test.support import golden_objects

NOW, RECLAIM = 1795212036.0, 1000000000
REPLICATED = next(partition for partition in golden_objects.load('suffix_hashes')['partitions']
                  if partition['policy_index'] == 0)


@pytest.fixture
def part(tmp_path):
    golden_objects.restore('suffix_hashes', REPLICATED['device'], tmp_path)
    return tmp_path / REPLICATED['device'] / 'objects' / str(REPLICATED['partition'])


def test_recorded_suffixes_hash_alike(part):
    expected = REPLICATED['steps'][0]['decoded']
    got = {path.name: suffix_hashes.suffix_hash(str(path), NOW, RECLAIM)
           for path in part.iterdir() if path.is_dir()}
    assert got == expected


def test_consolidation_moves_dirty_suffixes_into_the_cache(part):
    suffix_hashes.write_hashes(str(part), {'fcf': 'x', 'abc': 'y'}, NOW)
    (part / 'hashes.invalid').write_text('fcf\n123\nfcf\n')
    hashes = suffix_hashes.consolidate(str(part), NOW + 1)
    assert hashes == {'fcf': None, 'abc': 'y', '123': None, 'valid': True, 'updated': NOW + 1}
    assert suffix_hashes.read_hashes(str(part)) == hashes
    assert (part / 'hashes.invalid').read_text() == ''


def test_consolidation_without_news_writes_nothing(part):
    suffix_hashes.write_hashes(str(part), {'fcf': 'x'}, NOW)
    (part / 'hashes.invalid').write_text('')
    before = (part / 'hashes.pkl').stat().st_mtime_ns
    assert suffix_hashes.consolidate(str(part), NOW + 5)['fcf'] == 'x'
    assert (part / 'hashes.pkl').stat().st_mtime_ns == before


def test_every_consolidation_with_news_makes_another_file(part):
    # Whoever is computing one of the suffixes meanwhile tells by that.
    for time in (NOW, NOW, NOW - 5):
        before = suffix_hashes.read_hashes(str(part))
        (part / 'hashes.invalid').write_text('fcf\n')
        assert suffix_hashes.consolidate(str(part), time)['fcf'] is None
        after = suffix_hashes.read_hashes(str(part))
        assert after != before
    for updated in ('soon', float('inf'), None):
        (part / 'hashes.pkl').write_bytes(encode_hashes({'valid': True, 'updated': updated}))
        (part / 'hashes.invalid').write_text('fcf\n')
        assert suffix_hashes.consolidate(str(part), NOW)['updated'] == NOW


def test_damaged_hashes_are_not_valid(part):
    (part / 'hashes.pkl').write_bytes(b'garbage')
    assert suffix_hashes.read_hashes(str(part)) == {VALID: False}
    (part / 'hashes.pkl').unlink(missing_ok=True)
    assert not suffix_hashes.read_hashes(str(part))[VALID]


def test_a_partition_that_is_not_there(tmp_path):
    assert suffix_hashes.consolidate(str(tmp_path / 'none'), NOW) is None


def test_marking_dirty_makes_the_partition_and_waits_for_consolidation(tmp_path):
    part = str(tmp_path / 'objects/7')
    suffix_hashes.mark_suffix_dirty(part, 'abc', str(tmp_path))
    suffix_hashes.mark_suffix_dirty(part, 'abc', str(tmp_path))
    with open(part + '/hashes.invalid') as file:
        assert file.read() == 'abc\nabc\n'
    with file_lock(part + '/.lock', 0, shared=True):
        # Other writers do not get in the way.
        suffix_hashes.mark_suffix_dirty(part, 'def', str(tmp_path))


def test_a_crash_during_consolidation_loses_no_dirty_suffix(part):
    class Crash(BaseException):
        pass

    suffix_hashes.write_hashes(str(part), {'fcf': 'x'}, NOW)
    for point in range(1, 10):
        (part / 'hashes.invalid').write_text('fcf\n')
        steps = []

        def hook(name, steps=steps, point=point):
            steps.append(name)
            if len(steps) == point:
                raise Crash
        fs.set_step_hook(hook)
        try:
            suffix_hashes.consolidate(str(part), NOW)
        except Crash:
            pass
        finally:
            fs.set_step_hook(None)
        known = suffix_hashes.read_hashes(str(part))
        dirty = (part / 'hashes.invalid').read_text()
        assert known['fcf'] is None or 'fcf' in dirty, steps
        if len(steps) < point:
            break
        suffix_hashes.write_hashes(str(part), {'fcf': 'x'}, NOW)


def test_an_empty_suffix_directory_disappears(tmp_path):
    (tmp_path / 'abc/hash').mkdir(parents=True)
    assert suffix_hashes.suffix_hash(str(tmp_path / 'abc'), NOW, RECLAIM) is None
    assert not (tmp_path / 'abc').exists()


def test_a_suffix_of_strays_hashes_to_nothing(tmp_path):
    stray = tmp_path / 'abc/hash'
    stray.mkdir(parents=True)
    (stray / '1795212000.00000.meta').touch()
    assert suffix_hashes.suffix_hash(str(tmp_path / 'abc'), NOW, 1000) == (
        'd41d8cd98f00b204e9800998ecf8427e')


def test_old_tombstones_leave_with_their_suffix(tmp_path):
    old = tmp_path / 'abc/hash'
    old.mkdir(parents=True)
    (old / '1700000000.00000.ts').touch()
    assert suffix_hashes.suffix_hash(str(tmp_path / 'abc'), NOW, 1000) is None
    assert not (tmp_path / 'abc').exists()


