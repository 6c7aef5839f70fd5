"""The builder: its file, device changes, ages, partition power, rebalancing over time."""
import os
import pickle
import stat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swift.common.clock import ManualClock
from swift.common.codecs import builder as codec
from swift.common.errors import (
    BuilderError,
    BuilderFileError,
    DuplicateDeviceError,
    EmptyRingError,
    RingValidationError,
)
from swift.common.ring.builder import RingBuilder, id_bytes_for
from swift.common.ring.files import read_ring, write_ring
from test.support.golden_rings import FOLDER, builder_files, cases
from test.support.ring_devices import builder_of, dev, device_lists

NAMES = [name for name, case in cases().items() if 'builder' in case]


def four_zones(**options):
    return builder_of([dev(number, zone=number) for number in range(4)], **options)


# -- the file --------------------------------------------------------------------------------

@pytest.mark.parametrize('path', builder_files())
def test_golden_builders_are_written_back_byte_for_byte(path, tmp_path):
    content = (FOLDER / path).read_bytes()
    assert codec.dump(codec.load(content)) == content
    builder = RingBuilder.load(str(FOLDER / path))
    builder.save(str(tmp_path / 'x.builder'))
    assert (tmp_path / 'x.builder').read_bytes() == content


@pytest.mark.parametrize('name', NAMES)
def test_golden_builders_are_understood(name, tmp_path):
    expected = cases()[name]['builder']
    builder = RingBuilder.load(str(FOLDER / name / 'object.builder'))
    for key in ('part_power', 'next_part_power', 'replicas', 'min_part_hours', 'version',
                'overload', 'id', 'devs', 'devs_changed', 'dispersion', 'parts'):
        assert getattr(builder, key) == expected[key]
    assert builder.balance() == pytest.approx(expected['balance'])
    assert builder.required_overload() == pytest.approx(expected['required_overload'])
    assert [dev['id'] for dev in builder.removed_devs] == expected['removed_devices']
    for version in (1, 2):
        golden = FOLDER / name / f'v{version}' / 'object.ring.gz'
        if golden.exists():
            write_ring(str(tmp_path / 'object.ring.gz'), builder.ring_data(), version)
            assert (tmp_path / 'object.ring.gz').read_bytes() == golden.read_bytes()


class Evil:
    def __reduce__(self):
        return os.system, ('touch /tmp/evil',)


@pytest.mark.parametrize('content', [
    b'', b'garbage', pickle.dumps(Evil()), pickle.dumps([1]), pickle.dumps({'part_power': 4}),
    pickle.dumps({'part_power': 4, 'replicas': 3, 'min_part_hours': 1, 'devs': [1]}),
    pickle.dumps({'part_power': 99, 'replicas': 3, 'min_part_hours': 1, 'devs': []}),
    pickle.dumps({'part_power': 2, 'replicas': 3, 'min_part_hours': 1, 'devs': [],
                  '_last_part_moves': [0, 0]}),
    b'carray\narray\n(S"d"\n(F1.0\nltR.'])
def test_anything_else_is_no_builder(content, tmp_path):
    path = tmp_path / 'x.builder'
    path.write_bytes(content)
    with pytest.raises(BuilderFileError, match=f'Ring Builder file is invalid: {path}'):
        RingBuilder.load(str(path))


def test_missing_file(tmp_path):
    with pytest.raises(BuilderFileError, match='Ring Builder file does not exist: .*none'):
        RingBuilder.load(str(tmp_path / 'none'))


def test_old_files_lack_keys():
    builder = RingBuilder.from_state({
        'part_power': 2, 'replicas': 2, 'min_part_hours': 1,
        'devs': [{'id': 0, 'zone': 1, 'ip': 'a', 'port': 1, 'device': 'd', 'weight': 1.0}, None]})
    assert builder.devs[0] == {
        'id': 0, 'zone': 1, 'ip': 'a', 'port': 1, 'device': 'd', 'weight': 1.0, 'region': 1,
        'meta': '', 'replication_ip': 'a', 'replication_port': 1, 'parts': 0}
    assert builder.dispersion is None and builder.version == 0 and builder.overload == 0.0
    assert not builder.is_balanced_once and builder.next_part_power is None


