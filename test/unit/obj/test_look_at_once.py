"""Looks in one go say what looks step by step say, or nothing; and so does what is remembered."""
import itertools
import os
import time

import pytest

from swift.common import chain
from swift.common.clock import ManualClock
from swift.common.codecs.metadata import encode_metadata
from swift.common.xattr import write_blob
from swift.core.hashing import md5
from swift.core.policy import StoragePolicy
from swift.core.timestamp import Timestamp
from swift.obj import reading
from swift.obj.known import Memory
from swift.obj.look_at_once import BODY_BYTES_MAX, Look, look_at_once, recall
from swift.obj.placement import Placement
from swift.obj.verified import FRESH_S, NeverVerified, Verified

NOW = Timestamp(1800000000)
T = [f'17999999{second}.00000' for second in range(10, 15)]
READ = [chain.read_in_python] + ([chain.read] if chain.is_native() else [])
needs_extension = pytest.mark.skipif(not chain.is_native(), reason='the extension is not built')


@pytest.fixture
def place(tmp_path):
    place = Placement('sda', str(tmp_path), '1', StoragePolicy(0, 'gold'), 'a', 'c', 'o', 'f' * 32)
    os.makedirs(place.hash_path)
    return place


@pytest.fixture
def memory():
    """One that takes everything for long settled."""
    return Memory(ManualClock(0), ManualClock(time.time() + 3600))


def store(place, name, body=b'', /, **metadata):
    """Write a file of the object with its metadata."""
    path = f'{place.hash_path}/{name}'
    with open(path, 'wb') as file:
        file.write(body)
        write_blob(file.fileno(), encode_metadata({
            'X-Timestamp': name[:16], 'name': place.name, **{
                key.replace('_', '-'): value for key, value in metadata.items()}}))
    return path


def store_data(place, when=T[0], body=b'hello', **more):
    return store(place, f'{when}.data', body, **{
        'Content_Type': 'a/b', 'ETag': md5(body).hexdigest(), 'Content_Length': str(len(body)),
        **more})


def step_by_step(place, look):
    if look.with_body:
        return reading.fetch(place, look.now, look.open_expired, look.verified, reading.Wish())
    return reading.look_up(place, look.now, look.open_expired)


def shown(found):
    """What a request sees of a look-up."""
    body = found.body.small if found.body else None
    return found.kind, found.time, found.state, found.files, body, found.problem


LOOKS = [Look(NOW, open_expired, with_body, NeverVerified() if checks else None)
         for open_expired, with_body, checks in itertools.product((False, True), repeat=3)]


def meta(place, name, **more):
    store(place, name, **{'X_Object_Meta_A': name, **more})


def test_the_same_is_said_of_every_set_of_files(tmp_path, memory):
    kinds = {
        'old': lambda place: store_data(place, T[0], b'old'),
        'new': lambda place: store_data(place, T[2], b'newer'),
        'meta': lambda place: meta(place, f'{T[3]}.meta'),
        'early': lambda place: meta(place, f'{T[1]}.meta'),
        'ctype': lambda place: meta(place, f'{T[4]}+186a0.meta', Content_Type='c/d',
                                    Content_Type_Timestamp='1799999915.00000'),
        'gone': lambda place: store(place, f'{T[1]}.ts'),
        'stray': lambda place: store(place, 'stray'),
    }
    seen = 0
    for number, chosen in enumerate(itertools.chain.from_iterable(
            itertools.combinations(kinds, count) for count in range(4))):
        place = Placement('sda', str(tmp_path), str(number), StoragePolicy(0, 'gold'), 'a', 'c',
                          'o', 'f' * 32)
        os.makedirs(place.hash_path)
        for kind in chosen:
            kinds[kind](place)
        for look, read in itertools.product(LOOKS, READ):
            found = look_at_once(read, memory, place, look)
            remembered = recall(memory, place, look) if chain.is_native() else None
            truth = step_by_step(place, look)
            for said in (found, remembered):
                if said is not None:
                    seen += 1
                    assert shown(said) == shown(truth), chosen
    assert seen > 100


def test_expired_objects_are_left_to_the_way_step_by_step(place, memory):
    store_data(place, X_Delete_At='1799999999')
    assert look_at_once(chain.read, memory, place, Look(NOW)) is None
    assert look_at_once(chain.read, memory, place, Look(NOW, open_expired=True)).exists
    assert look_at_once(chain.read, memory, place, Look(Timestamp(1799999998))).exists


