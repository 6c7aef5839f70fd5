import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.timestamp import (
    MAX_RAW,
    ZERO,
    Timestamp,
    decode_timestamps,
    encode_timestamps,
    last_modified_date_to_timestamp,
    normalize_timestamp,
)
from test.support.golden import golden_json

VALUES = golden_json('hashing/expected.json')
# Read by the original, refused here: no peer writes times like these.
REFUSED_HERE = {'1e9', ' 1 ', '1700000000.12345 ', '-0', '1402464677.04188_ 1', '+5', '\u0661'}

times = st.builds(Timestamp.from_raw, st.integers(0, MAX_RAW),
                  st.sampled_from((0, 0, 1, 0xabc, 16 ** 16 - 1)))


def ids(cases):
    return [repr(case['input']) for case in cases]


@pytest.mark.parametrize('case', VALUES['timestamps'], ids=ids(VALUES['timestamps']))
def test_timestamp_forms_are_those_of_the_original(case):
    if 'error' in case or case['input'] in REFUSED_HERE:
        with pytest.raises(ValueError):
            Timestamp(case['input'])
        return
    t, forms = Timestamp(case['input']), case['forms']
    assert {
        'normal': t.normal, 'internal': t.internal, 'short': t.short, 'isoformat': t.isoformat,
        'raw': t.raw, 'offset': t.offset, 'float': str(float(t)), 'ceil': t.ceil()} == forms


@pytest.mark.parametrize('case', VALUES['timestamp_delta'])
def test_delta_moves_the_time_and_keeps_the_offset(case):
    assert Timestamp(case['input'], delta=case['delta']).internal == case['internal']


@pytest.mark.parametrize('case', VALUES['timestamp_offset'])
def test_offset_argument_is_added(case):
    assert Timestamp(case['input'], case['offset_argument']).internal == case['internal']


@pytest.mark.parametrize('case', VALUES['timestamp_inverse'])
def test_inverse_is_the_mirror_image(case):
    t = Timestamp(case['input'])
    assert (~t).internal == case['inverse_internal']
    assert (~~t).internal == case['twice']


def test_inverse_of_a_time_with_offset_is_refused():
    with pytest.raises(ValueError):
        ~Timestamp('1.00000_1')


def test_order_is_that_of_the_original():
    listed = [Timestamp(text) for text in VALUES['timestamp_order']]
    assert all(a < b and b > a and a <= b and b >= a and a != b
               for a, b in zip(listed, listed[1:], strict=False))


@given(times, times)
def test_order_is_string_order_of_internal_forms(a, b):
    assert (a < b) == (a.internal < b.internal)
    assert (a == b) == (a.internal == b.internal)


@given(times)
def test_every_form_reads_back(t):
    assert Timestamp(t.internal) == Timestamp(t.short) == Timestamp(t) == t
    assert Timestamp(t.normal).raw == Timestamp(float(t)).raw == t.raw
    assert Timestamp.from_isoformat(t.isoformat).raw == t.raw
    assert hash(Timestamp(t.internal)) == hash(t)
    assert pickle.loads(pickle.dumps(t)) == t


@pytest.mark.parametrize('value', [
    'inf', '1_', '1__1', '1_g', '.5', '1.5.5', '\uff11', '1\n', '1_1\n', None, b'1', float('nan'),
    float('inf'), -0.1, 1e10, '1_' + 'f' * 17])
def test_other_values_are_refused(value):
    with pytest.raises(ValueError):
        Timestamp(value)


def test_text_for_clients_names_the_bad_value():
    with pytest.raises(ValueError, match="could not convert string to float: 'x'"):
        Timestamp('x')


def test_timestamp_never_changes():
    t = Timestamp(1)
    with pytest.raises(AttributeError):
        t.raw = 5


def test_comparison_with_other_types_shows_the_mistake():
    assert Timestamp(1) != '0000000001.00000'
    for other in ('1', 1, 1.0, None):
        with pytest.raises(TypeError):
            Timestamp(1) < other  # noqa: B015


def test_zero_is_false_and_others_are_true():
    assert not ZERO and Timestamp('0_1') and Timestamp('0.00001')


def test_conversions():
    t = Timestamp('1402464677.04188_a')
    assert (int(t), float(t), str(t)) == (1402464677, 1402464677.04188, t.internal)
    assert repr(t) == "Timestamp('1402464677.04188_000000000000000a')"
    assert normalize_timestamp('1402464677.04188_a') == '1402464677.04188'
    assert last_modified_date_to_timestamp('2014-06-11T05:31:17').raw == 140246467700000


@pytest.mark.parametrize('case', VALUES['isoformat'])
def test_isoformat(case):
    assert Timestamp(case['timestamp']).isoformat == case['iso']


@pytest.mark.parametrize('case', VALUES['encode_timestamps'])
def test_encode_is_that_of_the_original(case):
    t1, t2, t3 = (case[name] and Timestamp(case[name]) for name in ('t1', 't2', 't3'))
    assert encode_timestamps(t1, t2, t3, case['explicit']) == case['encoded']


@pytest.mark.parametrize('case', VALUES['decode_timestamps'])
def test_decode_is_that_of_the_original(case):
    if 'error' in case:
        with pytest.raises(ValueError):
            decode_timestamps(case['input'], case['explicit'])
        return
    found = decode_timestamps(case['input'], case['explicit'])
    assert [t and t.internal for t in found] == case['result']


@given(st.integers(0, MAX_RAW), st.integers(0, MAX_RAW), st.integers(0, MAX_RAW), st.booleans())
def test_encoded_times_read_back(r1, r2, r3, explicit):
    written = tuple(map(Timestamp.from_raw, (r1, r2, r3)))
    assert decode_timestamps(encode_timestamps(*written, explicit)) == written