def test_saving_gives_an_id_once_and_keeps_permissions(tmp_path):
    path = tmp_path / 'x.builder'
    builder = four_zones()
    builder.save(str(path))
    first = builder.id
    assert len(first) == 32
    path.chmod(0o600)
    builder.save(str(path))
    assert RingBuilder.load(str(path)).id == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ['x.builder']


def test_saving_through_a_symbolic_link(tmp_path):
    (tmp_path / 'real').mkdir()
    link = tmp_path / 'x.builder'
    link.symlink_to(tmp_path / 'real' / 'x.builder')
    four_zones().save(str(link))
    assert link.is_symlink() and (tmp_path / 'real' / 'x.builder').exists()


@settings(max_examples=30)
@given(device_lists(least=4), st.sampled_from([2.5, 3.0]))
def test_state_survives_the_file(devs, replicas):
    builder = builder_of(devs, replicas=replicas)
    builder.rebalance('1')
    content = codec.dump(builder.state())
    again = RingBuilder.from_state(codec.load(content), builder.clock)
    assert codec.dump(again.state()) == content
    builder.clock.advance(7200)
    for one in (builder, again):
        one.set_dev_value(0, 'weight', 7.0)
        one.rebalance('2')
    assert (builder.table == again.table).all() and builder.version == again.version


# -- devices and settings --------------------------------------------------------------------

@pytest.mark.parametrize('arguments, text', [
    ((33, 3, 1), 'part_power must be at most 32 (was 33)'),
    ((-1, 3, 1), 'part_power must be at least 0 (was -1)'),
    ((4, 0.5, 1), 'replicas must be at least 1 (was 0.500000)'),
    ((4, float('nan'), 1), 'replicas must be at least 1 (was nan)'),
    ((4, 3, -1), 'min_part_hours must be non-negative (was -1)')])
def test_refused_at_birth(arguments, text):
    with pytest.raises(BuilderError) as refused:
        RingBuilder(*arguments)
    assert str(refused.value) == text


def test_adding_devices():
    builder = four_zones()
    assert builder.version == 4 and builder.devs_changed
    assert builder.devs[3] == {
        'region': 1, 'zone': 3, 'ip': '10.0.0.1', 'port': 6200, 'device': 'd3', 'weight': 100.0,
        'id': 3, 'parts': 0, 'meta': '', 'replication_ip': '10.0.0.1', 'replication_port': 6200}
    builder.devs[1] = None
    assert builder.add_dev(dev(9)) == 1 and builder.add_dev(dev(10)) == 4
    with pytest.raises(DuplicateDeviceError, match='Duplicate device id: 3'):
        builder.add_dev(dict(dev(11), id=3))
    with pytest.raises(BuilderError, match='weight is required'):
        builder.add_dev({'region': 1, 'zone': 1, 'ip': 'x', 'port': 1, 'device': 'd'})


def test_wide_ids():
    builder = four_zones()
    builder.add_dev(dict(dev(5), id=65535))
    assert builder.dev_id_bytes == 4 and len(builder.devs) == 65536
    builder.rebalance('1')
    assert builder.ring_data().rows[0].itemsize == 4
    builder.remove_dev(65535)
    builder.clock.advance(7200)
    builder.rebalance('1')
    assert builder.dev_id_bytes == 2 and len(builder.devs) == 4
    assert [id_bytes_for(number) for number in (65534, 65535, 2**32 - 2)] == [2, 4, 4]
    with pytest.raises(BuilderError):
        id_bytes_for(2**32 - 1)


def test_marked_devices_are_left_alone():
    builder = four_zones()
    builder.remove_dev(1)
    builder.remove_dev(1)
    assert len(builder.removed_devs) == 1 and builder.devs[1]['weight'] == 0
    for key in ('weight', 'region', 'zone'):
        with pytest.raises(BuilderError) as refused:
            builder.set_dev_value(1, key, 5)
        assert str(refused.value) == (f'Can not set {key} of dev_id 1 because it is marked for '
                                      'removal')
    with pytest.raises(BuilderError, match='no device 9'):
        builder.remove_dev(9)


def test_set_replicas_marks_only_real_changes():
    builder = four_zones()
    builder.rebalance('1')
    builder.set_replicas(3.001)
    assert not builder.devs_changed and builder.replicas == 3.001
    builder.set_replicas(3.5)
    assert builder.devs_changed


