"""The steps of the libcloud object storage tutorial."""

TUTORIAL = r"""
import hashlib, io, os, sys, tempfile
from libcloud.storage.types import (ContainerAlreadyExistsError, ContainerIsNotEmptyError, Provider,
                                    ObjectDoesNotExistError, ContainerDoesNotExistError)
from libcloud.storage.providers import get_driver

root = os.environ['ST_AUTH'].rsplit('/auth/', 1)[0]
swift = get_driver(Provider.OPENSTACK_SWIFT)(
    'test:tester', 'testing', ex_force_auth_url=root + '/auth', ex_force_auth_version='1.0',
    ex_force_base_url=root + '/v1/AUTH_test')
name, work = sys.argv[1], tempfile.mkdtemp()

container = swift.create_container(container_name=name)
try:
    swift.create_container(container_name=name)
    raise SystemExit('made twice')
except ContainerAlreadyExistsError:
    pass
assert name in [c.name for c in swift.list_containers()]

file_path = os.path.join(work, 'goat.jpg')
with open(file_path, 'wb') as f:
    f.write(os.urandom(5000))
container = swift.get_container(container_name=name)
swift.upload_object(file_path=file_path, container=container, object_name='an amazing goat')
objects = container.list_objects()
assert [o.name for o in objects] == ['an amazing goat'], objects
goat = swift.get_object(container_name=name, object_name='an amazing goat')
assert goat.size == 5000
copy = os.path.join(work, 'copy.jpg')
assert goat.download(copy, overwrite_existing=True)
assert open(copy, 'rb').read() == open(file_path, 'rb').read()
assert hashlib.md5(open(copy, 'rb').read()).hexdigest() == goat.hash
assert goat.download_range(copy, 10, 20, overwrite_existing=True)
assert open(copy, 'rb').read() == open(file_path, 'rb').read()[10:20]
swift.delete_object(goat)
assert container.list_objects() == []
try:
    swift.get_object(container_name=name, object_name='an amazing goat')
    raise SystemExit('still there')
except ObjectDoesNotExistError:
    pass

stored = container.upload_object_via_stream(io.BytesIO(b'fractal' * 100), object_name='fractal-1')
assert stored.size == 700, stored.size
extra = {'meta_data': {'description': 'a funny goat', 'created': '2015-06-02'}}
with open(file_path, 'rb') as stream:
    container.upload_object_via_stream(iterator=stream, object_name='funny', extra=extra)
assert swift.get_object(name, 'funny').meta_data['description'] == 'a funny goat'
large = os.path.join(work, 'large')
with open(large, 'wb') as f:
    f.write(os.urandom(2500000))
# The library hashes its part reader after it was sent, so it has to be told not to compare.
swift.ex_multipart_upload_object(large, container, 'large', chunk_size=1000000, verify_hash=False)
stored = swift.get_object(name, 'large')
assert stored.size == 2500000, stored.size
assert stored.download(copy, overwrite_existing=True)
assert open(copy, 'rb').read() == open(large, 'rb').read()
assert stored.download_range(copy, 999990, 1000010, overwrite_existing=True)
assert open(copy, 'rb').read() == open(large, 'rb').read()[999990:1000010]
parts = [o.name for o in container.list_objects() if o.name.startswith('large/')]
assert parts == ['large/%08d' % n for n in range(3)], parts
try:
    swift.delete_container(container)
    raise SystemExit('deleted a full container')
except ContainerIsNotEmptyError:
    pass
for obj in container.list_objects():
    swift.delete_object(obj)
assert swift.delete_container(container)
try:
    swift.get_container(name)
    raise SystemExit('still there')
except ContainerDoesNotExistError:
    pass
swift.ex_get_meta_data()
print('done')
"""


def test_libcloud_tutorial(run_client):
    import uuid

    name = f'fractals-{uuid.uuid4().hex[:8]}'
    assert run_client('python', '-c', TUTORIAL, name).stdout == 'done\n'
