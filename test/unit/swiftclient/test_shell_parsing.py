"""Command lines, help and completion."""
import pytest

from swiftclient.shell.command_table import COMMANDS
from swiftclient.shell.commands.bash_completion import words_for
from swiftclient.shell.commands.upload import parse_size
from swiftclient.shell.global_options import GLOBAL
from swiftclient.shell.help_text import WIDTH, command_help, main_help
from swiftclient.shell.parsing import UsageError, parse
from swiftclient.shell.running import CommandError


def parsed(text, **environ):
    return parse(text.split(), environ)


@pytest.mark.parametrize('text', [
    '-A url list -l c', 'list -A url -l c', 'list c -l -A url', '-Aurl list c --long',
    '--auth=url list c --lon', '--auth url list -l -- c', '--auth url --retr 5 list -l c'])
def test_options_and_arguments_mix_in_any_order(text):
    line = parsed(text)
    assert (line.name, line.words) == ('list', ['c'])
    assert (line.options['auth'], line.options['long']) == ('url', True)


def test_option_values_may_look_like_commands_and_options():
    line = parsed('-U stat --key list upload -m -x:1 -m y:2 c -')
    assert (line.name, line.words) == ('upload', ['c', '-'])
    assert line.options['meta'] == ['-x:1', 'y:2']
    assert (line.options['user'], line.options['key']) == ('stat', 'list')


def test_words_after_two_dashes_are_arguments():
    assert parsed('delete c -- -x --all').words == ['c', '-x', '--all']


def test_short_flags_may_be_joined():
    line = parsed('list -ltv c')
    assert (line.options['long'], line.options['totals'], line.options['verbose']) == \
        (True, True, 2)


@pytest.mark.parametrize(('text', 'verbose'), [
    ('stat', 1), ('-v stat', 2), ('stat -v -v', 3), ('stat -q', 0), ('stat --quiet -v', 1)])
def test_verbosity(text, verbose):
    assert parsed(text).options['verbose'] == verbose


@pytest.mark.parametrize(('text', 'message'), [
    ('stat -R x', "argument -R/--retries: invalid int value: 'x'"),
    ('upload --object-threads x c f', "argument --object-threads: invalid int value: 'x'"),
    ('list --bogus', 'option --bogus not recognized'),
    ('list -A', 'option -A requires argument')])
def test_what_cannot_be_understood(text, message):
    with pytest.raises(UsageError, match=message):
        parsed(text)


@pytest.mark.parametrize(('environ', 'version'), [
    ({}, '1.0'), ({'OS_IDENTITY_API_VERSION': '3'}, '3'),
    ({'OS_AUTH_VERSION': '2', 'OS_IDENTITY_API_VERSION': '3'}, '2'),
    ({'ST_AUTH_VERSION': '1', 'OS_AUTH_VERSION': '2'}, '1')])
def test_version_of_authentication_from_the_environment(environ, version):
    assert parsed('stat', **environ).options['auth_version'] == version
    assert parsed('stat -V 9', **environ).options['auth_version'] == '9'


def test_environment_gives_defaults():
    options = parsed('stat', ST_AUTH='a', OS_PROJECT_NAME='p', SWIFTCLIENT_INSECURE='Yes').options
    assert (options['auth'], options['os_project_name'], options['insecure']) == ('a', 'p', True)


@pytest.mark.parametrize(('text', 'name'), [('', None), ('bogus x', 'bogus'), ('-v', None)])
def test_no_or_unknown_command(text, name):
    line = parsed(text)
    assert (line.name, line.command) == (name, None)


def test_underscores_are_understood_in_openstack_options():
    assert parsed('stat --os_username u').options['os_username'] == 'u'


@pytest.mark.parametrize(('text', 'size'), [
    ('1', '1'), ('10B', '10'), ('1k', '1024'), ('2M', '2097152'), ('1G', '1073741824')])
def test_segment_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(('text', 'message'), [
    ('', 'Invalid segment size'), ('x', 'Invalid segment size'), ('1T', 'Invalid segment size'),
    ('1.5K', 'Invalid segment size'), ('K', 'Invalid segment size'),
    ('0', 'segment-size should be positive'), ('-5', 'segment-size should be positive')])
def test_bad_segment_sizes(text, message):
    with pytest.raises(CommandError, match=message):
        parse_size(text)


@pytest.mark.parametrize('command', COMMANDS.values(), ids=lambda command: command.name)
def test_help_of_a_command_names_all_its_options(command):
    text = command_help(command)
    assert text.startswith(f'Usage: swift {command.name}')
    assert all(option.shown() in text for option in command.options)
    assert all(len(line) <= WIDTH + 10 for line in text.splitlines())


def test_main_help_tells_openstack_options_only_if_asked():
    assert '--os-region-name' not in main_help(False)
    assert '--os-region-name' in main_help(True)
    assert all(f'    {name} ' in main_help(False) for name in COMMANDS if name != 'info')


def test_options_of_commands_and_global_ones_do_not_collide():
    everywhere = {name for option in GLOBAL for name in option.names}
    for command in COMMANDS.values():
        own = [name for option in command.options for name in option.names]
        assert len(own) == len(set(own))
        assert everywhere.isdisjoint(own)


def test_completion():
    assert {'upload', 'info', '-A', '--os_username'} < set(words_for([]))
    assert '--segment-size' in words_for(['upload'])
    assert words_for(['bogus']) == []
