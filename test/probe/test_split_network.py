"""The network falls into two halves, both write, it heals: the newest write wins."""
import os

import pytest

from test.support.client import Client
from test.support.faults import Faults
from test.support.hosts import four_hosts
from test.support.hosts_cluster import running_on_hosts

LEFT, RIGHT = 1, 3                               # a host of each half


@pytest.fixture
def spread(tmp_path):
    with four_hosts() as hosts:
        with running_on_hosts(tmp_path / 'saio', hosts) as cluster:
            yield cluster


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason='needs root to make network namespaces')
def test_both_halves_take_writes_and_the_newest_is_read_after_healing(spread):
    left, right = (Client(spread.auth_url_of(host)) for host in (LEFT, RIGHT))
    assert left.put('c').status == 201 and left.put('c/o', b'before').status == 201
    assert right.get('c/o').body == b'before'
    spread.hosts.split({1, 2})
    assert left.put('c/o', b'left').status == 201
    assert right.put('c/o', b'right').status == 201
    assert [half.get('c/o', headers={'X-Newest': 'true'}).body for half in (left, right)] == [
        b'left', b'right']
    spread.hosts.heal()
    Faults(spread).forgive()
    assert [half.get('c/o', headers={'X-Newest': 'true'}).body for half in (left, right)] == [
        b'right', b'right']