# -- rebalancing -----------------------------------------------------------------------------

def test_first_rebalance():
    builder = four_zones(part_power=4)
    outcome = builder.rebalance('1')
    assert (outcome.changed, outcome.balance, outcome.removed) == (48, 0.0, 0)
    assert [dev['parts'] for dev in builder.devs] == [12] * 4
    assert builder.version == 5 and not builder.devs_changed and builder.dispersion == 0
    assert builder.min_part_seconds_left() == 3600
    builder.validate()


def test_the_seed_decides():
    tables = []
    for seed in ('x', 'x', 'y', None, None):
        builder = four_zones()
        builder.rebalance(seed)
        tables.append(builder.table.tolist())
    assert tables[0] == tables[1] and tables[0] != tables[2] and tables[3] != tables[4]


def test_nothing_moves_within_min_part_hours():
    builder = four_zones(min_part_hours=2)
    builder.rebalance('1')
    builder.add_dev(dev(9, zone=9))
    for minutes in (0, 59, 60):
        builder.clock.advance(minutes * 60)
        assert builder.rebalance('1').changed == 0
    builder.clock.advance(3600)
    outcome = builder.rebalance('1')
    assert outcome.changed == builder.devs[4]['parts'] > 0


def test_removed_devices_are_emptied_at_once_and_their_partitions_rest():
    builder = four_zones(part_power=5)
    builder.rebalance('1')
    before = builder.table.copy()
    builder.remove_dev(3)
    outcome = builder.rebalance('1')
    assert outcome.removed == 1 and len(builder.devs) == 3
    lost = before == 3
    assert outcome.changed == lost.sum()
    assert (builder.table[~lost] == before[~lost]).all()
    assert builder.ages()[lost.any(axis=0)].max() == 0
    builder.validate()


def test_more_replicas_need_no_waiting():
    builder = four_zones()
    builder.rebalance('1')
    before = builder.table.copy()
    builder.set_replicas(3.25)
    outcome = builder.rebalance('1')
    assert outcome.changed == 16 and [len(row) for row in builder.rows] == [64, 64, 64, 16]
    assert (builder.table[:3] == before).all()
    builder.set_replicas(2)
    assert builder.rebalance('1').changed == 0
    assert len(builder.rows) == 2 and sum(dev['parts'] for dev in builder.devs) == 128


def test_changes_outside_the_short_row_are_counted():
    builder = builder_of([dev(number, zone=number) for number in range(6)], part_power=10,
                         replicas=3.001)
    assert builder.rebalance('1').changed == 3 * 1024 + 1


def test_pretending_that_time_passed():
    builder = four_zones()
    builder.rebalance('1')
    builder.add_dev(dev(9, zone=9))
    builder.pretend_min_part_hours_passed()
    assert builder.min_part_seconds_left() == 0 and builder.rebalance('1').changed > 0


def test_ages_saturate():
    builder = four_zones()
    builder.rebalance('1')
    builder.clock.advance(400 * 3600)
    builder.rebalance('1')
    assert set(builder.ages().tolist()) == {255}


def test_no_plan():
    with pytest.raises(EmptyRingError):
        builder_of([]).rebalance('1')
    with pytest.raises(EmptyRingError):
        builder_of([dev(0, weight=0.0)]).rebalance('1')
    with pytest.raises(RingValidationError, match='Replica count of 3.0 requires more than 2'):
        builder_of([dev(0), dev(1)]).rebalance('1')


