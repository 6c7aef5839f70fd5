"""Merging metadata of the files of an object, and what a POST writes."""
import pytest

from swift.core.object_meta import (
    PostRequest,
    ctype_for_listing,
    is_put_meta,
    is_stored_meta,
    kept_headers,
    merge,
    plan_post,
)
from swift.core.timestamp import Timestamp

DATA = {'X-Timestamp': '1700000010.00000', 'Content-Type': 'text/plain', 'Content-Length': '5',
        'ETag': 'e', 'X-Object-Meta-Old': '1', 'X-Object-Sysmeta-S': 's',
        'X-Object-Transient-Sysmeta-T': 't', 'X-Delete-At': '1800000000',
        'X-Static-Large-Object': 'True', 'Content-Encoding': 'gzip', 'name': '/a/c/o'}
META = {'X-Timestamp': '1700000020.00000', 'X-Object-Meta-New': '2',
        'X-Object-Sysmeta-Ignored': 'x', 'name': '/a/c/o'}


def meta(second, ctype=None, ctype_second=None, **more):
    content = {'X-Timestamp': '17000000%02d.00000' % second, 'name': '/a/c/o', **more}
    if ctype:
        content['Content-Type'] = ctype
        content['Content-Type-Timestamp'] = '17000000%02d.00000' % (ctype_second or second)
    return content


def post(second, ctype=None, ctype_second=None, **headers):
    ctype_time = ctype and Timestamp(1700000000 + (ctype_second or second))
    return PostRequest(Timestamp(1700000000 + second), headers, ctype, ctype_time)


def test_without_meta_the_data_speaks():
    state = merge(DATA)
    assert state.metadata == DATA
    assert state.time == state.data_time == state.ctype_time == Timestamp('1700000010.00000')
    assert (state.size, state.etag, state.delete_at) == (5, 'e', 1800000000)


def test_a_meta_replaces_all_but_body_facts_and_system_metadata():
    merged = merge(DATA, META).metadata
    assert merged == {
        'X-Timestamp': '1700000020.00000', 'X-Object-Meta-New': '2', 'name': '/a/c/o',
        'X-Object-Sysmeta-Ignored': 'x', 'X-Object-Sysmeta-S': 's', 'Content-Length': '5',
        'ETag': 'e', 'X-Static-Large-Object': 'True', 'Content-Type': 'text/plain'}


@pytest.mark.parametrize('second,wins', [(9, False), (10, True), (11, True)])
def test_content_type_of_a_meta_counts_from_the_time_of_the_data(second, wins):
    state = merge(DATA, meta(20, 'image/png', second))
    assert state.metadata['Content-Type'] == ('image/png' if wins else 'text/plain')
    assert ('Content-Type-Timestamp' in state.metadata) == wins


def test_a_second_meta_gives_only_its_content_type():
    state = merge(DATA, META, meta(15, 'image/png', **{'X-Object-Meta-Gone': '1'}))
    assert state.metadata['Content-Type'] == 'image/png'
    assert state.ctype_time == Timestamp('1700000015.00000')
    assert 'X-Object-Meta-Gone' not in state.metadata
    assert state.time == Timestamp('1700000020.00000')


def test_keys_of_the_body_are_found_in_any_case():
    odd = {**DATA, 'etag': DATA['ETag']}
    assert merge(odd, META).metadata['etag'] == 'e'


def test_bad_times_are_errors():
    with pytest.raises(ValueError):
        merge({**DATA, 'X-Timestamp': 'x'})
    with pytest.raises(KeyError):
        merge({'name': '/a/c/o'})
    with pytest.raises(ValueError):
        merge(DATA, {**META, 'X-Timestamp': 'x'})


def test_a_newer_post_replaces_metadata():
    plan = plan_post(merge(DATA), post(20, **{'X-Object-Meta-A': '1'}))
    assert plan.metadata == {'X-Timestamp': '1700000020.00000', 'X-Object-Meta-A': '1',
                             'name': '/a/c/o'}
    assert plan.ctype_time is None