def damage_name(place):
    store_data(place, name='/a/c/other')


def damage_size(place):
    store_data(place, Content_Length='4')


def damage_checksum(place):
    os.setxattr(store_data(place), 'user.swift.metadata_checksum', b'0' * 32)


def damage_blob(place):
    path = store_data(place)
    os.setxattr(path, 'user.swift.metadata', b'no pickle')
    os.removexattr(path, 'user.swift.metadata_checksum')


def damage_attribute(place):
    os.removexattr(store_data(place), 'user.swift.metadata')


def damage_time(place):
    store_data(place, X_Delete_At='tomorrow')


@pytest.mark.parametrize('damage', [damage_name, damage_size, damage_checksum, damage_blob,
                                    damage_attribute, damage_time])
@pytest.mark.parametrize('read', READ)
def test_damage_is_left_to_the_way_step_by_step(place, memory, damage, read):
    damage(place)
    assert look_at_once(read, memory, place, Look(NOW)) is None
    assert os.path.isdir(place.hash_path)


def test_bodies(place, memory):
    path = store_data(place)
    whole = Look(NOW, with_body=True, verified=Verified(ManualClock(0)))
    with open(path, 'r+b') as file:
        file.write(b'jello')
    assert look_at_once(chain.read, memory, place, whole) is None
    assert look_at_once(chain.read, memory, place, Look(NOW, with_body=True)).body.small == b'jello'
    os.unlink(path)
    store_data(place, body=b'x' * (BODY_BYTES_MAX + 1))
    assert look_at_once(chain.read, memory, place, whole) is None


def test_nothing_below_a_device_that_is_not_mounted(place, memory):
    store_data(place)
    assert look_at_once(chain.read, memory, place, Look(NOW), checks_mount=True) is None
    open(f'{place.device_path}/.ismount', 'w').close()
    assert look_at_once(chain.read, memory, place, Look(NOW), checks_mount=True).exists


@pytest.fixture
def known(place, memory):
    """The place of an object with metadata of its own, which is remembered."""
    store_data(place)
    meta(place, f'{T[1]}.meta')
    look_at_once(chain.read, memory, place, Look(NOW))
    if chain.is_native() and recall(memory, place, Look(NOW)) is None:
        pytest.skip('nothing can be read from memory here')
    return place


CHANGES = {
    'a new file': lambda place: meta(place, f'{T[2]}.meta'),
    'a file less': lambda place: os.unlink(f'{place.hash_path}/{T[1]}.meta'),
    'other bytes': lambda place: os.truncate(f'{place.hash_path}/{T[0]}.data', 5),
    'an attribute': lambda place: os.setxattr(f'{place.hash_path}/{T[0]}.data', 'user.x', b''),
    'one of the other file': lambda place: os.setxattr(f'{place.hash_path}/{T[1]}.meta', 'user.x',
                                                       b''),
    'moved away': lambda place: os.rename(place.hash_path, place.hash_path + '-'),
}


@needs_extension
@pytest.mark.parametrize('change', CHANGES)
def test_any_change_makes_forget(known, memory, change):
    tick = os.stat(f'{known.hash_path}/{T[1]}.meta').st_ctime_ns
    probe = f'{known.device_path}/probe'
    while True:                                  # until the file system's clock has moved on
        open(probe, 'w').close()
        if os.stat(probe).st_ctime_ns > tick:
            break
        os.unlink(probe)
    CHANGES[change](known)
    assert recall(memory, known, Look(NOW)) is None


@needs_extension
def test_nothing_is_believed_for_long(known):
    clock = ManualClock(0)
    memory = Memory(clock, ManualClock(time.time() + 3600))
    look_at_once(chain.read, memory, known, Look(NOW))
    clock.advance(FRESH_S - 1)
    assert recall(memory, known, Look(NOW)).exists
    clock.advance(1)
    assert recall(memory, known, Look(NOW)) is None


@needs_extension
def test_what_changed_just_now_is_not_remembered(known):
    memory = Memory(ManualClock(0), ManualClock(time.time()))
    look_at_once(chain.read, memory, known, Look(NOW))
    assert recall(memory, known, Look(NOW)) is None


@needs_extension
def test_a_directory_known_under_another_name_is_not_taken_for_this_one(known, memory):
    other = Placement('sda', known.device_path, '1', StoragePolicy(0, 'gold'), 'a', 'c', 'p',
                      'f' * 32)
    assert recall(memory, other, Look(NOW)) is None
