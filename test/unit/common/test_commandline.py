"""The command line of servers and daemons."""
import pytest

from swift.common import commandline


@pytest.fixture
def conf(tmp_path, monkeypatch):
    path = tmp_path / 'x.conf'
    path.write_text('')
    monkeypatch.chdir(tmp_path)
    return str(path)


def parse(*argv, shown=None, **more):
    show = (shown if shown is not None else []).append
    return commandline.parse(commandline.parser_for('swift-x', **more), argv, show)


def test_path_becomes_absolute(conf):
    assert parse('x.conf') == (conf, {'verbose': False, 'extra_args': []})


@pytest.mark.parametrize('argv', [
    ('x.conf', '-v', '-o'), ('-v', 'x.conf', 'once'), ('x.conf', 'verbose', 'once'),
    ('--once', '--verbose', 'x.conf')])
def test_flags_and_bare_words_are_the_same(conf, argv):
    path, words = parse(*argv, once=True)
    assert (path, words) == (conf, {'verbose': True, 'once': True, 'extra_args': []})


def test_unknown_words_are_kept(conf):
    assert parse('x.conf', 'once', 'more', test_config=True)[1] == {
        'verbose': False, 'test_config': False, 'extra_args': ['once', 'more']}


def test_unknown_options_are_refused(conf, capsys):
    with pytest.raises(SystemExit):
        parse('x.conf', '--nonsense')
    assert 'no such option: --nonsense' in capsys.readouterr().err


@pytest.mark.parametrize('argv, reason', [
    ((), 'Error: missing config path argument'),
    (('/no/such',), 'Error: unable to locate /no/such')])
def test_missing_configuration_shows_usage(argv, reason):
    shown = []
    with pytest.raises(commandline.CommandLineError) as caught:
        parse(*argv, shown=shown)
    assert caught.value.code == 1
    assert shown == ['usage: swift-x CONFIG [options]', reason]
