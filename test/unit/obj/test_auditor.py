"""The object-auditor on real files: what it finds, quarantines, leaves alone, and tells."""
import json
import os

import pytest

from swift.common import log
from swift.common.clock import ManualClock
from swift.common.codecs.metadata import decode_metadata, encode_metadata
from swift.common.exceptions import QuarantineRequest
from swift.common.metrics import Statsd
from swift.common.xattr import CHECKSUM_KEY, KEY, read_blob, write_blob
from swift.obj import audit_sweep, audit_walk, reading
from swift.obj.auditor import ObjectAuditor
from test.support import golden_objects
from test.support.logs import RecordingLogger
from test.support.object_node import Node, cluster

NOW = 1800000000


class Audited:
    """Devices filled by a real object server, and an auditor over them."""

    def __init__(self, tmp_path, **conf):
        self.devices = tmp_path / 'devices'
        (self.devices / 'sda').mkdir(parents=True, exist_ok=True)
        self.recon = tmp_path / 'recon'
        self.recon.mkdir(exist_ok=True)
        self.clock = ManualClock(NOW)
        self.logger = RecordingLogger()
        self.slept, self.metrics = [], []
        self.auditor = ObjectAuditor(
            {'devices': str(self.devices), 'mount_check': 'false',
             'recon_cache_path': str(self.recon), 'files_per_second': '0',
             'bytes_per_second': '0', **conf},
            self.logger, cluster=cluster(), clock=self.clock, sleep=self.sleep)
        self.auditor.statsd = Statsd(lambda line: self.metrics.append(line.decode()))

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.clock.advance(seconds)

    def put(self, name='o', body=b'hello', part='7', policy='0', device='sda', **headers):
        node = Node(self.devices, clock=self.clock)
        try:
            answer = node.request('PUT', '/%s/%s/a/c/%s' % (device, part, name), {
                'X-Timestamp': '1700000000.00000', 'Content-Type': 'text/plain',
                'X-Backend-Storage-Policy-Index': policy, **headers}, body)
        finally:
            node.close()
        assert answer.status == 201
        datadir = 'objects' if policy == '0' else 'objects-' + policy
        hash_ = cluster().hash_path('a', 'c', name)
        return self.devices / device / datadir / part / hash_[-3:] / hash_

    def scan(self, kind='ALL', devices=(), fps=0, **more):
        self.auditor.scan(kind, devices, fps, **more)
        return self.stats(kind)

    def stats(self, kind='ALL'):
        recon = json.loads((self.recon / 'object.recon').read_text())
        return recon['object_auditor_stats_' + kind]

    def quarantined(self, policy=''):
        folder = self.devices / 'sda/quarantined' / ('objects' + policy)
        return sorted(os.listdir(folder)) if folder.exists() else []


def data_file(hash_dir):
    name, = [name for name in os.listdir(hash_dir) if name.endswith('.data')]
    return hash_dir / name


def counts(stats):
    return stats['passes'], stats['quarantined'], stats['errors']


# -- what is found -------------------------------------------------------------------------------

def rot(path):
    with open(path, 'r+b') as file:
        file.write(b'J')


def shorten(path):
    os.truncate(path, 4)


def empty(path):
    os.truncate(path, 0)


def lengthen(path):
    with open(path, 'ab') as file:
        file.write(b'!')


def rot_metadata(path):
    blob = os.getxattr(path, KEY)
    os.setxattr(path, KEY, blob[:-5] + bytes([blob[-5] ^ 1]) + blob[-4:])


def lose_metadata(path):
    os.removexattr(path, KEY)


def move_hash_dir(path):
    os.rename(path.parent, path.parent.parent / ('0' * 32))


def odd_hash_dir(path):
    os.rename(path.parent, path.parent.parent / 'lost')


@pytest.mark.parametrize('damage, seen_by_zbf', [
    (rot, False), (shorten, True), (empty, True), (lengthen, True), (rot_metadata, True),
    (lose_metadata, True), (move_hash_dir, True), (odd_hash_dir, True)])
