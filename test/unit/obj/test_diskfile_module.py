"""Which modules of policies are honoured, and what is said of others."""
import pytest

from swift.common.errors import ConfigError
from swift.core.policy import EC, REPLICATION, StoragePolicy
from swift.obj.diskfile import DiskFileManager
from swift.obj.diskfile_module import check_diskfile_modules, parse_reference


def policy(module, policy_type=REPLICATION):
    return StoragePolicy(index=3, name='gold', policy_type=policy_type, diskfile_module=module)


class OwnWay:
    policy = REPLICATION


def load(_distribution, name):
    return {'replication.fs': DiskFileManager, 'own.fs': OwnWay}[name]


@pytest.mark.parametrize('module', ['egg:swift#replication.fs', 'swift#replication.fs',
                                    'egg:#replication.fs', '#replication.fs', 'replication.fs'])
def test_ours_is_known_in_every_form(module):
    check_diskfile_modules([policy(module)], load)


def test_the_one_of_erasure_coding():
    check_diskfile_modules([policy('egg:swift#erasure_coding.fs', EC)], load)


@pytest.mark.parametrize('module, policy_type, said', [
    ('egg:swift#missing.fs', REPLICATION,
     "Unable to load diskfile_module egg:swift#missing.fs for policy gold: 'missing.fs'"),
    ('git:swift#replication.fs', REPLICATION, 'Unable to load .*: unhandled URI scheme: .git.'),
    ('egg:swift#replication.fs', EC,
     r'Invalid diskfile_module egg:swift#replication.fs for policy 3:gold \(erasure_coding\)'),
    ('egg:other#own.fs', REPLICATION,
     'Unable to load diskfile_module egg:other#own.fs for policy gold: objects are kept by')])
def test_what_cannot_be_honoured_is_refused_in_one_line(module, policy_type, said):
    with pytest.raises(ConfigError, match=said) as caught:
        check_diskfile_modules([policy(module, policy_type)], load)
    assert '\n' not in str(caught.value)


def test_entry_points_are_looked_up_where_they_are_installed():
    with pytest.raises(ConfigError, match='swift has no entry point none in group swift.diskfile'):
        check_diskfile_modules([policy('none')])
    with pytest.raises(ConfigError, match='other has no entry point replication.fs'):
        check_diskfile_modules([policy('egg:other#replication.fs')])
    with pytest.raises(ConfigError, match='Invalid diskfile_module'):
        check_diskfile_modules([policy('egg:swift#replication.fs', EC)])


def test_parts_of_a_reference():
    assert parse_reference('egg:a#b') == ('a', 'b')
