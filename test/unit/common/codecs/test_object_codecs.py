"""Metadata, suffix hashes and pending updates: recorded bytes in, the same bytes out."""
import base64
import pickle

import pytest

from swift.common.codecs.async_update import PendingUpdate, decode_update, encode_update
from swift.common.codecs.hashes import (
    decode_hashes,
    decode_invalid,
    decode_peer_hashes,
    encode_hashes,
    encode_invalid,
)
from swift.common.codecs.metadata import decode_metadata, encode_metadata
from swift.common.codecs.unpickle import HEADER_GLOBALS, BadPickle, loads
from test.support import golden_objects

PENDING = golden_objects.load('async_pending')['entries']
FILES = [(case['case'], case['hash_dir'] + '/' + name, expected)
         for case in golden_objects.load('objects')['cases']
         for name, expected in case['files'].items()
         if 'decoded' in expected and case['case'] != 'huge_meta']
HASH_STEPS = [step for partition in golden_objects.load('suffix_hashes')['partitions']
              for step in partition['steps']]


@pytest.mark.parametrize('path,expected', [pytest.param(p, e, id=c + p[-30:]) for c, p, e in FILES])
def test_recorded_metadata_is_read_and_written_alike(path, expected):
    blob = golden_objects.blob('objects', path)
    metadata = decode_metadata(blob)
    assert metadata == expected['decoded']
    if 'py2' not in path:
        assert encode_metadata(metadata) == blob


def test_metadata_keeps_bytes_that_are_no_utf8():
    metadata = {'X-Object-Meta-A': '\xff\xfe', 'name': '/a/c/\udcff'}
    assert decode_metadata(encode_metadata(metadata)) == metadata


@pytest.mark.parametrize('blob', [
    b'', b'garbage', pickle.dumps([1], 2), pickle.dumps({b'a': 1}, 2), pickle.dumps({1: b'a'}, 2),
    b'\x80\x02cos\nsystem\nq\x00X\x02\x00\x00\x00lsq\x01\x85q\x02Rq\x03.',
    b'\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x06\x00\x00\x00rot13q\x86R.',
    b'\x80\x02}q\x00r\xff\xff\xff\x7f.'])
def test_damaged_metadata_is_one_kind_of_error(blob):
    with pytest.raises(BadPickle):
        decode_metadata(blob)


def test_a_pickle_calls_only_what_is_admitted():
    evil = pickle.dumps(golden_objects.load, 2)
    with pytest.raises(BadPickle, match='golden_objects'):
        loads(evil, HEADER_GLOBALS)
    with pytest.raises(BadPickle):
        loads(b'ccopy_reg\n_reconstructor\n(c__builtin__\ndict\nc__builtin__\ndict\n(dtR.',
              HEADER_GLOBALS)
    with pytest.raises(BadPickle):
        loads(b'c__builtin__\nbytes\n(I9\ntR.', HEADER_GLOBALS)


@pytest.mark.parametrize('entry', PENDING, ids=lambda entry: entry['file'][-60:])
def test_recorded_pending_updates_are_read_and_written_alike(entry):
    content = base64.b64decode(entry['base64'])
    update = decode_update(content)
    decoded = entry['decoded']
    assert (update.op, update.account, update.container, update.obj) == tuple(
        decoded[key] for key in ('op', 'account', 'container', 'obj'))
    assert update.headers == decoded['headers']
    assert update.container_path == decoded.get('container_path')
    assert update.successes == decoded.get('successes', [])
    assert encode_update(update) == content


def test_pending_update_round_trip_with_odd_characters():
    update = PendingUpdate('PUT', 'a', 'c\\\n\r', 'o\x1a\x00\U0001f600', {'X-Etag': 'é\\u0041'},
                           'sharded', '.shards_a/c', [3, 70000], ['.shards_a/b'])
    assert decode_update(encode_update(update)) == update
    assert pickle.loads(encode_update(PendingUpdate('PUT', 'a', 'c', 'o', {})).replace(
        b'swift.common.header_key_dict\nHeaderKeyDict', b'collections\nOrderedDict'))


@pytest.mark.parametrize('content', [
    pickle.dumps({'op': 'PUT'}, 0), pickle.dumps([], 0), b'', pickle.dumps(
        {'op': 'PUT', 'account': '', 'container': 'c', 'obj': 'o', 'headers': {}}, 0),
    pickle.dumps({'op': 'PUT', 'account': 'a', 'container': 'c', 'obj': 'o', 'headers': 5}, 0)])
def test_incomplete_pending_updates_are_damage(content):
    with pytest.raises(BadPickle):
        decode_update(content)


def test_header_names_of_pending_updates_are_title_cased():
    content = pickle.dumps({'op': 'PUT', 'account': 'a', 'container': 'c', 'obj': 'o',
                            'headers': {'x-size': 1}}, 2)
    assert decode_update(content).headers == {'X-Size': '1'}


@pytest.mark.parametrize('step', HASH_STEPS, ids=lambda step: step['step'][:50])
def test_recorded_hashes_are_read_and_written_alike(step):
    if 'response_base64' in step:
        answer = base64.b64decode(step['response_base64'])
        assert encode_hashes(decode_peer_hashes(answer)) == answer
    if 'hashes_pkl_after' in step:
        content = base64.b64decode(step['hashes_pkl_after']['base64'])
        assert encode_hashes(decode_hashes(content)) == content


@pytest.mark.parametrize('content', [b'garbage', b'', pickle.dumps([], 2),
                                     pickle.dumps({'xyz': None}, 2), pickle.dumps({'ab': 'c'}, 2)])
def test_unreadable_hashes_are_invalid_not_an_error(content):
    assert decode_hashes(content) == {'valid': False}


def test_hashes_of_old_releases_are_valid():
    assert decode_hashes(pickle.dumps({'abc': 'd'}, 2)) == {
        'abc': 'd', 'valid': True, 'updated': -1}


def test_dirty_suffixes():
    assert encode_invalid('0af') == b'0af\n'
    assert decode_invalid(b'abc\n0af\nabc\nxyz\n12') == ['abc', '0af']