def test_damage_is_found_quarantined_and_told(tmp_path, damage, seen_by_zbf):
    audited = Audited(tmp_path)
    hash_dir = audited.put()
    audited.put('other', part='8')
    damage(data_file(hash_dir))
    expected = (1, 1, 0) if seen_by_zbf else (2, 0, 0)
    assert counts(audited.scan('ZBF')) == expected
    assert len(audited.quarantined()) == expected[1]
    stats = audited.scan('ALL')
    assert counts(stats) == ((1, 0, 0) if seen_by_zbf else (1, 1, 0))
    assert len(audited.quarantined()) == 1 and not hash_dir.exists()
    line, = [line for line in audited.logger.lines(log.ERROR)
             if 'failed audit and was quarantined: ' in line]
    assert line.startswith('ERROR Object ')
    assert [line for line in audited.logger.lines() if line.startswith('Quarantined object ')]
    assert 'quarantines:1|c' in audited.metrics
    # Replication must notice the hole.
    suffix = hash_dir.parent.name
    assert suffix in (hash_dir.parent.parent / 'hashes.invalid').read_text()


def test_good_objects_pass_and_are_counted(tmp_path):
    audited = Audited(tmp_path, object_size_stats='10,100')
    for number, size in enumerate((0, 5, 50, 70000, 3 << 20)):
        audited.put('o%d' % number, b'x' * size, part=str(number))
    stats = audited.scan()
    assert counts(stats) == (5, 0, 0) and stats['start_time'] == NOW
    assert stats['bytes_processed'] == 5 + 50 + 70000 + (3 << 20)
    assert counts(audited.scan('ZBF')) == (5, 0, 0)
    assert audited.stats('ZBF')['bytes_processed'] == 0
    assert 'Object audit stats: {"10": 2, "100": 1, "OVER": 2}' in audited.logger.lines(log.INFO)
    assert sum(line.startswith('timing:') for line in audited.metrics) == 10
    assert audited.quarantined() == []


def test_rot_at_the_end_of_a_large_body_is_found(tmp_path):
    audited = Audited(tmp_path)
    hash_dir = audited.put(body=b'x' * ((2 << 20) + 17))
    with open(data_file(hash_dir), 'r+b') as file:
        file.seek(-1, 2)
        file.write(b'y')
    assert counts(audited.scan()) == (0, 1, 0)


def test_expired_deleted_and_missing_objects_are_no_trouble(tmp_path):
    audited = Audited(tmp_path)
    rot(data_file(audited.put('e', **{'X-Delete-At': '1900000000'})))
    audited.clock.advance(200000000)
    node = Node(audited.devices, clock=audited.clock)
    node.request('DELETE', '/sda/7/a/c/gone', {'X-Timestamp': '1999999999.00000'})
    node.close()
    (audited.devices / 'sda/objects/9/abc' / ('a' * 29 + 'abc')).mkdir(parents=True)
    assert counts(audited.scan()) == (0, 0, 0) and audited.quarantined() == []


def test_a_file_in_place_of_a_hash_dir_goes_and_other_files_stay(tmp_path):
    audited = Audited(tmp_path)
    suffix = audited.devices / 'sda/objects/9/abc'
    suffix.mkdir(parents=True)
    (suffix / ('a' * 29 + 'abc')).write_text('?')
    (suffix / 'notes.txt').write_text('keep')
    (suffix.parent / 'hashes.pkl').write_bytes(b'')
    (suffix.parent.parent / 'tmpfile').write_text('keep')
    assert counts(audited.scan()) == (0, 1, 0)
    assert audited.quarantined() == ['a' * 29 + 'abc'] and os.listdir(suffix) == ['notes.txt']


