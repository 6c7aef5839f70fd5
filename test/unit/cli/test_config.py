"""What swift-config prints."""
import pytest

from swift.cli import config

TEXT = '''[DEFAULT]
bind_port = 6200
log_name = x
[pipeline:main]
pipeline = one app
[filter:one]
use = call:test.unit.cli.test_config:filter_factory
bind_port = 5
[app:app]
use = call:test.support.probe_app:app_factory
b = 1
[app:account-server]
use = call:test.support.probe_app:app_factory
workres = 3
client_timeout = 7
'''


def filter_factory(global_conf, **local_conf):
    return lambda app: app


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / 'object-server' / '1.conf'
    path.parent.mkdir()
    path.write_text(TEXT)
    return path


def lines(*words):
    shown = []
    return config.run([str(word) for word in words], shown.append), shown


def test_daemon_view_prints_sections_with_defaults(conf):
    code, shown = lines(conf)
    assert code == 0
    assert shown[0] == '# %s' % conf
    start = shown.index('[app:app]')
    assert shown[start:start + 5] == ['[app:app]', 'b = 1', 'bind_port = 6200', 'log_name = x',
                                      'use = call:test.support.probe_app:app_factory']


def test_one_section(conf):
    code, shown = lines('-s', 'filter:one', conf)
    assert code == 0 and '[filter:one]' in shown and '[app:app]' not in shown
    assert lines('-s', 'nosuch', conf)[0] == 1


def test_wsgi_view_shows_effective_options_and_warns(conf, monkeypatch):
    monkeypatch.chdir(conf.parent)
    code, shown = lines('-w', '1.conf')
    assert code == 0
    assert shown[1] == '[pipeline:main]'
    filter_at = shown.index('[filter:filter_factory]')
    assert 'bind_port = 6200' in shown[filter_at:] and 'bind_port = 5' not in shown
    assert shown[-1].startswith('# WARNING: ') and 'bind_port = 5' in shown[-1]
    for name in ('app:app', 'app', 'application:app', 'application:app_factory'):
        shown = lines('-w', '-s', name, '1.conf')[1]
        assert [line for line in shown if line.startswith('[')] == ['[application:app_factory]']


def test_options_view_shows_values_defaults_and_mistakes(conf):
    shown = lines('-o', conf)[1]
    assert any(line.startswith('client_timeout = 7 ') and '# default 60; ' in line
               for line in shown)
    assert any('workres (did you mean workers?)' in line for line in shown)


def test_files_view_names_the_file_that_decides(tmp_path):
    (tmp_path / '10.conf').write_text('[DEFAULT]\na = 1\nb = 1\nc = 1\n'
                                      '[object-updater]\nc = 5\ninterval = 1\n')
    (tmp_path / '20.conf').write_text('[DEFAULT]\nb = 2\nc = 2\n'
                                      '[object-updater]\ninterval = 2\n')
    assert lines('--files', tmp_path)[1] == [
        '# %s' % tmp_path, '[object-updater]', 'a = 1  # 10.conf', 'b = 2  # 20.conf',
        'c = 5  # 10.conf', 'interval = 2  # 20.conf', '']


def test_servers_are_found_by_name(conf, capsys):
    root = conf.parent.parent
    code, shown = lines('object-updater', '-d', root)
    assert (code, shown[0]) == (0, '# %s' % conf)
    assert lines('object', '-c', '2', '-d', root)[0] == 1
    assert capsys.readouterr().err == 'Unable to locate config for object\n'


def test_broken_files_are_reported(tmp_path, capsys):
    path = tmp_path / 'x.conf'
    path.write_text('nonsense')
    assert lines(path)[0] == 1
    assert 'x.conf' in capsys.readouterr().err
    assert lines('-w', path)[0] == 1
