"""An open ring: look-ups, reloading in the background, keeping the last good table."""
import os
import shutil
from itertools import islice

import pytest

from swift.common import log
from swift.common.clock import ManualClock
from swift.common.cluster import Cluster
from swift.common.disk_threads import run_in_thread
from swift.common.errors import RingLoadError, RingUnfit
from swift.common.ring.files import read_ring, write_ring
from swift.common.ring.ring import Ring
from test.support.golden_rings import FOLDER, cases
from test.support.logs import RecordingLogger

GOLDEN = cases()['four_zones']['rings']['v1']
CLUSTER = Cluster.of(prefix=b'changeme', suffix=b'changeme')


class Later:
    """Collects background work; run() does it."""

    def __init__(self):
        self.jobs = []

    def __call__(self, job):
        self.jobs.append(job)

    def run(self):
        while self.jobs:
            self.jobs.pop()()


class Bench:
    """A ring on a file that tests replace, with a clock and background work in their hands."""

    def __init__(self, folder, **options):
        self.path = folder / 'object.ring.gz'
        self.put('four_zones')
        self.clock, self.later, self.logger = ManualClock(), Later(), RecordingLogger()
        self.ring = Ring(str(folder), ring_name='object', hash_path=CLUSTER.hash_path,
                         clock=self.clock, background=self.later, logger=self.logger, **options)

    def put(self, name):
        temporary = self.path.with_suffix('.new')
        shutil.copyfile(FOLDER / name / 'v1' / 'object.ring.gz', temporary)
        os.replace(temporary, self.path)

    def pass_time(self):
        self.clock.advance(16)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_look_ups(bench):
    ring = bench.ring
    for look_up in GOLDEN['lookups']:
        names = look_up['path'][1:].split('/', 2)
        part, nodes = ring.get_nodes(*names)
        assert part == ring.get_part(*names) == look_up['partition']
        assert [node.id for node in nodes] == look_up['primaries']
        assert [node.id for node in ring.get_part_nodes(part)] == look_up['primaries']
        handoffs = [node.id for node in islice(ring.get_more_nodes(part), 6)]
        assert handoffs == look_up['first_6_handoffs']


def test_what_the_ring_is(bench):
    ring = bench.ring
    assert (ring.name, ring.part_power, ring.part_shift) == ('object', 10, 22)
    assert (ring.partition_count, ring.replica_count) == (1024, 3.0)
    assert (ring.version, ring.next_part_power) == (5, None)
    assert (ring.device_count, ring.weighted_device_count, ring.assigned_device_count) == (4, 4, 4)
    assert ring.devs == GOLDEN['devs'] and ring.reload_time == 15
    assert ring.size == GOLDEN['file_bytes'] and ring.raw_size == 6923


def test_nothing_is_looked_at_before_the_time(bench):
    bench.put('two_regions')
    assert bench.ring.version == 5 and bench.ring.has_changed()
    bench.clock.advance(14)
    bench.ring.get_part_nodes(0)
    assert not bench.later.jobs


def test_a_new_file_is_loaded_in_the_background(bench):
    old = [node.id for node in bench.ring.get_part_nodes(0)]
    bench.put('two_regions')
    bench.pass_time()
    assert [node.id for node in bench.ring.get_part_nodes(0)] == old
    assert len(bench.later.jobs) == 1
    bench.pass_time()
    bench.ring.get_part_nodes(0)
    assert len(bench.later.jobs) == 1, 'one load at a time'
    bench.later.run()
    assert bench.ring.part_power == 8 and len(bench.ring.devs) == 8
    assert not bench.ring.has_changed()
    bench.pass_time()
    bench.ring.get_part_nodes(0)
    assert not bench.later.jobs


def test_an_older_file_is_another_file_too(bench):
    bench.put('two_regions')
    os.utime(bench.path, (1000, 1000))
    assert bench.ring.reload_if_changed()
    assert not bench.ring.reload_if_changed()


def test_handoffs_under_way_stay_with_their_table(bench):
    walk = bench.ring.get_more_nodes(0)
    bench.put('two_regions')
    assert bench.ring.reload_if_changed()
    assert [node.id for node in walk] == GOLDEN['all_handoffs']['0']['handoffs']


@pytest.mark.parametrize('spoil', ['remove', 'truncate', 'garbage'])
def test_the_last_good_ring_stays(bench, spoil):
    nodes = bench.ring.get_part_nodes(5)
    if spoil == 'remove':
        bench.path.unlink()
    else:
        content = bench.path.read_bytes()
        bench.path.write_bytes(content[:-20] if spoil == 'truncate' else b'garbage')
    for _time in range(3):
        bench.pass_time()
        assert bench.ring.get_part_nodes(5) == nodes
        bench.later.run()
    assert len(bench.logger.lines(log.ERROR)) == 1, 'the same cause is logged once'
    assert str(bench.path) in bench.ring.load_error
    bench.put('two_regions')
    bench.pass_time()
    bench.ring.get_part_nodes(5)
    bench.later.run()
    assert bench.ring.load_error is None and bench.ring.part_power == 8


def test_recovery_with_the_same_file_clears_the_error(bench):
    kept = bench.path.with_name('kept')
    os.rename(bench.path, kept)
    bench.pass_time()
    bench.ring.get_part_nodes(0)
    assert bench.ring.load_error
    os.rename(kept, bench.path)
    bench.pass_time()
    bench.ring.get_part_nodes(0)
    assert bench.ring.load_error is None


def need_three(ring):
    if ring.replica_count != 3:
        raise RingUnfit('wants 3 replicas', ring.serialized_path)


def test_unfit_rings_are_fatal_first_and_ignored_later(tmp_path):
    bench = Bench(tmp_path, validation_hook=need_three)
    bench.put('ec_six')
    assert not bench.ring.reload_if_changed()
    assert bench.ring.load_error == 'wants 3 replicas' and bench.ring.replica_count == 3
    with pytest.raises(RingUnfit):
        Ring(str(bench.path), validation_hook=need_three)


def test_missing_at_first(tmp_path):
    with pytest.raises(RingLoadError):
        Ring(str(tmp_path), ring_name='object')


def test_next_part_power_is_noticed(bench):
    data = read_ring(str(bench.path))
    data.next_part_power = 11
    write_ring(str(bench.path), data)
    bench.pass_time()
    assert bench.ring.next_part_power is None
    bench.later.run()
    assert bench.ring.next_part_power == 11


def test_default_background_is_a_native_thread(tmp_path):
    from swift.common import green
    bench = Bench(tmp_path)
    clock = ManualClock()
    ring = Ring(str(bench.path), clock=clock, reload_time=1)
    bench.put('two_regions')
    clock.advance(2)
    assert ring.part_power == 10
    ring.get_part_nodes(0)
    with green.Timeout(10):
        while ring.part_power == 10:
            green.sleep(0.001)
    assert ring.part_power == 8


def test_a_look_up_in_a_native_thread_reloads_right_there(tmp_path):
    from swift.common import green
    bench = Bench(tmp_path)
    clock = ManualClock()
    ring = Ring(str(bench.path), clock=clock)
    bench.put('two_regions')
    clock.advance(16)
    with green.Timeout(10):
        assert len(run_in_thread(lambda: ring.devs)) == 8