@settings(max_examples=60)
@given(device_lists(least=5), st.sampled_from([2, 2.5, 3]), st.data())
def test_a_life_of_changes(devs, replicas, data):
    """Whatever operators do: valid tables, rest periods kept, one move by choice."""
    builder = builder_of(devs, replicas=replicas, part_power=5)
    builder.rebalance('1')
    moved_at = np.zeros(32)
    now = 0
    for number in range(4):
        hours = data.draw(st.sampled_from([0, 0.5, 1, 1.5, 3]))
        now += hours
        builder.clock.advance(hours * 3600)
        live = [one['id'] for one in builder.present_devs]
        kind = data.draw(st.sampled_from(['add', 'weight', 'remove']))
        if kind == 'add':
            builder.add_dev(dev(100 + number, 1, 1, '10.0.0.77'))
        elif kind == 'weight':
            builder.set_dev_value(data.draw(st.sampled_from(live)), 'weight', 30.0)
        elif len(live) > 5:
            builder.remove_dev(data.draw(st.sampled_from(live)))
        before = builder.table.copy()
        gone = np.isin(before, [one['id'] for one in builder.removed_devs])
        builder.rebalance(str(number))
        builder.validate()
        moved = builder.table != before
        by_choice = (moved & ~gone).any(axis=0)
        assert (moved & ~gone).sum(axis=0).max() <= 1
        assert not (by_choice & gone.any(axis=0)).any()
        assert (now - moved_at[by_choice] >= 1).all()
        moved_at[moved.any(axis=0)] = now


# -- validation ------------------------------------------------------------------------------

def test_validation():
    builder = four_zones()
    with pytest.raises(RingValidationError, match='did you forget to rebalance'):
        builder.validate()
    builder.rebalance('1')
    builder.devs[0]['parts'] += 1
    with pytest.raises(RingValidationError, match='not double accounted for: 193 != 192'):
        builder.validate()
    builder.devs[0]['parts'] -= 1
    builder.devs[0]['port'] = '6200'
    with pytest.raises(RingValidationError, match="Device 0 has port '6200', which is not"):
        builder.validate()
    builder.devs[0]['port'] = 6200
    builder.table[1, 7] = builder.table[0, 7]
    with pytest.raises(RingValidationError, match='The partition 7 has been assigned to dupl'):
        builder.validate()
    builder.table[1, 7] = -1
    with pytest.raises(RingValidationError, match='Partition 7, replica 1 was not allocated'):
        builder.validate()


def test_short_rows_are_refused():
    state = four_zones()
    state.rebalance('1')
    content = state.state()
    content['_replica2part2dev'][0] = content['_replica2part2dev'][0][:60]
    with pytest.raises(RingValidationError) as refused:
        RingBuilder.from_state(content)
    assert str(refused.value).startswith('The partition assignments of replica 0 were shorter than '
                                         'expected (60 < 64)')


# -- partition power -------------------------------------------------------------------------

def test_power_increase():
    builder = four_zones()
    builder.rebalance('1')
    before, version = builder.table.copy(), builder.version
    assert not builder.increase_partition_power() and not builder.finish_increase_partition_power()
    assert not builder.cancel_increase_partition_power()
    assert builder.prepare_increase_partition_power()
    assert not builder.prepare_increase_partition_power()
    assert builder.next_part_power == 7 and builder.ring_data().next_part_power == 7
    assert not builder.finish_increase_partition_power()
    assert builder.increase_partition_power() and not builder.increase_partition_power()
    assert not builder.cancel_increase_partition_power()
    assert builder.part_power == 7 and builder.parts == 128
    assert (builder.table[:, 0::2] == before).all() and (builder.table[:, 1::2] == before).all()
    assert [one['parts'] for one in builder.devs] == [96] * 4
    assert len(builder.ages()) == 128 and builder.state()['_last_part_moves'].typecode == 'B'
    builder.validate()
    assert builder.finish_increase_partition_power() and builder.next_part_power is None
    assert builder.version == version + 3


def test_power_increase_given_up():
    builder = four_zones()
    builder.prepare_increase_partition_power()
    assert builder.cancel_increase_partition_power()
    assert builder.next_part_power == builder.part_power == 6
    assert builder.finish_increase_partition_power()


# -- from a ring -----------------------------------------------------------------------------

def test_builder_for_a_ring_whose_builder_was_lost(tmp_path):
    ring = read_ring(str(FOLDER / 'power_prepare/v1/object.ring.gz'))
    builder = RingBuilder.from_ring(ring, 12, ManualClock())
    assert (builder.part_power, builder.replicas, builder.min_part_hours) == (6, 3.0, 12)
    assert builder.version == ring.version and builder.id is None
    assert builder.next_part_power == 7, 'an increase under way is not forgotten'
    builder.validate()
    assert builder.rebalance('1').changed == 0
    write_ring(str(tmp_path / 'object.ring.gz'), builder.ring_data())
    assert read_ring(str(tmp_path / 'object.ring.gz')).rows == ring.rows
