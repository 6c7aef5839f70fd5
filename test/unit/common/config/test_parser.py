"""The two precedence rules, conf directories, interpolation and errors."""
import os

import pytest

from swift.common.config import parser
from swift.common.errors import ConfigError

EXAMPLE = '''
[DEFAULT]
a = 1
b = 1
c = 1
[app:main]
use = call:test.unit.common.config.test_parser:factory
b = 2
set c = 2
d = 2
[object-replicator]
b = 2
D = 2
'''


def factory(global_conf, **local_conf):
    return {**global_conf, **local_conf}


@pytest.fixture
def write(tmp_path):
    def write(text, name='x.conf'):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)
    return write


def test_paste_rule_default_wins_unless_set(write):
    path = write(EXAMPLE)
    conf = parser.appconfig(path)
    assert {name: conf[name] for name in 'abcd'} == {'a': '1', 'b': '1', 'c': '2', 'd': '2'}
    assert (conf['here'], conf['__file__']) == (os.path.dirname(path), path)


def test_daemon_rule_section_wins(write):
    path = write(EXAMPLE)
    assert parser.readconf(path, 'object-replicator') == {
        'a': '1', 'b': '2', 'c': '1', 'D': '2', '__file__': path,
        'log_name': 'object-replicator'}


def test_log_name_of_the_file_is_kept(write):
    path = write('[DEFAULT]\nlog_name = x\n[d]\n')
    assert parser.readconf(path, 'd')['log_name'] == 'x'
    assert parser.readconf(write('[d]\n'), 'd', log_name='y')['log_name'] == 'y'


def test_all_sections(write):
    conf = parser.readconf(write(EXAMPLE))
    assert conf['object-replicator']['b'] == '2'
    assert conf['app:main']['set c'] == '2'


def test_missing_section_says_which(write):
    path = write('[a]\n')
    with pytest.raises(ConfigError) as caught:
        parser.readconf(path, 'object-auditor')
    assert str(caught.value) == 'Unable to find object-auditor config section in ' + path


def test_percent_signs_are_legal_and_names_interpolate(write):
    path = write('[DEFAULT]\nip = 1.2.3.4\nreserve = 1%\n[d]\nurl = http://%(ip)s/100%%\n'
                 'format = %d %s\n')
    conf = parser.readconf(path, 'd')
    assert (conf['reserve'], conf['url'], conf['format']) == (
        '1%', 'http://1.2.3.4/100%', '%d %s')


def test_here_is_for_wsgi_only(write):
    text = f'[DEFAULT]\nx = %(here)s/y\n[app:main]\nuse=call:{__name__}:factory\n[d]\n'
    path = write(text)
    assert parser.appconfig(path)['x'] == os.path.dirname(path) + '/y'
    with pytest.raises(ConfigError, match='here'):
        parser.readconf(path, 'd')


def test_directories_join_in_order_and_later_files_win(write, tmp_path):
    write('[DEFAULT]\nx = 20\n', 'p.conf.d/20.conf')
    write('[DEFAULT]\nx = 10\ny = 10\n[app:main]\nuse=call:%s:factory\n[d]\nz = 1\n' % __name__,
          'p.conf.d/10.conf')
    write('[DEFAULT]\nx = hidden\n', 'p.conf.d/.30.conf')
    write('[DEFAULT]\nx = other\n', 'p.conf.d/40.conf.bak')
    path = str(tmp_path / 'p.conf.d')
    conf = parser.readconf(path, 'd')
    assert (conf['x'], conf['y'], conf['z']) == ('20', '10', '1')
    conf = parser.appconfig(path)
    assert (conf['x'], conf['here']) == ('20', path)


@pytest.mark.parametrize('text', ['no section', '[a]\nx=1\nx=2\n', '[a]\n[a]\n'])
def test_broken_files_are_config_errors(write, text):
    path = write(text)
    with pytest.raises(ConfigError, match='x.conf'):
        parser.readconf(path, 'a')


def test_missing_file_or_empty_directory(tmp_path):
    with pytest.raises(ConfigError, match='Unable to read config from'):
        parser.readconf(str(tmp_path / 'none'), 'a')
    with pytest.raises(ConfigError, match=r'no \*.conf files'):
        parser.readconf(str(tmp_path), 'a')


def test_text_in_place_of_a_path():
    text = parser.ConfigString('[d]\na = 1\n[app:main]\nuse = call:%s:factory\n' % __name__)
    assert parser.readconf(text, 'd')['a'] == '1'
    assert parser.appconfig(text)['__file__'] == 'string'


def test_plain_files_lower_names_and_need_double_percent(write):
    path = write('[Memcache]\nMax_X = 50%%\n')
    assert parser.read_plain(path) == {'Memcache': {'max_x': '50%'}}
    with pytest.raises(ConfigError):
        parser.read_plain(write('[a]\nx = 50%\n'))


@pytest.mark.parametrize('use', [
    'egg:nosuchdist#x', 'egg:swift#nosuch', 'call:no.module:x', 'call:%s:nosuch' % __name__,
    'nosuchsection', 'zzz:what'])
def test_wrong_use_lines(write, use):
    with pytest.raises(ConfigError):
        parser.paste_context(write('[app:main]\nuse = %s\n' % use))


@pytest.mark.parametrize('text, problem', [
    ('[pipeline:main]\npipeline =\n', r'\[pipeline:main\] in .* names no app'),
    ('[app:main]\nuse = other\n[app:other]\nuse = main\n', 'in a circle')])
def test_sections_that_lead_nowhere(write, text, problem):
    with pytest.raises(ConfigError, match=problem):
        parser.paste_context(write(text))


def test_use_of_another_file_follows_the_same_rules(write):
    write('[DEFAULT]\nr = 1%%\n[app:other]\nuse = call:%s:factory\nq = 5%%\n' % __name__,
          'other.conf')
    conf = parser.appconfig(write('[app:main]\nuse = config:other.conf#other\nz = 1\n'))
    assert (conf['r'], conf['q'], conf['z']) == ('1%', '5%', '1')


def test_factories_learn_the_name_of_their_section(write):
    path = write('[pipeline:main]\npipeline = one mine\n'
                 '[filter:one]\nuse = other\n'
                 '[filter:other]\nuse = egg:swift#healthcheck\n'
                 '[app:mine]\nuse = egg:swift#proxy\n')
    context = parser.paste_context(path)
    assert [part.config()['__name__'] for part in (*context.filter_contexts,
                                                   context.app_context)] == ['one', 'mine']


def test_get_copies_globals(write):
    conf = parser.appconfig(write(
        '[DEFAULT]\nx = 1\n[app:main]\nuse = call:%s:factory\nget y = x\n' % __name__))
    assert conf['y'] == '1'


def test_shadowed_options_are_reported(write):
    path = write(EXAMPLE.replace('d = 2', 'a = 1'))
    assert list(parser.shadowed_options(path)) == [
        '%s [app:main]: "b = 2" is ignored because [DEFAULT] has "b = 1"; write "set b = ..." '
        'to override it' % path]
