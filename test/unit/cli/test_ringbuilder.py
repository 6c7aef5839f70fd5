"""swift-ring-builder: every command, its texts and exit codes."""
import fcntl
import io
import os
import shutil

import pytest

from swift.cli.ringbuilder import COMMANDS, main
from swift.cli.ringbuilder_help import USAGE
from swift.common.clock import ManualClock
from swift.common.ring.builder import RingBuilder
from swift.common.ring.files import read_ring
from test.support.golden_rings import FOLDER

FILE = 'object.builder'
UNCHANGED = 'The on-disk ring builder is unchanged.\n'
NOTICE = ('Defaulting to --format-version=1. This ensures the ring\n'
          'written will be readable by older versions of Swift.\n'
          'In a future release, the default will change to\n--format-version=2\n\n')


class Shell:
    """Runs the program in a folder, with a clock and answers in the test's hands."""

    def __init__(self, folder):
        self.folder, self.clock = folder, ManualClock(1700000000)
        self.program, self.answer, self.questions, self.err = 'swift-ring-builder', '', [], ''

    def ask(self, question):
        self.questions.append(question)
        if self.answer is None:
            raise EOFError
        return self.answer

    def __call__(self, *arguments, file=FILE):
        out, err = io.StringIO(), io.StringIO()
        code = main([self.program, file, *map(str, arguments)], out=out, err=err, ask=self.ask,
                    clock=self.clock)
        self.err = err.getvalue()
        return code, out.getvalue()

    def ok(self, *arguments, code=0):
        found, out = self(*arguments)
        assert found == code, out + self.err
        return out

    def fails(self, *arguments, **options):
        before = self.content()
        code, out = self(*arguments, **options)
        assert code == 2 and self.content() == before and 'Traceback' not in self.err
        return out

    def content(self, name=FILE):
        path = self.folder / name
        return path.read_bytes() if path.exists() else None

    def builder(self):
        return RingBuilder.load(str(self.folder / FILE), self.clock)

    def backups(self):
        return sorted(os.listdir(self.folder / 'backups'))


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path)


@pytest.fixture
def four(shell):
    """A builder of four zones with one device each, balanced."""
    shell.ok('create', 4, 3, 1)
    for zone in (1, 2, 3, 4):
        shell.ok('add', f'r1z{zone}-127.0.0.{zone}:6200/sda', 100)
    shell.ok('rebalance', '--seed', 1)
    return shell


# -- files and the program as such -----------------------------------------------------------

def test_help(shell):
    out = io.StringIO()
    assert main(['swift-ring-builder'], out=out) == 0
    assert out.getvalue().startswith('swift-ring-builder 1.3\n')
    assert 'Quick list: add ' in out.getvalue() and 'Exit codes: 0' in out.getvalue()
    assert set(COMMANDS) == set(USAGE)


def test_unknown_command_and_missing_builder(four):
    assert four.fails('bogus') == 'Unknown command: bogus\n'
    assert four.fails('search', 'r1', file='none.builder') == (
        'Ring Builder file does not exist: none.builder\n')


def test_the_ring_may_be_named_instead(four):
    code, out = four('search', 'd0', file='object.ring.gz')
    assert code == 0 and out.startswith(
        'Note: using object.builder instead of object.ring.gz as builder file\nDevices:')
    code, out = four('version', file='object.ring.gz')
    assert out == ('object.ring.gz: Serialization version: 1 (2-byte IDs), build version: 5\n')


def test_files_without_the_usual_ending(shell):
    shell('create', 1, 1, 1, file='thing')
    shell('add', 'r1z1-1.2.3.4:1/a', 1, file='thing')
    shell('rebalance', file='thing')
    assert {'thing', 'thing.ring.gz'} <= set(os.listdir(shell.folder))


@pytest.mark.parametrize('command', [('create', 4, 3, 1), ('search', 'r1'), ()])
def test_invalid_builder_files(shell, command):
    (shell.folder / FILE).write_bytes(b'garbage')
    assert shell.fails(*command) == f'Ring Builder file is invalid: {FILE}\n'
    (shell.folder / FILE).write_bytes(b'{"components": [], "version": 1}')
    assert shell.fails(*command) == (f'Ring Builder file is invalid: {FILE} (it appears to be a '
                                     'composite ring builder file?)\n')


