"""Where the options of the cache come from, and the filter that hands the client out."""
import pytest

from swift.common.errors import ConfigError
from swift.common.memcache_conf import MemcacheOptions, load_memcache, memcache_section
from swift.common.middleware.memcache import filter_factory
from test.support.logs import RecordingLogger


def load(conf, tmp_path, file_text=None):
    if file_text is not None:
        (tmp_path / 'memcache.conf').write_text(file_text)
    return load_memcache({'swift_dir': str(tmp_path), **conf}, RecordingLogger())


FILE = ('[memcache]\nmemcache_servers = file:1\nmemcache_max_connections = 7\nio_timeout = 9\n'
        'tries = 5\n')


def test_defaults(tmp_path):
    ring = load({}, tmp_path)
    assert ring.circle.servers == ('127.0.0.1:11211',)
    settings = ring.settings
    assert (settings.max_connections, settings.connect_timeout_s, settings.pool_timeout_s,
            settings.io_timeout_s, settings.tries) == (2, 0.3, 1.0, 2.0, 3)
    assert (settings.error_limit, settings.error_interval_s) == (10, 60)
    assert settings.item_size_warning_threshold == -1 and settings.tls_context is None


def test_file_alone(tmp_path):
    ring = load({}, tmp_path, FILE)
    assert ring.circle.servers == ('file:1',)
    assert (ring.settings.max_connections, ring.settings.io_timeout_s) == (7, 9)


def test_section_wins_option_by_option(tmp_path):
    ring = load({'memcache_servers': 'a:1, b:2', 'io_timeout': '1'}, tmp_path, FILE)
    assert ring.circle.servers == ('a:1', 'b:2')
    assert (ring.settings.max_connections, ring.settings.io_timeout_s) == (7, 1)
    assert ring.settings.tries == 5


@pytest.mark.parametrize('name', ['memcache_max_connections', 'max_connections'])
def test_file_is_not_read_when_the_section_says_enough(tmp_path, name):
    ring = load({'memcache_servers': 'a:1', name: '3'}, tmp_path, FILE)
    assert (ring.settings.max_connections, ring.settings.io_timeout_s) == (3, 2.0)


def test_old_name_in_the_section_beats_the_new_one_in_the_file(tmp_path):
    ring = load({'max_connections': '3'}, tmp_path, FILE)
    assert ring.circle.servers == ('file:1',)
    assert ring.settings.max_connections == 3


def test_empty_values_in_the_section_count_as_not_given(tmp_path):
    ring = load({'memcache_servers': '', 'memcache_max_connections': ''}, tmp_path, FILE)
    assert ring.circle.servers == ('file:1',)
    assert ring.settings.max_connections == 7


def test_file_without_the_section_says_nothing(tmp_path):
    assert load({}, tmp_path, '[other]\na = b\n').circle.servers == ('127.0.0.1:11211',)


@pytest.mark.parametrize('conf', [
    {'memcache_servers': '::1'}, {'memcache_max_connections': '0'}, {'tries': 'x'},
    {'tls_enabled': 'yes', 'tls_cafile': '/nowhere/ca.pem'}])
def test_bad_options_are_refused(tmp_path, conf):
    with pytest.raises(ConfigError):
        load(conf, tmp_path)


def test_unknown_options_are_warned_about(tmp_path):
    ring = load({'memcache_server': 'x'}, tmp_path)
    assert 'did you mean memcache_servers' in ring.logger.lines()[0]


def test_every_option_has_a_meaning():
    assert all(option.doc for option in MemcacheOptions.describe())


def test_section_keeps_names_of_others(tmp_path):
    section = memcache_section({'swift_dir': str(tmp_path), 'log_name': ''})
    assert section == {'swift_dir': str(tmp_path), 'log_name': ''}


def test_filter_hands_out_one_client(tmp_path):
    seen = []

    def app(env, start_response):
        seen.append(env['swift.cache'])
        return [b'x']

    make = filter_factory({'swift_dir': str(tmp_path)}, memcache_servers='10.0.0.1')
    cache_filter = make(app)
    assert cache_filter({}, None) == [b'x'] and cache_filter({}, None) == [b'x']
    assert seen[0] is seen[1] is cache_filter.memcache
    assert seen[0].circle.servers == ('10.0.0.1',)
