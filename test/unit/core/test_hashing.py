import itertools

import pytest

from swift.core.hashing import chexor, expirer_container, hash_path, md5, part_of, suffix_of
from test.support.golden import golden_json

VALUES = golden_json('hashing/expected.json')
PREFIX, SUFFIX = (VALUES[name].encode() for name in ('hash_prefix', 'hash_suffix'))


@pytest.mark.parametrize('case', VALUES['paths'])
def test_hash_suffix_and_partitions_are_those_of_the_original(case):
    names = case['account'], case['container'], case['object']
    found = hash_path(PREFIX, SUFFIX, *names)
    raw = hash_path(PREFIX, SUFFIX, *names, raw=True)
    assert (found, raw.hex(), suffix_of(found)) == (case['hash'], case['hash'], case['suffix'])
    for power, part in case['partitions'].items():
        assert part_of(found, int(power)) == part_of(raw, int(power)) == part


def test_names_may_be_bytes_and_absent_ones_empty():
    assert hash_path(b'', b'x', b'a', 'c') == hash_path(b'', b'x', 'a', b'c', '')
    assert hash_path(b'', b'x', 'caf\xe9') == hash_path(b'', b'x', 'caf\xe9'.encode())
    assert hash_path(b'', b'x', '\udcff') == hash_path(b'', b'x', b'\xff')


def test_object_without_container_is_a_bug():
    with pytest.raises(AssertionError):
        hash_path(b'', b'x', 'a', None, 'o')


@pytest.mark.parametrize('rows', VALUES['chexor'])
def test_chexor_is_that_of_the_original(rows):
    value = '0' * 32
    for row in rows:
        value = chexor(value, row['name'], row['timestamp'])
        assert value == row['hash']


def test_chexor_does_not_depend_on_order_and_takes_rows_out():
    rows = [('a', '1'), ('b', '2'), ('\xe9', '3')]
    results = set()
    for order in itertools.permutations(rows):
        value = '0' * 32
        for row in order:
            value = chexor(value, *row)
        results.add(value)
    assert len(results) == 1
    value = results.pop()
    for row in rows:
        value = chexor(value, *row)
    assert value == '0' * 32


def test_chexor_of_no_name_is_a_bug():
    with pytest.raises(AssertionError):
        chexor('0' * 32, None, '1')


@pytest.mark.parametrize('case', VALUES['expirer_container'])
def test_expirer_container_is_that_of_the_original(case):
    path = hash_path(PREFIX, SUFFIX, case['account'], case['container'], case['object'])
    assert expirer_container(path, case['x_delete_at'], case['divisor']) == case['queue_container']


def test_md5_starts_empty_or_with_data():
    assert md5().hexdigest() == 'd41d8cd98f00b204e9800998ecf8427e'
    assert md5(b'hello world').hexdigest() == '5eb63bbbe01eeed093cb22bb8f5acdc3'