def test_objects_that_vanish_or_change_during_the_audit_are_left_alone(tmp_path, monkeypatch):
    audited = Audited(tmp_path)
    first, second = audited.put('o'), audited.put('p', part='8')
    real = audit_walk.list_places

    def list_and_lose(where, part, suffix, cluster_):
        places = real(where, part, suffix, cluster_)
        path = first if part == '7' else second
        data_file(path).unlink()
        if part == '8':
            path.rmdir()
        return places
    monkeypatch.setattr(audit_walk, 'list_places', list_and_lose)
    assert counts(audited.scan()) == (0, 0, 0) and audited.quarantined() == []


def test_damage_that_was_just_replaced_quarantines_nothing(tmp_path, monkeypatch):
    audited = Audited(tmp_path)
    hash_dir = audited.put()
    shorten(data_file(hash_dir))
    (audited.devices / 'sdb').mkdir()
    newer = data_file(audited.put(device='sdb', **{'X-Timestamp': '1700000001.00000'}))
    # Away from where the auditor, which takes devices in random order, may find it first.
    newer = newer.rename(tmp_path / newer.name)
    real = reading._checked_status

    def replaced_meanwhile(state, fd):
        monkeypatch.setattr(reading, '_checked_status', real)
        os.rename(newer, hash_dir / newer.name)
        return real(state, fd)
    monkeypatch.setattr(reading, '_checked_status', replaced_meanwhile)
    assert counts(audited.scan()) == (0, 0, 0) and audited.quarantined() == []
    assert counts(audited.scan()) == (1, 0, 0)


# -- house-keeping ---------------------------------------------------------------------------------

def test_missing_checksums_are_added(tmp_path):
    audited = Audited(tmp_path)
    path = data_file(audited.put())
    checksum = os.getxattr(path, CHECKSUM_KEY)
    os.removexattr(path, CHECKSUM_KEY)
    assert counts(audited.scan()) == (1, 0, 0)
    assert os.getxattr(path, CHECKSUM_KEY) == checksum


def test_old_leftovers_of_rsync_are_removed(tmp_path):
    audited = Audited(tmp_path)
    hash_dir = audited.put()
    old, new, other = (hash_dir / name for name in (
        '.1700000000.00000.data.AbC123', '.1700000001.00000.data.AbC124', '.keep'))
    for path in (old, new, other):
        path.write_text('part')
        os.utime(path, (NOW - 90000, NOW - 90000))
    os.utime(new, (NOW - 80000, NOW - 80000))
    assert counts(audited.scan('ZBF')) == (1, 0, 0)
    assert not old.exists() and new.exists() and other.exists()


@pytest.mark.parametrize('section, seconds', [
    ('', 86400), ('[object-replicator]\n', 1800), ('[object-replicator]\nrsync_timeout=60\n', 960),
    ('[object-replicator]\nrsync_timeout=soon\n', 86400)])
def test_leftovers_age_with_the_replicator(tmp_path, section, seconds):
    path = tmp_path / 'object-server.conf'
    path.write_text(section or '[object-auditor]\n')
    audited = Audited(tmp_path, __file__=str(path))
    assert audited.auditor.rsync_tempfile_timeout_s == seconds
    assert Audited(tmp_path, rsync_tempfile_timeout='5').auditor.rsync_tempfile_timeout_s == 5


@pytest.mark.parametrize('kind, age, marks', [('ALL', 700000, 1), ('ALL', 600000, 0),
                                              ('ZBF', 700000, 0)])
def test_suffixes_of_old_tombstones_are_marked_for_reclaim(tmp_path, kind, age, marks):
    audited = Audited(tmp_path)
    node = Node(audited.devices, clock=audited.clock)
    node.request('DELETE', '/sda/7/a/c/o', {'X-Timestamp': '%d.00000' % (NOW - age)})
    node.close()
    suffix = cluster().hash_path('a', 'c', 'o')[-3:]
    invalid = audited.devices / 'sda/objects/7/hashes.invalid'
    invalid.write_text('')
    audited.scan(kind)
    assert invalid.read_text() == (suffix + '\n') * marks


