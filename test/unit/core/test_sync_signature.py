"""Signatures of container sync: those of the recorded examples, and what is refused."""
import pytest

from swift.core.sync_signature import Signed, SyncVerdict, judge
from swift.core.sync_target import Realm


@pytest.mark.parametrize('signed, realm_key, user_key, signature', [
    (Signed('PUT', '/v1/AUTH_b/c2/photo.jpg', '1700000001.12345',
            '0123456789abcdef0123456789abcdef'), 'realm1key', 'secret',
     '2a9d9d52716af42e46fb07028cd1604cd59b94f4'),
    (Signed('PUT', '/v1/AUTH_t/c/o', '1700000000.00000', 'nonce'), 'realmkey', 'userkey',
     'dd51e0e28e858d993944435c5a42d5d693e4cb9c')])
def test_signatures_are_those_of_other_releases(signed, realm_key, user_key, signature):
    assert signed.signature(realm_key, user_key) == signature


REALMS = {'R': Realm('one', 'two'), 'HALF': Realm(None, 'two'), 'NONE': Realm()}


def say(header, realms=REALMS, key='k', method='PUT', path='/v1/a/c/o', timestamp='1.0'):
    return judge(header, method, path, timestamp, realms, key)


def sign(realm_key, user_key='k', method='PUT', path='/v1/a/c/o', timestamp='1.0', nonce='n'):
    return Signed(method, path, timestamp, nonce).signature(realm_key, user_key)


@pytest.mark.parametrize('header, verdict', [
    ('', SyncVerdict.NOT_THREE_WORDS), ('r n', SyncVerdict.NOT_THREE_WORDS),
    ('r n s x', SyncVerdict.NOT_THREE_WORDS), ('other n s', SyncVerdict.NO_REALM_KEY),
    ('none n s', SyncVerdict.NO_REALM_KEY), ('r n s', SyncVerdict.INVALID),
    (f'r n {sign("one")}', SyncVerdict.VALID), (f'R n {sign("two")}', SyncVerdict.VALID),
    (f'half n {sign("two")}', SyncVerdict.VALID), (f'r m {sign("one")}', SyncVerdict.INVALID),
    (f'r n {sign("three")}', SyncVerdict.INVALID), (f'r n {sign("one", "x")}', SyncVerdict.INVALID),
    (f'r n {sign("one").upper()}', SyncVerdict.INVALID), ('r n é\udcff', SyncVerdict.INVALID)])
def test_verdict(header, verdict):
    assert say(header) is verdict


@pytest.mark.parametrize('changed', [
    {'method': 'DELETE'}, {'path': '/v1/a/c/p'}, {'timestamp': '1.1'}, {'key': 'other'}])
def test_everything_is_signed(changed):
    assert say(f'r n {sign("one")}') is SyncVerdict.VALID
    assert say(f'r n {sign("one")}', **changed) is SyncVerdict.INVALID


@pytest.mark.parametrize('key', [None, ''])
def test_a_container_without_a_key_takes_nothing(key):
    assert say(f'r n {sign("one", "")}', key=key) is SyncVerdict.NO_USER_KEY
