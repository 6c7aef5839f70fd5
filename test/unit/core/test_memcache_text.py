"""The text protocol: values, commands, replies cut anywhere."""
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core import memcache_text as text
from test.support.golden import golden_json

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2**53, 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner,
                                                                max_size=3), max_leaves=8)


@pytest.mark.parametrize('entry', [
    entry for entry in golden_json('hashing/expected.json')['memcache_entries']
    if entry['stored']], ids=lambda entry: entry['what'])
def test_stored_values_are_read_and_written_as_by_the_original(entry):
    stored = entry['stored']
    value = text.decode_value(stored['flags'], stored['value'].encode())
    assert value == json.loads(stored['value'])
    assert text.encode_value(value) == (stored['flags'], stored['value'].encode())


@given(JSON_VALUES)
def test_values_survive(value):
    assert text.decode_value(*text.encode_value(value)) == value


def test_odd_json_of_the_standard_library_is_read():
    assert text.decode_value(2, b'"\\udc80"') == '\udc80'
    assert text.decode_value(*text.encode_value('\udc80')) == '\udc80'


@pytest.mark.parametrize('flags, data, value', [
    (0, b'42', b'42'), (1, b'pickle', None), (3, b'{}', None), (2, b'{broken', None),
    (2, b'\xff', None)])
def test_decode_value_of_other_kinds(flags, data, value):
    assert text.decode_value(flags, data) == value


def test_raw_values():
    assert text.encode_value(b'\xff', serialize=False) == (0, b'\xff')
    assert text.encode_value('é', serialize=False) == (0, 'é'.encode())
    assert text.encode_value(7, serialize=False) == (0, b'7')
    assert text.encode_value(b'a') == (2, b'"a"')


@pytest.mark.parametrize('time, sent', [
    (0, 0), (1.9, 1), (2592000, 2592000), (2592001, 2592001 + 1700000000)])
def test_expiry(time, sent):
    assert text.expiry(time, 1700000000.7) == sent


def test_commands():
    assert text.encode_get(['a', 'b']) == b'get a b\r\n'
    assert text.encode_store(b'set', 'a', 2, 60, b'"x"') == b'set a 2 60 3\r\n"x"\r\n'
    assert text.encode_delete('a') == b'delete a\r\n'
    assert text.encode_delta(b'incr', 'a', 5) == b'incr a 5\r\n'


REPLY = b'VALUE a 2 5\r\n"\r\nE"\r\nVALUE b 0 0\r\n\r\nVALUE c 2 3 9\r\nEND\r\nEND\r\n'
VALUES = {'a': (2, b'"\r\nE"'), 'b': (0, b''), 'c': (2, b'END')}


@pytest.mark.parametrize('cut', range(len(REPLY) + 1))
def test_get_reply_in_two_pieces(cut):
    reply = text.GetReply()
    done = [reply.feed(piece) for piece in (REPLY[:cut], REPLY[cut:]) if piece]
    assert done[-1] and not any(done[:-1])
    assert reply.values == VALUES


def test_get_reply_byte_by_byte():
    reply = text.GetReply()
    assert [reply.feed(REPLY[n:n + 1]) for n in range(len(REPLY))].index(True) == len(REPLY) - 1
    assert reply.values == VALUES


def test_get_reply_says_how_much_is_missing():
    reply = text.GetReply()
    reply.feed(b'VALUE a 2 1000\r\n123')
    assert reply.missing_bytes >= 997
    empty = text.GetReply()
    empty.feed(b'VAL')
    assert empty.missing_bytes == 0


@pytest.mark.parametrize('data', [
    b'END\r\nx', b'ERROR\r\n', b'VALUE a b c\r\n', b'VALUE a 0\r\n', b'VALUE a 0 -1\r\n',
    b'VALUE \xff 0 1\r\n', b'VALUE a 0 99999999999\r\n', b'SERVER_ERROR out of memory\r\n',
    b'x' * 5000])
def test_get_reply_refuses_noise(data):
    with pytest.raises(text.ProtocolError):
        text.GetReply().feed(data)


@pytest.mark.parametrize('data', [
    b'VALUE a 2 2\r\n{}\r\nEND\r\n', b'VALUE a 2 1\r\n{\r\nVALUE b 0 1\r\nx\r\nEND\r\n',
    b'END\r\n'])
def test_get_reply_says_the_same_with_an_earlier_one(data):
    earlier = text.GetReply()
    assert earlier.feed(data)
    for parts in ([data], [data[:5], data[5:]]):
        reply = text.GetReply(earlier)
        assert [reply.feed(part) for part in parts][-1]
        assert reply.complete
        assert reply.values == earlier.values
        assert reply.decoded() == earlier.decoded()
        assert reply.size == len(data)


def test_get_reply_of_other_bytes_than_before_is_read():
    earlier = text.GetReply()
    assert earlier.feed(b'VALUE a 2 1\r\n1\r\nEND\r\n')
    reply = text.GetReply(earlier)
    assert reply.feed(b'VALUE a 2 1\r\n2\r\nEND\r\n')
    assert reply.decoded() == {'a': 2}


def test_line_replies():
    replies = text.LineReplies(2)
    assert not replies.feed(b'STORED\r')
    assert not replies.feed(b'\nNOT_ST')
    assert replies.feed(b'ORED\r\n')
    assert replies.lines == [b'STORED', b'NOT_STORED']


@pytest.mark.parametrize('data', [b'a\r\nb\r\n', b'a\r\nb', b'x' * 5000])
def test_line_replies_refuse_noise(data):
    with pytest.raises(text.ProtocolError):
        text.LineReplies(1).feed(data)
