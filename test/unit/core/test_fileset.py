"""Which files win: recorded verdicts, every small directory, and the law of early unlinking."""
import json
from itertools import chain, combinations, permutations
from pathlib import Path

import pytest

from swift.core import fileset
from swift.core.timestamp import Timestamp

GOLDEN = json.loads((Path(__file__).parents[2] / 'golden/objects/file_choice.json').read_text())
# Three moments, and every kind of file at each; a .meta also with an older content type.
TIMES = [Timestamp(1700000000 + second) for second in (1, 2, 3)]
NAMES = [name for time in TIMES for name in (
    time.internal + '.data', time.internal + '.ts', time.internal + '.meta',
    time.internal + '+0.meta')] + [TIMES[2].internal + '-30d40.meta']


def directories(most):
    return chain.from_iterable(combinations(NAMES, count) for count in range(most + 1))


def view(verdict):
    """What a reader of the directory sees."""
    def name(file):
        return file.name if file else None
    return (name(verdict.data), name(verdict.meta), name(verdict.ctype), name(verdict.tombstone))


@pytest.mark.parametrize('entry', GOLDEN['replication'],
                         ids=lambda entry: ' '.join(entry['names']) or 'empty')
def test_recorded_directories_are_judged_alike(entry):
    verdict, expected = fileset.judge(reversed(entry['names'])), entry['result']
    assert view(verdict) == (expected['data_file'], expected['meta_file'], expected['ctype_file'],
                             expected['ts_file'])
    assert sorted(verdict.obsolete) == sorted(set(expected['obsolete']))
    assert sorted(file.name for file in verdict.reclaimable) == sorted(
        expected['possible_reclaim'])
    assert sorted(verdict.unexpected) == sorted(expected['unexpected'])


@pytest.mark.parametrize('entry', GOLDEN['parse_replication'], ids=lambda entry: entry['name'])
def test_recorded_names_are_parsed_alike(entry):
    if 'error' in entry:
        with pytest.raises(ValueError):
            fileset.parse_name(entry['name'])
        return
    parsed = fileset.parse_name(entry['name'])
    assert (parsed.time.internal, parsed.ext) == (entry['timestamp'], entry['ext'])
    assert (parsed.ctype_time and parsed.ctype_time.internal) == entry['ctype_timestamp']


@pytest.mark.parametrize('entry', GOLDEN['make_name'], ids=str)
def test_recorded_names_are_made_alike(entry):
    time = Timestamp(entry['timestamp'])
    if 'meta_name' in entry:
        ctype = entry['ctype_timestamp']
        assert fileset.meta_name(time, ctype and Timestamp(ctype)) == entry['meta_name']
    else:
        assert fileset.data_name(time) == entry['data_name']
        assert fileset.tombstone_name(time) == entry['ts_name']


def test_order_of_names_does_not_matter():
    for names in directories(3):
        views = {view(fileset.judge(order)) for order in permutations(names)}
        assert len(views) == 1, names


def test_every_file_is_either_needed_obsolete_or_a_stray():
    for names in directories(4):
        verdict = fileset.judge(names)
        needed = {name for name in view(verdict) if name}
        strays = {file.name for file in verdict.reclaimable}
        assert needed.isdisjoint(verdict.obsolete), names
        assert needed | set(verdict.obsolete) | strays == set(names), names
        assert len(set(verdict.obsolete)) == len(verdict.obsolete), names


def test_a_reader_sees_the_newest_of_data_and_tombstone():
    for names in directories(4):
        verdict = fileset.judge(names)
        ends = {name[:16]: name for name in sorted(names) if not name.endswith('.meta')}
        if not ends:
            assert view(verdict) == (None,) * 4
            continue
        # At the same time a tombstone beats a body (".ts" sorts after ".data").
        newest = ends[max(ends)]
        seen = verdict.data or verdict.tombstone
        assert seen.name == newest, names


def test_early_unlinking_never_changes_a_later_verdict():
    for names in directories(3):
        obsolete = fileset.judge(names).obsolete
        if not obsolete:
            continue
        left = set(names).difference(obsolete)
        for new in chain(((),), combinations(NAMES, 1), combinations(NAMES, 2)):
            later = fileset.judge(set(names).union(new))
            assert view(fileset.judge(left.union(new))) == view(later), (names, new)


def test_tombstones_and_strays_go_when_they_are_old():
    now = float(TIMES[2]) + 100
    verdict = fileset.judge([TIMES[0].internal + '.ts', TIMES[1].internal + '.meta'])
    assert fileset.disposable(verdict, now, 200) == []
    assert fileset.disposable(verdict, now, 101.5) == [TIMES[0].internal + '.ts']
    assert len(fileset.disposable(verdict, now, 50)) == 2


def test_a_current_object_is_never_disposable():
    verdict = fileset.judge([TIMES[0].internal + '.data', TIMES[1].internal + '.meta'])
    assert fileset.disposable(verdict, float(TIMES[2]) + 10 ** 9, 0) == []


def test_hash_inputs_of_an_object_with_a_later_content_type():
    verdict = fileset.judge(['1700000000.12345.data', '1700000200.00000-e4e1c0.meta'])
    assert fileset.hash_inputs(verdict) == [
        '1700000200.00000.meta', '1700000000.12345.data', '1700000050.00000_ctype']


def test_strays_give_no_hash_inputs():
    assert fileset.hash_inputs(fileset.judge([TIMES[0].internal + '.meta'])) == []


def test_time_of_the_last_change():
    assert fileset.judge([NAMES[0], NAMES[6]]).time == TIMES[1]
    assert fileset.judge([NAMES[1]]).time == TIMES[0]
    assert fileset.EMPTY.time is None
