"""stat, post, list, delete, copy and capabilities against a cluster in memory."""
import pytest

from swiftclient.exceptions import ClientException
from swiftclient.service import (
    SwiftCopyObject,
    SwiftDeleteObject,
    SwiftError,
    SwiftPostObject,
    SwiftService,
)


def error_of(function):
    with pytest.raises(SwiftError) as caught:
        list(function())
    return caught.value.value


def by_object(results):
    return {result['object']: result for result in results}


def test_stat_of_account_container_and_objects(service, cluster):
    cluster.put('c/o', b'1234')
    assert dict(service.stat()['items'])['Account'] == 'AUTH_test'
    container = service.stat('c')
    assert (container['action'], container['object']) == ('stat_container', None)
    assert dict(container['items'])['Bytes'] == '4'
    found = by_object(service.stat('c', ['o', 'nope']))
    assert dict(found['o']['items'])['Content Length'] == '4'
    assert found['nope']['error'].http_status == 404
    assert service.stat('c', obj='o')['object'] == 'o'


def test_forms_of_the_founding_proposal(cluster, tree):
    with SwiftService({'auth': cluster.url, 'user': 'a:b', 'key': 'testing'},
                      timeout=864000) as service:
        assert service.post('c')['success']
        things = [('big', 'from-path'), (open('big', 'rb'), 'from-file'), (None, 'dir', True)]
        assert all(result['success'] for result in service.upload('c', things))
        things[1][0].close()
        assert service.post('c', obj='dir', options={'snet': False})['action'] == 'post_object'
    assert cluster.names('c') == ['dir', 'from-file', 'from-path']


def test_stat_shows_the_login_when_verbose(service, cluster):
    cluster.put('c/o', b'1234')
    items = service.stat('c', options={'verbose': 2})['items']
    assert items[:2] == [('URL', f'{cluster.storage_url}/c'), ('Auth Token', 'AUTH_tk1')]


def test_stat_of_policies_and_quotas(service, cluster):
    cluster.account_headers.update({
        'x-account-storage-policy-gold-object-count': '2',
        'x-account-storage-policy-gold-bytes-used': '2048',
        'x-account-storage-policy-gold-container-count': '1',
        'x-account-meta-quota-bytes': '4096', 'x-account-quota-bytes-policy-gold': '8192'})
    assert service.stat(options={'human': True})['items'][3:] == [
        ('Bytes', '0'), ('Quota Bytes', '4.0K'), ('Containers in policy "gold"', '1'),
        ('Objects in policy "gold"', '2'), ('Bytes in policy "gold"', '2.0K'),
        ('Quota Bytes for policy "gold"', '8.0K')]


def test_stat_of_what_is_not_there(service, cluster):
    assert error_of(lambda: service.stat('nope')) == "Container 'nope' not found"
    assert error_of(lambda: service.stat(None, ['o'])) == 'Objects specified without container'
    cluster.faults.append(lambda request: 404 if request.path.startswith('/v1') else None)
    assert error_of(lambda: service.stat()) == 'Account not found'
    assert error_of(lambda: service.post()) == 'Account not found'


def test_other_failure_of_stat_is_a_result(service, cluster):
    cluster.faults.append(lambda request: 403 if request.path.startswith('/v1') else None)
    result = service.stat('c')
    assert (result['success'], result['error'].http_status) == (False, 403)


def test_post_runs_at_once_and_creates_a_container(service, cluster):
    result = service.post('new', options={
        'meta': ['Colour: blue'], 'header': ['X-Container-Meta-Size: 1'], 'read_acl': '.r:*'})
    assert result['headers'] == {'X-Container-Meta-Colour': 'blue', 'X-Container-Read': '.r:*',
                                 'X-Container-Meta-Size': '1'}
    assert result['response_dict']['post_put']['status'] == 201
    assert cluster.log('POST', 'PUT') == ['POST new', 'PUT new']


def test_post_of_objects(service, cluster):
    cluster.put('c/a')
    found = by_object(service.post('c', ['a', SwiftPostObject('b', {'meta': ['x:2']})],
                                   {'meta': ['x:1']}))
    assert found['a']['headers'] == {'X-Object-Meta-X': '1'}
    assert (found['b']['success'], found['b']['headers']) == (False, {'X-Object-Meta-X': '2'})
    assert error_of(lambda: service.post('c', [3])) == \
        'The post operation takes only strings or SwiftPostObjects as input'


def test_malformed_metadata_is_a_failed_result(service, cluster):
    result = service.post('c', options={'meta': ['Bad']})
    assert "must contain a ':'" in str(result['error'])


def test_list_pages_until_one_is_empty(service, cluster):
    cluster.page_size = 2
    for name in 'abc':
        cluster.put(f'c/{name}')
    pages = list(service.list('c'))
    assert [[entry['name'] for entry in page['listing']] for page in pages] == [['a', 'b'], ['c']]
    assert [page['marker'] for page in pages] == ['', 'b']
    assert {page['action'] for page in pages} == {'list_container_part'}


def test_list_of_what_is_not_there_is_a_failed_page(service, cluster):
    page, = service.list('nope')
    assert (page['success'], page['error'].value) == (False, "Container 'nope' not found")
    assert page['version_marker'] == ''


def test_long_list_of_the_account_asks_for_each_container(service, cluster):
    for name in 'abc':
        cluster.put(f'{name}/o')
    page, = service.list(options={'long': True})
    assert [entry['meta']['x-timestamp'] for entry in page['listing']] == \
        ['1700000000.00000'] * 3


