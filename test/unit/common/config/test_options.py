"""Parsing, defaults, errors and warnings of option tables."""
import pytest

from swift.common.config import options as o
from swift.common.config.common import CommonServerOptions, StorageServerOptions
from swift.common.errors import ConfigError


class Sample(o.Options, section='app:sample'):
    timeout = o.Seconds(10, 'Patience.')
    read_timeout = o.Seconds(same_as='timeout', doc='For reads.')
    late_timeout = o.Seconds(same_as='read_timeout', doc='For late reads.')
    count = o.Integer(3, 'Tries.', at_least=1, aliases=('tries',))
    order = o.Choice('shuffle', 'timing', doc='Order.')
    words = o.List('a,b', 'Words.')
    methods = o.Words('GET HEAD', 'Methods.')
    loud = o.Bool(False, 'Noise.')
    share = o.Percent(50, 'Share.')
    nodes = o.ReplicaCount(o.Multiple(2, True), 'Nodes.')
    reserve = o.ReserveSize(o.Reserve(1, True), 'Reserve.')
    threads = o.AutoInt(7, 'Threads.')
    users = o.Prefixed('user_', 'Users.')
    size = o.Bytes(65536, 'Size.', at_most=100000)
    rules = (o.warn_unless(lambda x: x.timeout <= 60, 'timeout is long'),
             o.refuse_unless(lambda x: x.count < 100, 'too many tries'))


class Child(Sample, section='app:child'):
    timeout = o.Seconds(1, 'Less patience.')
    extra = o.Text('', 'More.', required=True)


def test_defaults_and_same_as_chains():
    options = Sample.parse({'timeout': '4'})
    assert (options.timeout, options.read_timeout, options.late_timeout) == (4.0, 4.0, 4.0)
    assert (options.count, options.order, options.words, options.share) == (
        3, 'shuffle', ('a', 'b'), 0.5)
    assert options.users == {} and options.warnings == () and options.methods == ('GET', 'HEAD')


def test_values_are_typed():
    options = Sample.parse({'count': '5', 'order': 'TIMING', 'words': ' x , ,y', 'loud': 'On',
                            'share': '25', 'nodes': '3 * Replicas', 'reserve': '10',
                            'threads': 'AUTO', 'user_a_b': 'secret .admin', 'size': '1',
                            'methods': ' PUT  a,b '})
    assert (options.count, options.order, options.words, options.loud, options.share) == (
        5, 'timing', ('x', 'y'), True, 0.25)
    assert (options.nodes(3), options.reserve.bytes_of(99), options.threads) == (9, 10, 7)
    assert options.users == {'a_b': 'secret .admin'} and options.methods == ('PUT', 'a,b')


@pytest.mark.parametrize('text, truth', [
    ('true', True), ('1', True), ('yes', True), ('on', True), ('t', True), ('Y', True),
    ('false', False), ('0', False), ('2', False), ('', False), ('enabled', False)])
def test_booleans(text, truth):
    assert Sample.parse({'loud': text}).loud is truth
    assert o.is_true(text) is truth


@pytest.mark.parametrize('name, text, message', [
    ('timeout', '-1', 'Value must be a non-negative float number, not "-1".'),
    ('timeout', 'nan', 'Value must be a non-negative float number, not "nan".'),
    ('count', '0', 'Config option must be an positive int number, not "0".'),
    ('count', '1.5', 'Config option must be an positive int number, not "1.5".'),
    ('threads', 'x', 'Config option must be an integer or the string "auto", not "x".'),
    ('reserve', '1%%', 'Error: 1%% is an invalid value for fallocate_reserve.'),
    ('share', '101', 'Value must be a float number of at least 0 and at most 100, not "101".'),
    ('order', 'x', 'Value must be one of shuffle, timing, not "x".'),
    ('nodes', '2 x', "Invalid nodes value: '2 x'"),
    ('size', '100001', 'at most 100000')])
def test_bad_values_say_what_is_wanted(name, text, message):
    with pytest.raises(ConfigError) as caught:
        Sample.parse({name: text, '__file__': '/x.conf'})
    assert str(caught.value).startswith('/x.conf [app:sample]: %s: ' % name)
    assert message in str(caught.value)


def test_all_errors_are_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        Child.parse({'timeout': 'x', 'count': 'y'})
    assert len(caught.value.problems) == 3


def test_rules_refuse_and_warn():
    with pytest.raises(ConfigError, match='too many tries'):
        Sample.parse({'count': '100'})
    assert Sample.parse({'timeout': '61'}).warnings == ('[app:sample]: timeout is long',)


def test_old_names_work_with_a_warning_and_lose():
    assert Sample.parse({'tries': '5'}).count == 5
    both = Sample.parse({'tries': '5', 'count': '6'})
    assert both.count == 6
    assert both.warnings == ('[app:sample]: option tries is deprecated, use count',)


def test_unknown_names_warn_with_the_nearest():
    options = Sample.parse({'timeuot': '5', 'xyzzy': '1', 'set count': '2', 'bind_port': '80',
                            'here': '/', 'use': 'egg:x', 'statsd_user_label_a': 'b'})
    assert options.warnings == (
        '[app:sample]: unknown option timeuot (did you mean timeout?)',
        '[app:sample]: unknown option xyzzy',
        '[app:sample]: "set count" does nothing here: "set" is for app and filter sections only')


def test_tables_join_and_override():
    options = Child.parse({'extra': 'x'})
    assert options.late_timeout == 1.0
    assert [option.name for option in Child.describe()][:2] == ['timeout', 'read_timeout']
    assert Child.table['timeout'].owner == 'Child'


def test_instances_are_immutable_and_replaceable():
    options = Sample.parse({})
    with pytest.raises(AttributeError):
        options.timeout = 5
    changed = options.replace(timeout=5)
    assert (changed.timeout, changed.count, options.timeout) == (5, 3, 10)
    with pytest.raises(AssertionError):
        options.replace(nonsense=1)
    assert repr(changed) == 'Sample(timeout=5)'


def test_values_that_are_no_text_pass():
    assert Sample.parse({'count': 8}).count == 8


def test_show_is_config_syntax():
    shown = {option.name: option.show() for option in Sample.describe()}
    assert shown == {
        'timeout': '10', 'read_timeout': 'same as timeout', 'late_timeout':
        'same as read_timeout', 'count': '3', 'order': 'shuffle', 'words': 'a,b',
        'methods': 'GET HEAD', 'loud': 'false', 'share': '50', 'nodes': '2 * replicas',
        'reserve': '1%', 'threads': 'auto', 'user_<name>': '', 'size': '65536'}


def test_common_server_options_know_their_relations():
    assert CommonServerOptions.parse({'client_timeout': '7'}).keepalive_timeout == 7
    warned = StorageServerOptions.parse({'cert_file': 'x'}).warnings
    assert warned == ('cert_file and key_file only work together',)
    with pytest.raises(ConfigError, match='keep_idle'):
        CommonServerOptions.parse({'keep_idle': '32767'})
