"""A seamless reload of the proxy under load loses no request and changes every worker."""

from pathlib import Path

import pytest

from test.support.load import Load, wrong_objects


def children(pid: int) -> set[int]:
    return {int(child) for child in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()}


@pytest.mark.slow
def test_reload_seamless_under_load_loses_no_request(saio, client, container):
    manager = saio.pids('proxy-server')[0]
    before = children(manager)
    with Load(client, container, clients=8) as load:
        load.wait_for(100)
        done = saio.swift_init('proxy', 'reload-seamless')
        assert done.returncode == 0, done.stdout + done.stderr
        load.wait_for(300)
    assert load.refused == []
    assert wrong_objects(load) == []
    assert saio.pids('proxy-server') == [manager]
    assert before and children(manager) and not before & children(manager)
