"""Options of the proxy: defaults operators know, bad values, per-policy sections."""

import pytest

from swift.common.errors import ConfigError
from swift.proxy.options import ProxyOptions, policy_options
from swift.proxy.server import _policy_overrides
from test.support.fake_backend import StubCluster


def test_defaults():
    options = ProxyOptions.parse({})
    assert options.node_timeout == options.recoverable_node_timeout == 10
    assert options.conn_timeout == options.concurrency_timeout == options.post_quorum_timeout == 0.5
    assert options.request_node_count(3) == options.write_affinity_node_count(3) == 6
    assert options.error_suppression_interval == 60 and options.error_suppression_limit == 10
    assert options.recheck_account_existence == options.recheck_container_existence == 60
    assert not options.allow_account_management and not options.account_autocreate
    assert options.write_affinity_handoff_delete_count is None
    assert options.object_chunk_size == options.client_chunk_size == 65536
    assert 'x-container-sync-key' in options.swift_owner_headers
    assert options.warnings == ()


@pytest.mark.parametrize('conf', [
    {'sorting_method': 'nearest'}, {'request_node_count': '2 * nodes'},
    {'read_affinity': 'r1'}, {'write_affinity': 'r1=1'}, {'node_timeout': 'soon'},
    {'expiring_objects_container_divisor': '100'}, {'error_suppression_limit': '-1'}])
def test_bad_values_stop_the_start(conf):
    with pytest.raises(ConfigError):
        ProxyOptions.parse(conf)


def test_read_affinity_without_its_sorting_is_a_warning():
    warnings = ProxyOptions.parse({'read_affinity': 'r1=1'}).warnings
    assert len(warnings) == 1 and 'sorting_method' in warnings[0]
    assert ProxyOptions.parse({'read_affinity': 'r1=1',
                               'sorting_method': 'affinity'}).warnings == ()


def test_policy_section_overlays_the_applications():
    base = ProxyOptions.parse({'sorting_method': 'timing', 'concurrent_gets': 'yes'})
    one = policy_options(base, {'sorting_method': 'affinity', 'read_affinity': 'r1=1'})
    assert (one.sorting_method, one.read_affinity) == ('affinity', 'r1=1')
    assert one.concurrent_gets and one.concurrency_timeout == 0.5


def test_policy_sections_are_found_in_the_file(tmp_path):
    conf = tmp_path / 'proxy-server.conf'
    conf.write_text('[app:proxy-server]\nuse = egg:swift#proxy\n'
                    '[proxy-server:policy:1]\nwrite_affinity = r1\n')
    found = _policy_overrides(ProxyOptions.parse({}), StubCluster(), {'__file__': str(conf)})
    assert list(found) == [1] and found[1].write_affinity == 'r1'
    assert _policy_overrides(ProxyOptions.parse({}), StubCluster(), {}) == {}


@pytest.mark.parametrize('index, problem', [
    ('x', "Override config must refer to policy index: 'x'"),
    ('-1', "Override config must refer to policy index: '-1'"),
    ('', "Override config must refer to policy index: ''"),
    ('7', 'No policy found for override config, index: 7')])
def test_policy_sections_of_unknown_policies_stop_the_start(tmp_path, index, problem):
    conf = tmp_path / 'proxy-server.conf'
    conf.write_text(f'[proxy-server:policy:{index}]\nwrite_affinity = r1\n')
    with pytest.raises(ConfigError, match=problem):
        _policy_overrides(ProxyOptions.parse({}), StubCluster(), {'__file__': str(conf)})
