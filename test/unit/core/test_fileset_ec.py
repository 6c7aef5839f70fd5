"""Names of fragment archives."""
import pytest

from swift.core.fileset_ec import Archive, parse_archive_name
from swift.core.timestamp import Timestamp

T = '1700000100.12345'


@pytest.mark.parametrize('name, index, is_durable', [
    (T + '#1.data', 1, False), (T + '#12#d.data', 12, True), (T + '#0#x.data', 0, False),
    (T + '_0000000000000001#3.data', 3, False)])
def test_names_of_archives(name, index, is_durable):
    time = Timestamp(name.partition('#')[0])
    assert parse_archive_name(name) == Archive(name, time, index, is_durable)


@pytest.mark.parametrize('name', [
    T + '.data', T + '#.data', T + '#-1.data', T + '#a.data', T + '#1.meta', T + '#1', 'x#1.data',
    '#1.data', T + '#\u0661.data', '', T + '.durable'])
def test_other_names(name):
    assert parse_archive_name(name) is None
