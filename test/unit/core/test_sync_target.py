"""X-Container-Sync-To: forms, resolution, texts of refusals (sheet 03 §19.2)."""
import pytest

from swift.core.sync_target import BadSyncTarget, parse_realms, resolve

REALMS = parse_realms({'Realm1': {'key': 'secret', 'key2': 'old', 'cluster_dfw': 'http://h/v1/'},
                       'nokey': {'cluster_dfw': 'http://h/v1/'}})
HOSTS = ('127.0.0.1', 'good')


@pytest.mark.parametrize('value, target', [
    ('', None), ('/', None),
    ('//realm1/DFW/AUTH_a/c', 'http://h/v1/AUTH_a/c'),
    ('//REALM1/dfw/AUTH_a/c/', 'http://h/v1/AUTH_a/c'),
    ('http://127.0.0.1:8080/v1/AUTH_a/c', 'http://127.0.0.1:8080/v1/AUTH_a/c'),
    ('https://good/v1/a/c/', 'https://good/v1/a/c'),
])
def test_good_values(value, target):
    assert resolve(value, HOSTS, REALMS) == target


@pytest.mark.parametrize('value, text', [
    ('nonsense', 'Invalid scheme \'\' in X-Container-Sync-To, must be "//", "http", or "https".'),
    ('ftp://x', 'Invalid scheme \'ftp\' in X-Container-Sync-To, must be "//", "http", or '
                '"https".'),
    ('http://127.0.0.1', 'Path required in X-Container-Sync-To'),
    ('http://good/p?q', 'Params, queries, and fragments not allowed in X-Container-Sync-To'),
    ('http://good/p#f', 'Params, queries, and fragments not allowed in X-Container-Sync-To'),
    ('http://[x/p', "Invalid host in X-Container-Sync-To 'http://[x/p'"),
    ('http://bad/p', "Invalid host 'bad' in X-Container-Sync-To"),
    ('//realm1/dfw/a', "Invalid X-Container-Sync-To format '//realm1/dfw/a'"),
    ('//other/dfw/a/c', "No realm key for 'other'"),
    ('//nokey/dfw/a/c', "No realm key for 'nokey'"),
    ('//realm1/ord/a/c', "No cluster endpoint for 'realm1' 'ord'"),
])
def test_bad_values(value, text):
    with pytest.raises(BadSyncTarget) as caught:
        resolve(value, HOSTS, REALMS)
    assert str(caught.value) == text
