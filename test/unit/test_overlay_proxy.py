"""How a second proxy's configuration comes about."""
import pytest

from test.support.overlay_proxy import installed_filters, overlaid

BASE = """\
[DEFAULT]
bind_port = 8080
log_level = INFO

[pipeline:main]
pipeline = catch_errors cache tempauth proxy-server

[filter:catch_errors]
use = egg:swift#catch_errors

[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:11211

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin

[app:proxy-server]
use = egg:swift#proxy
"""


def test_options_are_laid_over_one_by_one_and_defaults_do_not_leak():
    sections = overlaid(BASE, """
        [filter:tempauth]
        user_test_other = x
        """, {'catch_errors', 'memcache', 'tempauth'})
    assert dict(sections['filter:tempauth']) == {
        'use': 'egg:swift#tempauth', 'user_test_tester': 'testing .admin', 'user_test_other': 'x'}
    assert dict(sections['DEFAULT']) == {'bind_port': '8080', 'log_level': 'INFO'}


@pytest.mark.parametrize(('known', 'expected'), [
    ({'catch_errors', 'memcache', 'tempauth', 'read_only', 'container_quotas'},
     'catch_errors cache read_only tempauth container-quotas proxy-server'),
    ({'catch_errors', 'memcache', 'tempauth'}, 'catch_errors cache tempauth proxy-server'),
    (set(), 'proxy-server'),
])
def test_filters_without_an_entry_point_are_left_out(known, expected):
    sections = overlaid(BASE, """
        [pipeline:main]
        pipeline = catch_errors cache read_only tempauth container-quotas proxy-server
        """, known)
    assert sections['pipeline:main']['pipeline'] == expected


def test_a_filter_that_no_section_describes_gets_one():
    sections = overlaid(BASE, """
        [pipeline:main]
        pipeline = catch_errors container-quotas proxy-server
        """, {'catch_errors', 'container_quotas'})
    assert dict(sections['filter:container-quotas']) == {'use': 'egg:swift#container_quotas'}


def test_own_filters_are_known_by_their_entry_points():
    assert {'catch_errors', 'memcache', 'read_only'} <= installed_filters()