@pytest.mark.parametrize('command', sorted(set(COMMANDS) - {
    'version', 'rebalance', 'dispersion', 'validate', 'write_ring', 'write_builder',
    'pretend_min_part_hours_passed', 'prepare_increase_partition_power',
    'increase_partition_power', 'cancel_increase_partition_power',
    'finish_increase_partition_power'}))
def test_too_few_arguments(four, command):
    out = four.fails(command)
    assert out.startswith(f'swift-ring-builder <builder_file> {command}')
    assert ('The <search-value> can be' in out) == (command not in (
        'add', 'create', 'set_min_part_hours', 'set_replicas', 'set_overload'))


@pytest.mark.parametrize('arguments', [
    ('search', '--bogus'), ('search', '--id', 'x'), ('rebalance', '--format-version', '3'),
    ('write_ring', '--dev-id-bytes', '3'), ('dispersion', '--bogus')])
def test_bad_options_end_with_2(four, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        four(*arguments)
    assert ended.value.code == 2 and 'usage: swift-ring-builder' in capsys.readouterr().err


def test_a_bug_is_2_not_1(four, monkeypatch):
    monkeypatch.setitem(COMMANDS, 'validate', lambda session, args: 1 // 0)
    code, _out = four('validate')
    assert code == 2 and 'ZeroDivisionError' in four.err


def test_safe_variant_waits_for_the_lock(four):
    four.program = '/usr/bin/swift-ring-builder-safe'
    assert four.ok('search', 'd0')

    class Impatient(ManualClock):
        def monotonic(self):
            self.advance(10)
            return super().monotonic()
    four.clock = Impatient()
    with open(four.folder / '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert four.fails('set_overload', 1) == 'Ring/builder dir currently locked.\n'


def test_a_reader_that_goes_away(four):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError
    assert main(['swift-ring-builder', FILE], out=Closed(), err=io.StringIO()) == 2


def test_read_only_commands_need_no_write_permission(four, monkeypatch):
    shutil.rmtree(four.folder / 'backups')

    def refuse(*_args, **_options):
        raise PermissionError(13, 'Permission denied', 'backups')
    monkeypatch.setattr(os, 'makedirs', refuse)
    assert four.ok('search', 'd0')
    assert four.fails('write_ring') == NOTICE + 'backups: Permission denied\n'


# -- create ----------------------------------------------------------------------------------

def test_create(shell):
    assert shell.ok('create', 4, 2.5, 1) == ''
    builder = shell.builder()
    assert (builder.part_power, builder.replicas, builder.min_part_hours) == (4, 2.5, 1)
    assert builder.version == 0 and shell.backups() == ['1700000000.object.builder']
    first = shell.content()
    shell.ok('create', 5, 1, 1)
    assert shell.backups() == [f'170000000{second}.object.builder' for second in range(3)]
    assert shell.content('backups/1700000001.object.builder') == first, 'nothing is lost'


@pytest.mark.parametrize('arguments, text', [
    ((33, 3, 1), 'part_power must be at most 32 (was 33)\n'),
    ((4, 0.5, 1), 'replicas must be at least 1 (was 0.500000)\n'),
    ((4, 3, -1), 'min_part_hours must be non-negative (was -1)\n')])
def test_create_refused(shell, arguments, text):
    assert shell.fails('create', *arguments) == text


def test_create_with_words(shell):
    assert 'create <part_power>' in shell.fails('create', 'a', 'b', 'c')


# -- devices ---------------------------------------------------------------------------------

def test_add(shell):
    shell.ok('create', 4, 3, 1)
    assert shell.ok('add', 'r2z1-[FE80::1]:6200R10.0.0.1:6300/sde_some meta', 100,
                    'r2z1-10.0.0.2:6200/sda', '1.5') == (
        'Device d0r2z1-[fe80::1]:6200R10.0.0.1:6300/sde_"some meta" with 100.0 weight got id 0\n'
        'Device d1r2z1-10.0.0.2:6200R10.0.0.2:6200/sda_"" with 1.5 weight got id 1\n')
    assert 'fe80::1' in shell.ok('search', 'r2z1-[fe80:0::1]')
    assert shell.ok('add', '--region', 0, '--zone', 0, '--ip', 'Node.Example', '--port', 6200,
                    '--device', 'sdb', '--weight', 0, '--meta', 'm') == (
        'Device d2r0z0-node.example:6200Rnode.example:6200/sdb_"m" with 0.0 weight got id 2\n')


def test_add_without_region(shell):
    shell.ok('create', 4, 3, 1)
    shell.ok('add', 'z1-127.0.0.1:6200/sda', 1)
    assert shell.err == ('WARNING: No region specified for z1-127.0.0.1:6200/sda. Defaulting to '
                         'region 1.\n\n')
    assert shell.builder().devs[0]['region'] == 1


@pytest.mark.parametrize('arguments, text', [
    (('r1z1-127.0.0.1:6200/sda', 1), 'Device 0 already uses 127.0.0.1:6200/sda.\n'
     + UNCHANGED + '\n'),
    (('r1z9-127.0.0.9:6200/sda', 1, 'r1z1-127.0.0.1:6200/sda', 1),
     'Device d4r1z9-127.0.0.9:6200R127.0.0.9:6200/sda_"" with 1.0 weight got id 4\n'
     'Device 0 already uses 127.0.0.1:6200/sda.\n' + UNCHANGED + '\n'),
    (('nonsense', 1), 'Invalid add value: nonsense\n' + UNCHANGED),
    (('r1z1-127.0.0.1:x/sda', 1), 'Invalid port :x in add value\n' + UNCHANGED),
    (('r1z1-127.0.0.9:1/sda', 'heavy'), 'Invalid weight value: heavy\n' + UNCHANGED),
    (('--region', 1, '--zone', 1, '--ip', '1.2.3.4', '--port', 1, '--device', 'x'),
     'Required argument -w/--weight not specified.\n' + UNCHANGED)])
def test_add_refused(four, arguments, text):
    assert four.fails('add', *arguments) == text


def test_add_needs_pairs_and_one_form(four):
    for arguments in (('r1z1-1.2.3.4:1/a',), ('r1z1-1.2.3.4:1/a', 1, '--region', 1)):
        assert 'add [r<region>]z<zone>' in four.fails('add', *arguments)


def test_search_by_options(four):
    assert len(four.ok('search', '--region', 1).splitlines()) == 5
    assert ' 127.0.0.2 ' in four.ok('search', '--zone', 2, '--weight', 100)
    assert len(four.ok('search', '--id', 0).splitlines()) == 2
    assert len(four.ok('search', '--yes').splitlines()) == 5
    assert four.fails('search', 'r9') == 'No matching devices found\n'
    assert four.fails('search', 'xyz') == "Invalid <search-value>: 'xyz'\n"
    assert 'search <search-value>' in four.fails('search', 'r1', '--zone', 1)


def test_list_parts(four):
    lines = four.ok('list_parts', 'z1', 'z2').splitlines()
    assert lines[0] == 'Partition   Matches' and len(lines) == 17
    counts = [int(line.split()[1]) for line in lines[1:]]
    assert counts == sorted(counts, reverse=True) and sum(counts) == 24
    assert four.fails('list_parts', 'z9') == 'No matching devices found\n'


def test_set_weight(four):
    assert four.ok('set_weight', 'd0', 5, 'd1', '6.5') == (
        'd0r1z1-127.0.0.1:6200R127.0.0.1:6200/sda_"" weight set to 5.0\n'
        'd1r1z2-127.0.0.2:6200R127.0.0.2:6200/sda_"" weight set to 6.5\n')
    assert [dev['weight'] for dev in four.builder().devs] == [5.0, 6.5, 100.0, 100.0]
    assert 'weight set to 7.0' in four.ok('set_weight', '--id', 2, 7)
    assert four.fails('set_weight', 'd0', 1, 'd9', 1).endswith(
        'Search value matched 0 devices.\n' + UNCHANGED)
    assert four.fails('set_weight', 'd0', 'x') == 'Invalid weight value: x\n'


def test_set_region_and_zone(four):
    assert four.ok('set_region', 'd0', 7) == (
        'd0r7z1-127.0.0.1:6200R127.0.0.1:6200/sda_"" region set to 7\n')
    assert four.ok('set_zone', 'd0', 8) == (
        'd0r7z8-127.0.0.1:6200R127.0.0.1:6200/sda_"" zone set to 8\n')
    assert four.fails('set_zone', 'd0', 'x') == 'Invalid number: x\n'


def test_several_devices_need_a_yes(four):
    for answer in ('n', '', 'Y', 'yes', None):
        four.answer = answer
        out = four.fails('set_weight', 'r1', 5)
        assert out.startswith('Matched more than one device:\n    d0r1z1-')
        assert out.endswith('Aborting device modifications\n')
    assert four.questions[-1] == (
        'Are you sure you want to update the weight for these 4 devices? (y/N) ')
    four.answer = 'y'
    assert four.ok('set_weight', 'r1', 5).count('weight set to 5.0') == 4
    four.answer = 'n'
    assert four.ok('set_weight', 'r1', 6, '--yes').count('weight set to 6.0') == 4
    assert four.ok('set_zone', '--yes', '--region', 1, 3).count('zone set to 3') == 4
    assert four.fails('remove', 'r1').endswith('Aborting device removals\n')
    assert four.questions[-1] == 'Are you sure you want to remove these 4 devices? (y/N) '


def test_set_info(four):
    assert four.ok('set_info', 'd0', '10.0.0.1:6201R10.1.0.1:6301/sdx_new') == (
        'Device d0r1z1-127.0.0.1:6200R127.0.0.1:6200/sda_"" is now '
        'd0r1z1-10.0.0.1:6201R10.1.0.1:6301/sdx_"new"\n')
    assert four.ok('set_info', '--id', 1, '--change-ip', 'Host', '--change-meta', 'm').endswith(
        'd1r1z2-host:6200R127.0.0.2:6200/sda_"m"\n')
    assert four.fails('set_info', 'd2', '127.0.0.4') == (
        'Device 3 already uses 127.0.0.4:6200/sda.\n')
    assert four.fails('set_info', 'd2', 'z1') == 'Invalid set info change value: z1\n'
    assert 'set_info <search' in four.fails('set_info', '--id', 1)
    version = four.builder().version
    four.ok('set_info', 'd0', '_other')
    assert four.builder().version == version


def test_remove(four):
    four.ok('add', 'r1z5-127.0.0.5:6200/sda', 100)
    assert four.ok('remove', 'd1') == (
        'd1r1z2-127.0.0.2:6200R127.0.0.2:6200/sda_"" marked for removal and will be removed next '
        'rebalance.\n')
    report = four.ok()
    assert '   0.00         12  999.99   DEL ' in report
    assert four.fails('set_weight', 'd1', 10) == (
        'Can not set weight of dev_id 1 because it is marked for removal\n')
    four.ok('rebalance', '--seed', 1)
    assert four.builder().devs[1] is None
    assert 'got id 1' in four.ok('add', 'r1z2-127.0.0.6:6200/sda', 100)


def test_remove_never_means_everything(four):
    for arguments in (('--yes',), ('-y', '--meta', '')):
        assert 'remove <search-value>' in four.fails('remove', *arguments)
        assert 'set_weight <search-value>' in four.fails('set_weight', *arguments, 5)


# -- rebalance and writing -------------------------------------------------------------------

def test_rebalance(shell):
    shell.ok('create', 4, 3, 1)
    for zone in (1, 2, 3, 4):
        shell.ok('add', f'r1z{zone}-127.0.0.{zone}:6200/sda', 100)
    shell.clock.advance(5)
    assert shell.ok('rebalance', '--seed', 1) == NOTICE + (
        'Reassigned 48 (300.00%) partitions. Balance is now 0.00.  Dispersion is now 0.00\n')
    assert shell.backups() == ['1700000000.object.builder', '1700000005.object.builder',
                               '1700000005.object.ring.gz']
    ring = read_ring(str(shell.folder / 'object.ring.gz'))
    assert ring.version == 5 and ring.format_version == 1
    before = shell.content()
    assert shell.ok('rebalance', '--format-version=2', code=1) == (
        'No partitions could be reassigned.\nThe time between rebalances must be at least '
        'min_part_hours: 1 hours (1:00:00 remaining)\n')
    shell.clock.advance(3600)
    assert shell.ok('rebalance', '--format-version=2', code=1) == (
        'No partitions could be reassigned.\nThere is no need to do so at this time\n')
    assert shell.content() == before and len(shell.backups()) == 3
    assert shell.ok('rebalance', '--force', '--debug', '--format-version=2').startswith('DEBUG: ')
    assert read_ring(str(shell.folder / 'object.ring.gz')).format_version == 2


def test_same_seed_same_ring(shell, tmp_path):
    rings = []
    for name, seed in (('a', ('--seed', 'x')), ('b', ('x',)), ('c', ('--seed', 'x', 'y')),
                       ('d', ('y',))):
        folder = tmp_path / name
        folder.mkdir()
        path = str(folder / FILE)
        shell('create', 4, 3, 1, file=path)
        for zone in (1, 2, 3, 4):
            shell('add', f'r1z{zone}-127.0.0.{zone}:6200/sda', 100, file=path)
        assert shell('rebalance', *seed, file=path)[0] == 0
        rings.append((folder / 'object.ring.gz').read_bytes())
    assert rings[0] == rings[1] == rings[2] != rings[3]


def test_rebalance_without_enough_devices(shell):
    shell.ok('create', 4, 3, 1)
    line = '-' * 79
    block = (f'{line}\nAn error has occurred during ring validation. Common\n'
             'causes of failure are rings that are empty or do not\n'
             'have enough devices to accommodate the replica count.\n'
             'Original exception message:\n {}\n' + f'{line}\n')
    assert shell.fails('rebalance') == NOTICE + block.format(
        'There are no devices in this ring, or all devices have been deleted')
    shell.ok('add', 'r1z1-127.0.0.1:6200/sda', 1)
    assert shell.fails('rebalance') == NOTICE + block.format(
        'Replica count of 3.0 requires more than 1 devices')
    assert not (shell.folder / 'object.ring.gz').exists()


def test_small_changes_are_not_saved(shell):
    shell.ok('create', 10, 1, 0)
    for number in range(1, 11):
        shell.ok('add', f'r1z{number}-127.0.0.1:6200/d{number}', 100)
    shell.ok('rebalance', '--seed', 1)
    builder = shell.builder()
    next(dev for dev in builder.devs if dev['parts'] == 102)['weight'] = 101.0
    builder.save(FILE)
    before = shell.content()
    shell.clock.advance(3600)
    assert shell.ok('rebalance', '--format-version=1', code=1) == (
        'Cowardly refusing to save rebalance as it did not change at least 1%.\n')
    assert shell.content() == before
    assert 'Reassigned 1 (0.10%)' in shell.ok('rebalance', '--force', '--format-version=1')


def test_notes_about_dispersion_and_balance(shell):
    shell.ok('create', 4, 3, 1)
    for number in range(4):
        shell.ok('add', f'r1z1-127.0.0.1:6200/d{number}', 100 if number else 10)
    shell.ok('add', 'r2z1-127.0.0.2:6200/d', 5)
    out = shell.ok('rebalance', '--seed', 1, code=1)
    assert 'NOTE: Dispersion of ' in out and ' indicates some parts are not\n' in out
    shell.ok('create', 2, 1, 1)
    for number in range(3):
        shell.ok('add', f'r1z{number}-127.0.0.1:6200/d{number}', 100)
    out = shell.ok('rebalance', '--seed', 1, code=1)
    assert 'NOTE: Balance of 50.00 indicates you should push this \n' in out
    assert '      ring, wait at least 1 hours, and rebalance/repush.\n' in out


def test_write_ring(four):
    (four.folder / 'object.ring.gz').unlink()
    before = four.content()
    assert four.ok('write_ring') == NOTICE
    first = four.content('object.ring.gz')
    four.clock.advance(1)
    assert four.ok('write_ring', '--format-version', 1) == '' and four.content() == before
    assert four.content('object.ring.gz') == first
    assert '1700000001.object.ring.gz' in four.backups()
    four.ok('write_ring', '--format-version=2', '--dev-id-bytes=4')
    assert '(4-byte IDs)' in four.ok('version')
    assert four.fails('write_ring', '--format-version=1', '--dev-id-bytes=4') == (
        'Ring v1 only supports 2-byte dev IDs\n')


def test_write_ring_without_devices_or_table(shell):
    shell.ok('create', 4, 3, 1)
    assert shell.fails('write_ring', '--format-version=1') == 'Unable to write empty ring.\n'
    shell.ok('add', 'r1z1-127.0.0.1:6200/sda', 1)
    for version in (1, 2):
        assert shell.ok('write_ring', f'--format-version={version}') == ''
        assert shell.err == ('WARNING: Writing a ring with no partition assignments but with '
                             'devices; did you forget to run "rebalance"?\n')
        assert read_ring('object.ring.gz').replica_count == 0


def test_wide_builders_get_format_2(four):
    builder = four.builder()
    builder.add_dev(dict(builder.devs[0], id=70000, device='far'))
    builder.save(FILE)
    assert four.fails('rebalance', '--format-version=1') == (
        'Ring v1 only supports 2-byte dev IDs\n')
    four.clock.advance(7200)
    code, out = four('rebalance')
    assert code in (0, 1) and out.startswith('Reassigned')
    assert '(4-byte IDs)' in four.ok('version')


def test_write_builder(four):
    table = four.builder().table.tolist()
    assert four.fails('write_builder', 12, file='object.ring.gz') == (
        'Cowardly refusing to overwrite existing Ring Builder file: object.builder\n')
    (four.folder / FILE).unlink()
    assert four('write_builder', 12, file='object.ring.gz') == (0, '')
    builder = four.builder()
    assert builder.min_part_hours == 12 and builder.table.tolist() == table
    four.ok('add', 'r1z9-127.0.0.9:6200/sda', 100)
    assert 'Reassigned' in four.ok('rebalance', code=1)
    (four.folder / FILE).unlink()
    four('write_builder', file='object.ring.gz')
    assert four.err == ('WARNING: default min_part_hours may not match the value in the lost '
                        'builder.\n')
    assert four.builder().min_part_hours == 24


def test_version_of_strange_rings(four):
    shutil.copyfile(FOLDER / 'composite/v1/object.ring.gz', 'object.ring.gz')
    assert four.ok('version').endswith('build version: (none)\n')
    os.unlink('object.ring.gz')
    assert 'No such file' in four.fails('version')


def test_validate(four):
    assert four.ok('validate') == ''
    builder = four.builder()
    builder.devs[0]['parts'] = 1
    builder.save(FILE)
    assert four.fails('validate') == 'All partitions are not double accounted for: 37 != 48\n'


def test_dispersion(four):
    assert 'Worst tier' not in four.ok('dispersion', 'r1z1')
    out = four.ok('dispersion', '-v', 'r1z1')
    assert 'r1z1-127.0.0.1/sda ' in out and 'r1z2' not in out
    version = four.builder().version
    four.ok('dispersion', '--recalculate')
    assert four.builder().version == version + 1
    assert four.fails('dispersion', '[').startswith("Invalid filter '['")


def test_report_of_an_empty_builder(shell):
    shell.ok('create', 4, 3, 1)
    lines = shell.ok().splitlines()
    assert lines[0].startswith('object.builder, build version 0, id ')
    assert lines[1].startswith('16 partitions, 3.000000 replicas, 0 regions, 0 zones, 0 devices, ')
    assert lines[-1] == 'There are no devices in this ring, or all devices have been deleted'
    shell.ok('add', 'r1z1-127.0.0.1:6200/sda', 0)
    assert shell.ok().splitlines()[-1] == lines[-1]


def test_report_of_the_ring_file(four):
    assert 'Ring file object.ring.gz is up-to-date\n' in four.ok()
    four.ok('set_weight', 'd0', 1)
    assert 'Ring file object.ring.gz is obsolete\n' in four.ok()
    (four.folder / 'object.ring.gz').write_bytes(b'x')
    assert 'Ring file object.ring.gz is invalid: RingLoadError(' in four.ok()


# -- settings --------------------------------------------------------------------------------

def test_min_part_hours(four):
    assert four.ok('set_min_part_hours', 5) == (
        'The minimum number of hours before a partition can be reassigned is now set to 5\n')
    assert four.builder().min_part_hours == 5
    assert 'is not a valid number' in four.fails('set_min_part_hours', 'x')
    assert four.ok('pretend_min_part_hours_passed') == ''
    assert '(0:00:00 remaining)' in four.ok()


def test_set_replicas(four):
    assert four.ok('set_replicas', 3.25) == (
        'The replica count is now 3.250000.\n'
        'The change will take effect after the next rebalance.\n')
    assert four.fails('set_replicas', 0.5) == 'Replica count must be at least 1.\n'
    for text in ('x', 'nan', 'inf'):
        assert four.fails('set_replicas', text).endswith(f'"{text}" is not a valid number.\n')


def test_set_overload(four):
    assert four.ok('set_overload', '10%') == (
        'The overload factor is now 10.00% (0.100000)\n'
        'The change will take effect after the next rebalance.\n')
    assert four.ok('set_overload', 2, code=1).startswith(
        '!?! Warning overload is greater than 100% !?!\nThe overload factor is now 200.00%')
    assert four.ok('set_overload', '200%').startswith('The overload factor is now 200.00%')
    assert four.builder().overload == 2.0
    assert four.fails('set_overload', '-5%') == 'Overload must be non-negative.\n'
    assert four.fails('set_overload', 'x').endswith("'x' is not a valid number.\n")


def test_power_increase(four):
    assert 'cannot be increased' in four.fails('increase_partition_power')
    assert four.fails('cancel_increase_partition_power') == (
        'Ring partition power increase cannot be canceled.\n')
    assert four.fails('finish_increase_partition_power') == (
        'Ring partition power increase cannot be finished.\n')
    assert four.ok('prepare_increase_partition_power') == (
        'The next partition power is now 5.\n'
        'The change will take effect after the next write_ring.\n'
        'Ensure your proxy-servers, object-replicators and \n'
        'reconstructors are using the changed rings and relink \n'
        '(using swift-object-relinker) your existing data\n'
        'before the partition power increase\n')
    assert four.fails('prepare_increase_partition_power') == (
        'Ring is already prepared for partition power increase.\n')
    refusal = 'Partition power increase in progress.'
    assert four.fails('rebalance') == (
        f'{refusal}\nYou need to finish the increase first before rebalancing.\n')
    assert four.fails('add', 'r1z1-9.9.9.9:1/a', 1) == (
        f'{refusal} You need \nto finish the increase first before adding devices.\n')
    assert four.fails('remove', 'd0') == (
        f'{refusal} You need \nto finish the increase first before removing devices.\n')
    four.ok('write_ring')
    assert read_ring('object.ring.gz').next_part_power == 5
    assert four.ok().splitlines()[-2:] == [
        'Preparing increase of partition power (4 -> 5)',
        'Run "swift-object-relinker relink" on all nodes before moving on to '
        'increase_partition_power.']
    assert four.ok('increase_partition_power').startswith('The partition power is now 5.\n')
    four.ok('write_ring')
    assert 'First run' not in four.ok() and '(5 -> 5)' in four.ok()
    assert four.fails('cancel_increase_partition_power')
    assert four.ok('finish_increase_partition_power') == (
        'The change will take effect after the next write_ring.\n')
    four.ok('validate')


def test_power_increase_is_for_object_rings(shell):
    shell('create', 4, 3, 1, file='account.builder')
    assert shell('prepare_increase_partition_power', file='account.builder') == (
        2, 'Partition power increase is only supported for object rings.\n')