# -- resuming, pacing, devices ------------------------------------------------------------------

def status(audited, kind='ALL'):
    path = audited.devices / 'sda/objects' / ('auditor_status_%s.json' % kind)
    return json.loads(path.read_text())['partitions'] if path.exists() else None


def test_a_killed_scan_goes_on_with_the_partition_it_was_in(tmp_path, monkeypatch):
    audited = Audited(tmp_path)
    for number in range(4):
        audited.put('o%d' % number, part=str(number))
    visited = []
    real = audit_walk.list_suffixes

    def dying(where, part):
        visited.append(part)
        audited.clock.advance(audit_sweep.STATUS_INTERVAL_S)
        if len(visited) == 3:
            raise KeyboardInterrupt
        return real(where, part)
    monkeypatch.setattr(audit_walk, 'list_suffixes', dying)
    with pytest.raises(KeyboardInterrupt):
        audited.scan()
    assert status(audited) == [visited[2], *({'0', '1', '2', '3'} - set(visited))]
    assert counts(audited.scan()) == (2, 0, 0)
    assert status(audited) is None
    assert visited[2] == visited[3] and set(visited) == {'0', '1', '2', '3'}
    assert counts(audited.scan()) == (4, 0, 0)


@pytest.mark.parametrize('text, passes', [('{"partitions": ["2"]}', 1), ('{"partitions": []}', 0),
                                          ('{"partitions": ["2", "99"]}', 1), ('garbage', 3)])
def test_status_files_of_others_are_understood(tmp_path, text, passes):
    audited = Audited(tmp_path)
    for number in range(3):
        audited.put('o%d' % number, part=str(number))
    (audited.devices / 'sda/objects/auditor_status_ALL.json').write_text(text)
    assert counts(audited.scan('ZBF')) == (3, 0, 0)
    assert counts(audited.scan()) == (passes, 0, 0)


def test_limits_are_kept_by_waiting(tmp_path):
    audited = Audited(tmp_path, bytes_per_second='1048576')
    for number in range(3):
        audited.put('o%d' % number, b'x' * (2 << 20), part=str(number))
    audited.scan(fps=1)
    assert audited.clock.time() - NOW >= 4                # 6 MiB, the last of them not waited for
    assert audited.stats()['audit_time'] == 0
    before = audited.clock.time()
    audited.scan('ZBF', fps=2)
    assert audited.clock.time() - before == pytest.approx(1.0)


def test_policies_have_their_own_places_and_unknown_ones_are_skipped(tmp_path):
    audited = Audited(tmp_path)
    rot(data_file(audited.put(policy='1')))
    audited.put()
    for name in ('objects-9', 'objects-x'):
        (audited.devices / 'sda' / name / '5').mkdir(parents=True)
    assert counts(audited.scan()) == (1, 1, 0)
    assert len(audited.quarantined('-1')) == 1 and audited.quarantined() == []
    warnings = '\n'.join(audited.logger.lines(log.WARNING))
    for name in ('objects-9', 'objects-x'):
        assert name in warnings


def test_some_devices_only_and_unmounted_ones_are_skipped(tmp_path):
    audited = Audited(tmp_path)
    (audited.devices / 'sdb').mkdir()
    audited.put()
    audited.put(device='sdb')
    assert list(audited.scan(devices=('sdb',))) == ['sdb']
    assert counts(audited.stats()['sdb']) == (1, 0, 0)
    mounted = Audited(tmp_path, mount_check='true')
    (audited.devices / 'sdb/.ismount').write_text('')
    mounted.auditor._clear('ALL')
    assert counts(mounted.scan()) == (1, 0, 0)
    assert 'Skipping sda as it is not mounted' in mounted.logger.lines(log.WARNING)


