"""swift-object-info: output and exit codes."""
import io

import pytest

from swift.cli.object_info import main
from test.support import golden_objects

SWIFT_CONF = ('[swift-hash]\nswift_hash_path_prefix = changeme\nswift_hash_path_suffix = changeme\n'
              '[storage-policy:0]\nname = gold\ndefault = yes\n'
              '[storage-policy:1]\nname = silver\n')


@pytest.fixture
def show(tmp_path):
    etc = tmp_path / 'etc'
    etc.mkdir()
    (etc / 'swift.conf').write_text(SWIFT_CONF)

    def run(case, file_name, *words):
        entry = golden_objects.cases()[case]
        if not (tmp_path / case).exists():
            golden_objects.restore('objects', case, tmp_path)
        out = io.StringIO()
        path = tmp_path / entry['hash_dir'] / file_name
        code = main(['-d', str(etc), *words, str(path)], out=out)
        return code, out.getvalue().splitlines()
    return run


def test_a_data_file(show):
    code, lines = show('plain', '1700000000.12345.data')
    assert code == 0
    assert lines[:-1] == [
        'Path: /AUTH_test/c/o', '  Account: AUTH_test', '  Container: c', '  Object: o',
        '  Object hash: 4e2772c453cbe15a19b26fbfbb223e31', 'Content-Type: text/plain',
        'Timestamp: 2023-11-14T22:13:20.123450 (1700000000.12345)', 'System Metadata:',
        '  No metadata found', 'Transient System Metadata:', '  No metadata found',
        'User Metadata:', '  X-Object-Meta-Color: café', 'Other Metadata:', '  No metadata found',
        'ETag: 5d41402abc4b2a76b9719d911017c592 (valid)', 'Content-Length: 5 (valid)']
    assert lines[-1].startswith('No location: ')


def test_prefixes_can_be_dropped_and_the_check_left_out(show):
    _code, lines = show('plain', '1700000000.12345.data', '--drop-prefixes', '-n')
    assert '  Color: café' in lines
    assert 'ETag: 5d41402abc4b2a76b9719d911017c592 (not checked)' in lines


def test_a_damaged_body(show):
    _code, lines = show('corrupt_short', '1700000070.12345.data')
    assert any("doesn't match file hash of" in line for line in lines)
    assert "Content-Length: 19 doesn't match file length of 7" in lines


def test_a_tombstone(show):
    code, lines = show('tombstone', '1700000036.12345.ts')
    assert code == 0 and 'Content-Type: Not found in metadata' in lines
    assert 'ETag: Not found in metadata' in lines


def test_files_that_cannot_be_shown(show):
    assert show('plain', 'none.data') == (1, ["Data file doesn't exist"])
    assert show('corrupt_checksum', '1700000070.12345.data') == (1, ['Invalid metadata'])
    code, lines = show('plain', '1700000000.12345.data', '-P', 'bronze')
    assert (code, lines[-1]) == (1, "No policy named 'bronze'")


def test_a_directory_is_no_data_file(tmp_path):
    out = io.StringIO()
    assert main([str(tmp_path)], out=out) == 1
    assert out.getvalue() == f'Unable to read {tmp_path}: Is a directory\n'
