"""Container and account ACLs: grammar, cleaning, matching. Golden texts are of the original."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core import acl

CLEANED = {
    '.r:*': '.r:*',
    '.referrer:*': '.r:*',
    '.referer:*': '.r:*',
    '.ref:example.org': '.r:example.org',
    ' .r : * , .rlistings ': '.r:*,.rlistings',
    '.r:-example.org': '.r:-example.org',
    '.r: - example.org': '.r:-example.org',
    'test2:tester2,': 'test2:tester2',
    '.r:*,,test2': '.r:*,test2',
    '%2A': '%2A',
    'test:*': 'test:*',
    '.r:*.example.org': '.r:.example.org',
    '.r:-*.example.org': '.r:-.example.org',
    '*:*': '*:*',
    '.unknown': '.unknown',
    '.r:example.org:80': '.r:example.org:80',
    ' .referrer : *.example.com , bob , .rlistings': '.r:.example.com,bob,.rlistings',
    ' a : b ': 'a : b',
    '': '',
    ' , ,': '',
}
REFUSED = {
    '.r:': "No host/domain value after referrer designation in ACL: '.r:'",
    '.r:-': "No host/domain value after referrer designation in ACL: '.r:-'",
    '.r:-*.': "No host/domain value after referrer designation in ACL: '.r:-*.'",
    '.r:*.': "No host/domain value after referrer designation in ACL: '.r:*.'",
    '.r:.': "No host/domain value after referrer designation in ACL: '.r:.'",
    '.x:y': "Unknown designator '.x' in ACL: '.x:y'",
    'ok, .bad:x': "Unknown designator '.bad' in ACL: '.bad:x'",
}


@pytest.mark.parametrize('text', CLEANED)
def test_clean_acl(text):
    assert acl.clean_acl('X-Container-Read', text) == CLEANED[text]


@pytest.mark.parametrize('text', REFUSED)
def test_clean_acl_refuses(text):
    with pytest.raises(ValueError) as caught:
        acl.clean_acl('X-Container-Read', text)
    assert str(caught.value) == REFUSED[text]


def test_clean_acl_refuses_referrers_for_writers():
    with pytest.raises(ValueError) as caught:
        acl.clean_acl('X-Container-Write', '.r:*')
    assert str(caught.value) == "Referrers not allowed in write ACL: '.r:*'"
    assert acl.clean_acl('X-Container-Write', '.rlistings, a:b') == '.rlistings,a:b'


items = st.text(alphabet='ab.:*- ,%é', max_size=12)


@given(items)
def test_clean_acl_yields_stripped_items_or_refuses(text):
    try:
        cleaned = acl.clean_acl('X-Container-Read', text)
    except ValueError as problem:
        assert 'in ACL: ' in str(problem)
        return
    for item in cleaned.split(',') if cleaned else ():
        assert item == item.strip() != ''


def test_parse_acl_v1_splits_and_unquotes_groups():
    assert acl.parse_acl_v1('.r:*,.r:-x,a,b:c,d%2Ce') == (['*', '-x'], ['a', 'b:c', 'd,e'])
    assert acl.parse_acl_v1(None) == ([], [])
    assert acl.parse_acl_v1('') == ([], [])


@pytest.mark.parametrize('referrer, host', [
    (None, 'unknown'), ('', 'unknown'), ('nonsense', 'unknown'), ('http://[bad', 'unknown'),
    ('http://GOOD.example/', 'good.example'), ('http://user@www.example.org/', 'www.example.org'),
    ('https://www.example.org:8080/a?b', 'www.example.org'),
])
def test_referrer_host(referrer, host):
    assert acl.referrer_host(referrer) == host


BAD_BUT_GOOD = ['*', '-.bad.example', 'good.bad.example']
DEEP = ['.example.org', '-deep.example.org']


@pytest.mark.parametrize('patterns, host, allowed', [
    (BAD_BUT_GOOD, None, True),
    (BAD_BUT_GOOD, 'x.bad.example', False),
    (BAD_BUT_GOOD, 'bad.example', True),
    (BAD_BUT_GOOD, 'good.bad.example', True),
    (BAD_BUT_GOOD, 'other.example', True),
    (DEEP, None, False),
    (DEEP, 'example.org', False),
    (DEEP, 'www.example.org', True),
    (DEEP, 'deep.example.org', False),
    (['-*', 'exact.example'], 'exact.example', True),
    (['-*', 'exact.example'], 'sub.exact.example', False),
    (['unknown'], None, True),
    ([], 'a', False),
    (None, 'a', False),
])
def test_referrer_allowed(patterns, host, allowed):
    referrer = f'http://{host}/p' if host else None
    assert acl.referrer_allowed(referrer, patterns) is allowed


@given(st.lists(st.sampled_from(['*', '-*', 'a.b', '-a.b', '.b', '-.b', 'c']), max_size=4),
       st.sampled_from(['a.b', 'b', 'c', 'x.a.b']))
def test_referrer_allowed_is_decided_by_the_last_match(patterns, host):
    def matches(pattern):
        bare = pattern.removeprefix('-')
        return (bare == host or (bare.startswith('.') and host.endswith(bare))
                or pattern == '*')
    matching = [pattern for pattern in patterns if matches(pattern)]
    expected = bool(matching) and not matching[-1].startswith('-')
    assert acl.referrer_allowed(f'http://{host}', patterns) is expected


@pytest.mark.parametrize('text, problem', [
    ('', None), ('{}', None), ('{"read-only":[]}', None),
    ('{"admin":["a:b"],"read-write":["c"],"read-only":["d"]}', None),
    ('notjson', "Syntax error in input ('notjson')"),
    ('[]', "Syntax error in input ('[]')"),
    ('"x"', "Syntax error in input ('\"x\"')"),
    ('null', "Syntax error in input ('null')"),
    ('{"other":["a"]}', 'Key "other" not recognized'),
    ('{"admin":["a:b"],"other":1}', 'Key "other" not recognized'),
    ('{"read-only":"a"}', 'Value for key "read-only" must be a list'),
    ('{"read-only":[1]}', 'Elements of "read-only" list must be strings'),
])
def test_account_acl_problem(text, problem):
    assert acl.account_acl_problem(text) == problem


def test_account_acl_of_endless_depth_is_a_syntax_error():
    assert acl.account_acl_problem('[' * 100000).startswith('Syntax error')


def test_format_acl_v2_is_ascii_sorted_and_dense():
    assert acl.format_acl_v2({'read-only': ['é'], 'admin': ['b', 'a']}) == (
        '{"admin":["b","a"],"read-only":["\\u00e9"]}')


@given(st.dictionaries(st.sampled_from(acl.ACCOUNT_ACL_ROLES), st.lists(st.text(max_size=5))))
def test_account_acl_survives_its_text(document):
    assert acl.parse_acl_v2(acl.format_acl_v2(document)) == document


@pytest.mark.parametrize('sysmeta, expected', [
    ({}, None),
    ({'core-access-control': ''}, None),
    ({'core-access-control': 'bad'}, None),
    ({'core-access-control': '{"read-only":[]}'}, None),
    ({'core-access-control': '{"admin":["a"]}'},
     {'admin': ['a'], 'read-write': [], 'read-only': []}),
    ({'core-access-control': '{"admin":"a","read-only":["b"]}'},
     {'admin': [], 'read-write': [], 'read-only': ['b']}),
])
def test_acls_from_account_info(sysmeta, expected):
    assert acl.acls_from_account_info({'sysmeta': sysmeta}) == expected


def test_versioned_wrappers():
    assert acl.parse_acl('a,.r:b') == (['b'], ['a'])
    assert acl.parse_acl(version=2, text='{"admin":[]}') == {'admin': []}
    assert acl.format_acl(groups=['a'], referrers=['b'], header_name='X-Container-Read') == 'a,.r:b'
    assert acl.format_acl(version=2, acl_dict={'admin': ['a']}) == '{"admin":["a"]}'
    for function in (acl.parse_acl, acl.format_acl):
        with pytest.raises(ValueError):
            function(version=3)


def test_third_parties_find_the_names():
    from swift.common.middleware import acl as names
    assert names.clean_acl is acl.clean_acl
    assert set(names.__all__) <= set(dir(names))
