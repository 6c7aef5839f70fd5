"""Names of versions: archives, hidden containers, ids."""
import pytest

from swift.core import versions
from swift.core.timestamp import Timestamp
from swift.core.versions import Version

T = Timestamp('1700000000.12345')


def test_archive_names():
    assert versions.archive_name('myobject', T) == '008myobject/1700000000.12345'
    assert versions.archive_prefix('x' * 300) == '12c' + 'x' * 300 + '/'
    assert versions.archive_prefix('\xc3\xa9') == '002\xc3\xa9/'


def test_names_in_the_hidden_container():
    assert versions.hidden_container('c') == '\0versions\0c'
    assert versions.version_name('o', T) == '\0o\x008299999999.87654'
    assert versions.split_version_name('\0o\x008299999999.87654') == ('o', '1700000000.12345')


@pytest.mark.parametrize('name', ['o', '\0o', '\0o\0x', '\0a\0b\x008299999999.87654', '', '\0o\0'])
def test_other_names_are_no_versions(name):
    assert versions.split_version_name(name) is None


@pytest.mark.parametrize('name, user', [
    ('\0versions\0c', 'c'), ('\0versions\0', ''), ('\0other\0c', None), ('c', None),
    ('\0versions', None), ('\0versions\0c\0d', None)])
def test_users_of_hidden_containers(name, user):
    assert versions.user_container(name) == user


def test_newer_versions_come_first():
    names = [versions.version_name('o', Timestamp(n)) for n in (1, 2, 1700000000)]
    assert sorted(names, reverse=True) == names


@pytest.mark.parametrize('text, time', [
    ('null', None), ('1700000000.12345', T), ('1', Timestamp(1))])
def test_ids(text, time):
    assert versions.parse_version_id(text) == time


@pytest.mark.parametrize('text', ['', 'bad', '1_1', '-1', 'NULL', ' 1'])
def test_bad_ids(text):
    with pytest.raises(ValueError):
        versions.parse_version_id(text)


@pytest.mark.parametrize('target, version', [
    ('%00versions%00c/%00o%008299999999.87654', Version('c', 'o', '1700000000.12345')),
    ('%00versions%00a%20b/%00x/y%008299999999.87654', Version('a b', 'x/y', '1700000000.12345')),
    ('c/o', None), ('%00other%00c/%00o%008299999999.87654', None), ('%00versions%00c/%00o', None),
    ('', None)])
def test_targets_that_are_versions(target, version):
    assert versions.version_at(target) == version
    assert versions.version_at_path(f'/v1/a/{target}') == version
