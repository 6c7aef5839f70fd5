"""Errors, arguments with options, merged options."""
import pytest

from swiftclient.service import (
    SwiftCopyObject,
    SwiftDeleteObject,
    SwiftError,
    SwiftPostObject,
    SwiftUploadObject,
    process_options,
    split_headers,
)
from swiftclient.service.objects import upload_object_from
from swiftclient.service.options import service_options


def test_error_shows_where_it_happened():
    error = SwiftError('no', container='c', obj='o', segment='s')
    assert str(error) == repr(error) == "'no' container:c object:o segment:s"
    assert str(SwiftError('no')) == "'no'"


def test_error_takes_the_transaction_of_its_cause():
    cause = Exception()
    cause.transaction_id = 'tx1'
    error = SwiftError('no', exc=cause)
    assert (error.exception, error.transaction_id) == (cause, 'tx1')


@pytest.mark.parametrize(('arguments', 'text'), [
    ((None,), 'Object names must be specified as strings for uploads from None or file like '
              'objects.'),
    ((3,), "Unexpected source type for SwiftUploadObject: <class 'int'>"),
    (('/',), 'Object names must not be empty strings'),
    (('',), 'Object names must not be empty strings'),
])
def test_upload_object_refuses(arguments, text):
    with pytest.raises(SwiftError) as caught:
        SwiftUploadObject(*arguments)
    assert caught.value.value == text


def test_upload_object_is_named_after_its_path_without_a_leading_slash():
    thing = SwiftUploadObject('/tmp/x', options={'meta': []})
    assert (thing.source, thing.object_name, thing.options) == ('/tmp/x', 'tmp/x', {'meta': []})


@pytest.mark.parametrize('kind', [SwiftPostObject, SwiftDeleteObject, SwiftCopyObject])
@pytest.mark.parametrize('name', ['', None, 3])
def test_named_objects_need_a_name(kind, name):
    with pytest.raises(SwiftError, match='Object names must be specified as non-empty strings'):
        kind(name)


@pytest.mark.parametrize(('destination', 'expected'), [
    ('/c', '/c/o'), ('/c/x/y', '/c/x/y'),
    ('c', 'destination must be in format /cont[/obj]'),
    ('', 'destination must be in format /cont[/obj]'),
    ('/c/', 'destination must not end in a slash')])
def test_copy_object_completes_its_destination(destination, expected):
    try:
        found = SwiftCopyObject('o', {'destination': destination}).destination
    except SwiftError as error:
        found = error.value
    assert found == expected


def test_tuples_of_the_founding_proposal_become_uploads():
    marker = upload_object_from((None, 'dir', True))
    assert (marker.object_name, marker.options) == ('dir', {'dir_marker': True})
    assert upload_object_from(('path', 'name')).object_name == 'name'
    with pytest.raises(SwiftError):
        upload_object_from(3)


@pytest.mark.parametrize(('given', 'version'), [
    ({'auth': 'u', 'user': 'n', 'key': 'k'}, '1.0'),
    ({'os_auth_type': 'v1password'}, '1.0'),
    ({'os_auth_type': 'v2password'}, '2.0'),
    ({'os_auth_type': 'v3password'}, '3'),
    ({'os_auth_type': 'v3applicationcredential'}, '3'),
    ({'auth_version': '3.0'}, '3'),
    ({'auth_version': '2'}, '2.0'),
    ({'os_auth_url': 'u'}, '2.0'),
    ({'os_auth_url': 'u', 'os_project_domain_id': 'd'}, '3')])
def test_version_of_authentication_is_settled(given, version):
    options = {'auth': None, 'user': None, 'key': None, 'auth_version': '1.0', **given}
    process_options(options)
    assert options['auth_version'] == version


def test_openstack_options_stand_in_and_are_collected():
    options = {'os_auth_url': 'u', 'os_username': 'n', 'os_password': 'k',
               'os_storage_url': 's', 'os_region_name': 'r'}
    process_options(options)
    assert (options['auth'], options['user'], options['key']) == ('u', 'n', 'k')
    assert options['os_options']['object_storage_url'] == 's'
    assert options['os_options']['region_name'] == 'r'
    assert len(options['os_options']) == 17


def test_later_layers_win_and_unknown_keys_are_kept():
    options = service_options({'retries': 2, 'checksum': False, 'mine': 1})
    assert (options['retries'], options['checksum'], options['mine']) == (2, False, 1)
    assert options['segment_threads'] == 10


def test_malformed_headers_are_a_swift_error():
    assert split_headers(['a: b'], 'X-') == {'X-A': 'b'}
    with pytest.raises(SwiftError, match="must contain a ':'"):
        split_headers(['Bad'])