def test_delete_looks_first_unless_told_otherwise(service, cluster):
    cluster.put('c/a')
    cluster.put('c/b')
    assert next(iter(service.delete('c', ['a'])))['success']
    assert next(iter(service.delete('c', ['b'], {'leave_segments': True})))['success']
    assert cluster.log() == ['HEAD c/a?symlink=get', 'DELETE c/a', 'DELETE c/b']


@pytest.mark.parametrize('use_slo', [True, False])
def test_delete_of_a_large_object_takes_its_segments(service, cluster, tree, use_slo):
    list(service.upload('c', ['big'], {'segment_size': 1000, 'use_slo': use_slo}))
    results = list(service.delete('c', ['big']))
    assert all(result['success'] for result in results)
    assert cluster.containers == {'c': {}, 'c_segments': {}}
    assert results[-1].get('dlo_segments_deleted') == (None if use_slo else True)


def test_delete_of_a_version_sorts_its_parameters(service, cluster):
    cluster.put('c/a')
    list(service.delete('c', [SwiftDeleteObject('a', {'version_id': 'v'})]))
    assert cluster.log() == ['HEAD c/a?symlink=get&version-id=v', 'DELETE c/a?version-id=v']


@pytest.mark.parametrize(('count', 'bulk'), [(20, 0), (21, 10), (30, 10)])
def test_many_objects_go_in_bulk(service, cluster, count, bulk):
    names = [f'o {number}' for number in range(count)]
    for name in names:
        cluster.put(f'c/{name}')
    results = list(service.delete('c', names))
    assert all(result['success'] for result in results)
    assert cluster.containers['c'] == {}
    assert len(cluster.log('POST')) <= bulk
    assert len(cluster.log('DELETE')) == (0 if bulk else count)
    if bulk:
        assert {result['action'] for result in results} == {'bulk_delete'}
        assert sorted(sum((result['objects'] for result in results), [])) == sorted(names)


def test_no_bulk_where_objects_have_options_or_the_cluster_lacks_it(service, cluster):
    for number in range(60):
        cluster.put(f'c/{number}')
    list(service.delete('c', [SwiftDeleteObject(str(number), {'header': ['A:b']})
                              for number in range(30)]))
    del cluster.info['bulk_delete']
    service.capabilities(refresh_cache=True)
    list(service.delete('c', [str(number) for number in range(30, 60)]))
    assert len(cluster.log('DELETE')) == 60


def test_bulk_without_an_answer_is_an_error(service, cluster):
    cluster.faults.append(lambda request: 200 if 'bulk-delete' in request.query else None)
    for number in range(30):
        cluster.put(f'c/{number}')
    results = list(service.delete('c', [str(number) for number in range(30)]))
    assert not any(result['success'] for result in results)


def test_delete_of_a_container_and_of_everything(service, cluster):
    cluster.put('c/a')
    cluster.put('d/a')
    actions = [result['action'] for result in service.delete('c')]
    assert actions == ['delete_object', 'delete_container']
    list(service.delete('d', options={'prefix': 'a'}))
    assert cluster.containers == {'d': {}}
    assert list(service.delete()) == []
    list(service.delete(options={'yes_all': True}))
    assert cluster.containers == {}
    result, = service.delete('nope')
    assert (result['action'], result['success']) == ('delete_container', False)


def test_delete_refuses(service):
    assert error_of(lambda: service.delete(None, ['a'])) == 'Objects specified without container'
    assert error_of(lambda: service.delete(options={'prefix': 'a'})) == \
        'Prefix specified without container'
    assert error_of(lambda: service.delete('c', [3])) == \
        'The delete operation takes only strings or SwiftDeleteObjects as input'


def test_copy_creates_its_destinations(service, cluster):
    cluster.put('c/a', b'1')
    cluster.put('c/b', b'2')
    results = list(service.copy('c', ['a', SwiftCopyObject('b', {'destination': '/e/x'})],
                                {'destination': '/d'}))
    assert [(result['action'], result['container']) for result in results[:2]] == [
        ('create_container', 'd'), ('create_container', 'e')]
    assert {result['destination'] for result in results[2:]} == {'/d/a', '/e/x'}
    assert cluster.containers['d']['a'].data == b'1'
    assert cluster.containers['e']['x'].data == b'2'


def test_copy_without_destination_is_onto_itself(service, cluster):
    cluster.put('c/a', b'1')
    result, = service.copy('c', ['a'], {'meta': ['x:1'], 'fresh_metadata': True})
    assert (result['destination'], result['fresh_metadata']) == (None, True)
    assert cluster.containers['c']['a'].headers == {'x-object-meta-x': '1'}


@pytest.mark.parametrize(('destination', 'objects', 'text'), [
    ('c', ['a'], 'destination must be in format /cont[/obj]'),
    ('/', ['a'], 'destination must be in format /cont[/obj]'),
    ('/c/', ['a'], 'destination can not end in a slash'),
    ('/c/d', ['a', 'b'],
     'Combination of multiple objects and destination including object is invalid'),
    (None, [3], 'The copy operation takes only strings or SwiftCopyObjects as input')])
def test_copy_refuses(service, destination, objects, text):
    assert error_of(lambda: service.copy('c', objects, {'destination': destination})) == text


def test_capabilities_are_asked_for_once_per_url(service, cluster):
    first = service.capabilities()
    assert first['capabilities'] == cluster.info
    assert service.capabilities() is first
    other = service.capabilities(cluster.storage_url)
    assert other['url'] == cluster.storage_url
    asked = [request for request in cluster.requests if request.path == '/info']
    assert len(asked) == 2
    assert service.capabilities(refresh_cache=True) is not first


def test_capabilities_that_are_not_to_be_had_raise(service, cluster):
    cluster.faults.append(lambda request: 404 if request.path == '/info' else None)
    with pytest.raises(ClientException):
        service.capabilities()