def test_a_post_with_content_type_stores_its_time():
    plan = plan_post(merge(DATA), post(20, 'image/png'))
    assert plan.metadata['Content-Type'] == 'image/png'
    assert plan.metadata['Content-Type-Timestamp'] == '1700000020.00000'
    assert plan.ctype_time == plan.time


def test_a_post_without_content_type_carries_over_that_of_an_earlier_post():
    plan = plan_post(merge(DATA, meta(20, 'image/png')), post(30))
    assert plan.metadata['Content-Type'] == 'image/png'
    assert plan.ctype_time == Timestamp('1700000020.00000')


def test_a_post_with_an_older_content_type_keeps_the_newer_one():
    plan = plan_post(merge(DATA, meta(20, 'image/png')), post(30, 'a/b', 15))
    assert plan.metadata['Content-Type'] == 'image/png'


def test_of_an_older_post_only_a_newer_content_type_is_taken():
    state = merge(DATA, meta(20, **{'X-Object-Meta-Kept': '1'}))
    plan = plan_post(state, post(15, 'a/b', **{'X-Object-Meta-New': '1'}))
    assert plan.time == Timestamp('1700000020.00000')
    assert plan.ctype_time == Timestamp('1700000015.00000')
    assert plan.metadata['X-Object-Meta-Kept'] == '1'
    assert 'X-Object-Meta-New' not in plan.metadata


@pytest.mark.parametrize('second', [5, 10])
def test_a_post_not_newer_than_the_data_is_refused(second):
    assert plan_post(merge(DATA), post(second)) is None
    assert plan_post(merge(DATA), post(second, 'a/b')) is None
    # Without a .meta there is nothing that could hold only a content type.
    assert plan_post(merge(DATA), post(second, 'a/b', 40)) is None


def test_posts_give_the_same_metadata_in_any_order():
    posts = [post(20, **{'X-Object-Meta-A': '1'}), post(30, **{'X-Object-Meta-B': '2'}),
             post(25, 'image/png', **{'X-Object-Meta-C': '3'})]
    results = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)):
        state = merge(DATA)
        for number in order:
            plan = plan_post(state, posts[number])
            if plan is not None:
                state = merge(DATA, plan.metadata)
        results.append(state.metadata)
    assert all(result == results[0] for result in results)
    assert results[0]['Content-Type'] == 'image/png'


def test_kept_headers_of_put_and_post():
    headers = [('X-Object-Meta-A', '1'), ('X-Object-Meta-', 'x'), ('X-Object-Sysmeta-B', '2'),
               ('X-Object-Transient-Sysmeta-C', '3'), ('Content-Encoding', 'gzip'),
               ('X-Custom', 'y'), ('X-Foo', 'z')]
    allowed = frozenset(('content-encoding',))
    assert set(kept_headers(headers, allowed, ('x-custom',))) == {
        'X-Object-Meta-A', 'X-Object-Sysmeta-B', 'X-Object-Transient-Sysmeta-C',
        'Content-Encoding', 'X-Custom'}
    assert set(kept_headers(headers, allowed, put=False)) == {
        'X-Object-Meta-A', 'X-Object-Transient-Sysmeta-C', 'Content-Encoding'}


def test_families_need_a_name_after_the_prefix():
    assert not is_put_meta('X-Object-Sysmeta-')
    assert is_put_meta('X-Object-Sysmeta-A') and not is_stored_meta('X-Object-Sysmeta-A')


@pytest.mark.parametrize('original,new,expected', [
    ('text/plain', 'image/png', 'image/png'),
    ('x/y;swift_bytes=12', 'image/png', 'image/png;swift_bytes=12'),
    ('x/y; charset=a; swift_bytes=12', 'image/png', 'image/png;swift_bytes=12'),
    ('x/y;swift_bytes=12', 'x/y;swift_bytes=12', 'x/y;swift_bytes=12')])
def test_a_new_content_type_inherits_the_size_of_a_manifest(original, new, expected):
    assert ctype_for_listing(merge({**DATA, 'Content-Type': original}), new) == expected