def test_progress_is_logged_and_kept_for_operators(tmp_path):
    audited = Audited(tmp_path, log_time='0')
    audited.put()
    audited.put('p', part='8')
    audited.scan()
    assert sum('Object audit (ALL) progress' in line for line in audited.logger.lines()) == 2
    audited.auditor._clear('ALL')
    assert json.loads((audited.recon / 'object.recon').read_text()) == {}


# -- the daemon ------------------------------------------------------------------------------------

def test_z_scans_for_empty_files_only_and_in_this_process(tmp_path):
    audited = Audited(tmp_path)
    rot(data_file(audited.put()))
    audited.auditor.run_once(zero_byte_fps=1000.0, devices='', once=True)
    recon = json.loads((audited.recon / 'object.recon').read_text())
    assert list(recon) == ['object_auditor_stats_ZBF'] and audited.quarantined() == []


@pytest.mark.parametrize('concurrency, devices, keys', [
    ('1', '', None), ('2', '', {'sda', 'sdb'}), ('1', 'sda', {'sda'})])
def test_a_pass_runs_both_scans_in_processes_of_their_own(tmp_path, concurrency, devices, keys):
    audited = Audited(tmp_path, concurrency=concurrency, interval='0')
    (audited.devices / 'sdb').mkdir()
    empty(data_file(audited.put()))
    audited.put(device='sdb')
    for once in (True, False):
        audited.auditor.run_pass(zero_byte_fps=None, devices=devices, once=once)
        stats = audited.stats()
        assert keys is None or set(stats) == keys
        assert audited.stats('ZBF') and len(audited.quarantined()) == 1


# -- golden objects ------------------------------------------------------------------------------

CASES = {name: case for name, case in golden_objects.cases().items() if not case['policy_index']}
CORRUPT = {name for name in CASES if name.startswith('corrupt_')} | {'no_xattr'}


@pytest.mark.parametrize('case', sorted(CASES))
def test_golden_objects_pass_and_corrupt_ones_are_quarantined(tmp_path, case):
    audited = Audited(tmp_path)
    os.rmdir(audited.devices / 'sda')
    golden_objects.restore('objects', case, audited.devices)
    hash_ = CASES[case]['hash']
    stats = audited.scan()
    folder = audited.devices / case / 'quarantined/objects'
    moved = os.listdir(folder) if folder.exists() else []
    if case in CORRUPT:
        assert counts(stats) == (0, 1, 0) and moved == [hash_]
    else:
        assert stats['quarantined'] == stats['errors'] == 0 and moved == []


# -- fragment archives ---------------------------------------------------------------------------

EC_CASES = {name: case for name, case in golden_objects.cases().items()
            if case['policy_index'] == 2}


def restored(tmp_path, case, **conf):
    """A golden device with fragment archives; returns (audited, files of the hash directory)."""
    audited = Audited(tmp_path, **conf)
    os.rmdir(audited.devices / 'sda')
    golden_objects.restore('objects', case, audited.devices)
    folder = audited.devices / EC_CASES[case]['hash_dir']
    return audited, sorted(folder.glob('*.data'))


def moved_archives(audited, case):
    folder = audited.devices / case / 'quarantined/objects-2'
    return os.listdir(folder) if folder.exists() else []


@pytest.mark.parametrize('case', sorted(EC_CASES))
def test_golden_archives_pass_and_the_corrupt_one_is_quarantined(tmp_path, case):
    audited, archives = restored(tmp_path, case)
    stats = audited.scan()
    if case == 'ec_corrupt_frag':
        assert counts(stats) == (0, 1, 0) and moved_archives(audited, case)
    else:
        assert counts(stats) == (len(archives), 0, 0) and not moved_archives(audited, case)
        assert stats['bytes_processed'] == sum(path.stat().st_size for path in archives)


