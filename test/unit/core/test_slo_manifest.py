"""Stored manifests: the worked example of the sheet, both forms, and what is no manifest."""
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.segment_plan import DataSegment, ObjectSegment
from swift.core.slo_manifest import (
    BrokenManifest,
    Checked,
    asks_for_manifest,
    load_manifest,
    manifest_headers,
    raw_manifest,
    slo_etag,
    split_slo_etag,
)

A, B = '74b87337454200d4d33f80c4663dc5e5', '65ba841e01d6db7733e90a5b7f9e6f80'
SEGMENT_A = ObjectSegment('/c/a', 4, A, 0, 4)
SEGMENT_B = ObjectSegment('/c/b', 4, B, 0, 4)
DATE = '2026-11-20T21:09:51.000000'


@pytest.mark.parametrize('segments, etag', [
    ([], 'd41d8cd98f00b204e9800998ecf8427e'),
    ([SEGMENT_A, SEGMENT_B], '8c39aab0ee132c93b93f9cf0ed132353'),
    ([ObjectSegment('/c/a', 4, A, 1, 3), SEGMENT_B], 'cd4a398416b4dfa4d02d1e3fa6ec922a'),
    ([SEGMENT_A, DataSegment(b'inline')], '714a0dc0154676cf86e127e0c3670057')])
def test_etag_of_the_worked_example(segments, etag):
    assert slo_etag(segments) == etag


def stored(*segments):
    return json.dumps([Checked(segment, 'text/a', DATE).stored() for segment in segments]).encode()


def test_stored_form():
    assert stored(SEGMENT_A, ObjectSegment('/c/b', 4, B, 1, 3, True), DataSegment(b'inline')) == (
        b'[{"name": "/c/a", "bytes": 4, "hash": "%s", "content_type": "text/a", '
        b'"last_modified": "2026-11-20T21:09:51.000000"}, '
        b'{"name": "/c/b", "bytes": 4, "hash": "%s", "content_type": "text/a", '
        b'"last_modified": "2026-11-20T21:09:51.000000", "range": "1-2", "sub_slo": true}, '
        b'{"data": "aW5saW5l"}]' % (A.encode(), B.encode()))


SEGMENTS = st.one_of(
    st.builds(DataSegment, st.binary(min_size=1, max_size=9)),
    st.tuples(st.text(st.characters(codec='utf-8'), min_size=1), st.integers(0, 9),
              st.integers(0, 9), st.booleans()).map(
        lambda t: ObjectSegment('/c/' + t[0], max(t[1:3]), A, min(t[1:3]), max(t[1:3]), t[3])))


@given(st.lists(SEGMENTS, max_size=5))
def test_what_is_stored_is_read_back(segments):
    manifest = load_manifest(stored(*segments))
    # An empty part of nothing is all of it.
    assert [s for s in manifest.segments if s.length] == [s for s in segments if s.length]
    assert manifest.size == sum(segment.length for segment in segments)
    assert manifest.etag == slo_etag(manifest.segments)


def test_older_manifests_keep_the_size_of_manifests_in_the_type():
    entry = {'name': '/c/m', 'bytes': 99, 'hash': A, 'sub_slo': True, 'last_modified': DATE,
             'content_type': 'video/x;swift_bytes=4'}
    manifest = load_manifest(json.dumps([entry]).encode())
    assert manifest.segments == (ObjectSegment('/c/m', 4, A, 0, 4, True),)
    # Of other segments it says nothing.
    entry['sub_slo'] = False
    assert load_manifest(json.dumps([entry]).encode()).size == 99


@pytest.mark.parametrize('body', [
    b'', b'x', b'{}', b'null', b'[1]', b'["x"]', b'[{}]', b'[{"name": "/c/o"}]',
    b'[{"name": "/c/o", "bytes": "x", "hash": "y"}]', b'[{"name": 1, "bytes": 1, "hash": "y"}]',
    b'[{"name": "/c/o", "bytes": 4, "hash": "y", "range": "2-9"}]',
    b'[{"name": "/c/o", "bytes": 4, "hash": "y", "range": "x"}]',
    b'[{"name": "/c/o", "bytes": 4, "hash": "y", "range": "3-1"}]',
    b'[{"name": "/c/o", "bytes": -4, "hash": "y"}]', b'[{"data": 3}]', b'[{"data": "x"}]',
    b'[' * 100_000, b'\xff'])
def test_what_is_no_manifest(body):
    with pytest.raises(BrokenManifest):
        load_manifest(body)


def test_raw_form_is_what_clients_send():
    body = stored(SEGMENT_A, ObjectSegment('/c/b', 4, B, 1, 3, True), DataSegment(b'inline'))
    assert raw_manifest(body) == (
        b'[{"etag": "%s", "path": "/c/a", "size_bytes": 4}, '
        b'{"etag": "%s", "path": "/c/b", "range": "1-2", "size_bytes": 4}, '
        b'{"data": "aW5saW5l"}]' % (A.encode(), B.encode()))
    with pytest.raises(BrokenManifest):
        raw_manifest(b'{}')


def test_parts():
    manifest = load_manifest(stored(SEGMENT_A, DataSegment(b'inline'), SEGMENT_B))
    assert [manifest.part(n) for n in (1, 2, 3)] == [(0, 4), (4, 10), (10, 14)]


def test_headers():
    body = stored(SEGMENT_A, SEGMENT_B)
    headers = manifest_headers(body, [SEGMENT_A, SEGMENT_B], 'video/x', None)
    own = headers['Etag']
    assert headers == {
        'X-Static-Large-Object': 'True', 'Etag': own, 'Content-Type': 'video/x;swift_bytes=8',
        'X-Object-Sysmeta-Slo-Etag': '8c39aab0ee132c93b93f9cf0ed132353',
        'X-Object-Sysmeta-Slo-Size': '8',
        'x-object-sysmeta-container-update-override-etag':
            f'{own}; slo_etag=8c39aab0ee132c93b93f9cf0ed132353'}
    other = manifest_headers(body, [SEGMENT_A], 'video/x', 'x; s3_etag=y')
    assert other['x-object-sysmeta-container-update-override-etag'].startswith(
        'x; s3_etag=y; slo_etag=')


@pytest.mark.parametrize('value, hash_, shown', [
    ('abc', 'abc', None), ('abc; slo_etag=x', 'abc', '"x"'),
    ('abc; s3_etag=y; slo_etag=x', 'abc; s3_etag=y', '"x"'),
    ('abc; slo_etag=x; s3_etag=y', 'abc; s3_etag=y', '"x"'), ('', '', None)])
def test_etags_in_listings(value, hash_, shown):
    entry = {'hash': value}
    split_slo_etag([entry, {'subdir': 'x'}])
    assert entry.get('slo_etag') == shown and entry['hash'] == hash_


@pytest.mark.parametrize('query, asks', [
    (None, False), ('', False), ('multipart-manifest=get', True), ('multipart-manifest', False),
    ('a=b&multipart-manifest=get&format=raw', True), ('multipart-manifest=put', False),
    ('multipart-manifest=getx', False), ('x=multipart-manifest=get', False),
    ('multipart-manifest=put&multipart-manifest=get', True), ('multipart%2Dmanifest=get', False)])
def test_asking_for_the_manifest(query, asks):
    assert asks_for_manifest(query) is asks
