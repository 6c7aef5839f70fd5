"""Whom to tell about an object, and what."""
import pytest

from swift.core.container_update import (
    Target,
    overrides,
    parse_container_path,
    parse_targets,
    redirected_path,
)
from swift.core.expiring import clamp_delete_at, queue_object


def test_targets_pair_hosts_with_devices():
    targets = parse_targets('1.2.3.4:5, [::1]:6', 'sda,sdb', '7')
    assert targets.targets == (Target('1.2.3.4', 5, 'sda'), Target('::1', 6, 'sdb'))
    assert (targets.partition, targets.problem) == ('7', '')
    assert targets.targets[1].address == ('::1', 6)


@pytest.mark.parametrize('hosts,devices,partition,has_problem', [
    ('', '', '7', False), ('1.2.3.4:5', 'sda', '', False), ('1.2.3.4:5', '', '7', True),
    ('1.2.3.4', 'sda', '7', True), ('1.2.3.4:x', 'sda', '7', True)])
def test_targets_that_cannot_be_told(hosts, devices, partition, has_problem):
    targets = parse_targets(hosts, devices, partition)
    assert targets.targets == () and bool(targets.problem) == has_problem


@pytest.mark.parametrize('quoted,plain,expected', [
    (None, None, None), ('a/c%20d', None, 'a/c d'), (None, 'a/c%20d', 'a/c%20d'),
    ('a/q', 'a/p', 'a/q'), ('', '', None)])
def test_container_paths(quoted, plain, expected):
    assert parse_container_path(quoted, plain) == expected


@pytest.mark.parametrize('path', ['a', 'a/', '/c', 'a/b/c'])
def test_bad_container_paths(path):
    with pytest.raises(ValueError):
        parse_container_path(path, None)


@pytest.mark.parametrize('location,quoted,expected', [
    ('/.shards_a/c%20x/o', True, '.shards_a/c x'), ('/.shards_a/c%20x/o', False, '.shards_a/c%20x'),
    ('http://h:1/a/c/o?x', False, 'a/c'), ('/a/c', False, 'a/c'), ('/a', False, None),
    ('', False, None), ('a/c/o', False, None), ('//c/o', False, None)])
def test_redirects(location, quoted, expected):
    assert redirected_path(location, quoted) == expected


def test_later_sources_and_stored_prefixes_win():
    request = {'X-Backend-Container-Update-Override-Etag': '1',
               'X-Backend-Container-Update-Override-Size': '1',
               'X-Object-Sysmeta-Container-Update-Override-Content-Type': '1',
               'X-Backend-Container-Update-Override-': 'x'}
    footers = {'x-backend-container-update-override-size': '2',
               'X-Object-Sysmeta-Container-Update-Override-Etag': '2'}
    assert overrides((request, footers)) == {'X-Etag': '2', 'X-Size': '2', 'X-Content-Type': '1'}


def test_queue_names():
    assert queue_object(1700000000, 'AUTH_test', 'c', 'o') == '1700000000-AUTH_test/c/o'
    assert queue_object(5, 'a', 'c', 'o').startswith('0000000005-')
    assert (clamp_delete_at(-1), clamp_delete_at(10 ** 12)) == (0, 9999999999)