def test_each_of_several_archives_is_audited(tmp_path):
    audited, archives = restored(tmp_path, 'ec_two_frags')
    assert len(archives) == 2
    rot(archives[1])
    assert counts(audited.scan()) == (1, 1, 0)
    assert moved_archives(audited, 'ec_two_frags') == [EC_CASES['ec_two_frags']['hash']]


def test_a_cut_archive_is_found_without_reading(tmp_path):
    audited, archives = restored(tmp_path, 'ec_durable')
    os.truncate(archives[0], 1)
    assert counts(audited.scan('ZBF')) == (0, 1, 0)


@pytest.mark.parametrize('key', ['X-Object-Sysmeta-Ec-Frag-Index', 'X-Object-Sysmeta-Ec-Etag'])
def test_an_archive_that_does_not_say_what_it_is_goes(tmp_path, key):
    audited, archives = restored(tmp_path, 'ec_durable')
    metadata = decode_metadata(read_blob(str(archives[0])))
    del metadata[key]
    with open(archives[0], 'r+b') as file:
        write_blob(file.fileno(), encode_metadata(metadata))
    assert counts(audited.scan()) == (0, 1, 0)
    assert 'Metadata failed validation' in audited.logger.lines(log.WARNING)[-1]


def test_a_file_in_place_of_a_directory_of_archives_goes(tmp_path):
    audited, archives = restored(tmp_path, 'ec_durable')
    folder = archives[0].parent
    folder.rename(tmp_path / 'away')
    folder.write_bytes(b'x')
    assert audited.scan()['quarantined'] == 1


# -- watchers --------------------------------------------------------------------------------------

class Watcher:
    calls: list = []
    fail_in = ''
    quarantine = False

    def __init__(self, conf, logger, **other):
        self.conf = conf
        self.logger = logger
        self._note('init')

    def _note(self, what, *facts):
        type(self).calls.append((what, *facts))
        if what == type(self).fail_in:
            raise RuntimeError('broken')

    def start(self, audit_type, **other):
        self.logger.info('hello %d%%', 5)
        self._note('start', audit_type)

    def see_object(self, object_metadata, data_file_path, **other):
        self._note('see', object_metadata['name'], data_file_path)
        if type(self).quarantine:
            raise QuarantineRequest

    def end(self, **other):
        self._note('end')


def watched(tmp_path, **attributes):
    kind = type('Watching', (Watcher,), {'calls': [], **attributes})
    audited = Audited(tmp_path)
    audited.auditor._watcher_classes = {'pkg#w%1': kind}
    return audited, kind.calls


def test_watchers_see_every_good_object(tmp_path):
    audited, calls = watched(tmp_path)
    path = data_file(audited.put())
    shorten(data_file(audited.put('bad', part='8')))
    audited.scan()
    audited.scan('ZBF')
    assert calls == [('init',), ('start', 'ALL'), ('see', '/a/c/o', str(path)), ('end',),
                     ('init',), ('start', 'ZBF'), ('see', '/a/c/o', str(path)), ('end',)]
    assert '[audit-watcher pkg#w%1] hello 5%' in audited.logger.lines(log.INFO)


def test_a_watcher_may_ask_for_quarantine(tmp_path):
    audited, _calls = watched(tmp_path, quarantine=True)
    audited.put()
    assert counts(audited.scan()) == (0, 1, 0) and len(audited.quarantined()) == 1
    assert any(line.endswith('Requested by pkg#w%1') for line in audited.logger.lines(log.ERROR))


@pytest.mark.parametrize('where, seen', [
    ('init', ['init']), ('start', ['init', 'start']), ('see', ['init', 'start', 'see', 'end']),
    ('end', ['init', 'start', 'see', 'end'])])
def test_failing_watchers_harm_nobody(tmp_path, where, seen):
    audited, calls = watched(tmp_path, fail_in=where)
    audited.put()
    assert counts(audited.scan()) == (1, 0, 0)
    assert [call[0] for call in calls] == seen
    assert any('broken' in line for line in audited.logger.lines(log.ERROR))
