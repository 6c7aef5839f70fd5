"""swift-recon-cron: what it counts, and what stops it."""
import json

import pytest

from swift.cli.recon_cron import LOCK_NAME, main
from swift.common.locks import file_lock


@pytest.fixture
def conf(tmp_path):
    for name in ('node', 'cache', 'lock'):
        (tmp_path / name).mkdir()
    path = tmp_path / 'object-server.conf'
    path.write_text('[DEFAULT]\ndevices = %s/node\nlog_file = %s/log\n[filter:recon]\n'
                    'recon_cache_path = %s/cache\nrecon_lock_path = %s/lock\n' % ((tmp_path,) * 4))
    return path


def recon(conf):
    return json.loads((conf.parent / 'cache/object.recon').read_text())


def test_pending_updates_of_all_devices_and_policies_are_counted(conf):
    node = conf.parent / 'node'
    for path in ('sda/async_pending/abc/f1', 'sda/async_pending/abc/f2',
                 'sda/async_pending-1/def/f', 'sdb/async_pending/000/f', 'sdb/objects/1/abc/x'):
        (node / path).parent.mkdir(parents=True, exist_ok=True)
        (node / path).write_text('')
    (node / 'sda/async_pending/stray').write_text('')
    (node / 'notes').write_text('')
    assert main([str(conf)], clock=lambda: 1700000000.5) == 0
    assert recon(conf) == {'async_pending': 4, 'async_pending_last': 1700000000.5}


def test_no_updates(conf):
    assert main([str(conf)]) == 0
    assert recon(conf)['async_pending'] == 0


def test_two_counts_at_once_are_refused(conf, capsys):
    with file_lock(str(conf.parent / 'lock' / LOCK_NAME), 0):
        assert main([str(conf)]) == 1
    assert 'running already' in capsys.readouterr().err


@pytest.mark.parametrize('missing', ['node', 'lock', 'cache'])
def test_missing_directories_are_told(conf, missing, capsys):
    (conf.parent / missing).rmdir()
    assert main([str(conf)]) == 1
    assert missing in capsys.readouterr().err and missing in (conf.parent / 'log').read_text()


def test_without_configuration(tmp_path, capsys):
    assert main([]) == 1
    (tmp_path / 'empty.conf').write_text('[DEFAULT]\n')
    assert main([str(tmp_path / 'empty.conf')]) == 1
    assert 'filter:recon' in capsys.readouterr().err
