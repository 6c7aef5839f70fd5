"""A main process is found by its command line, unless it is known as a sibling."""
from swift.common import processes
from swift.common.processes import ProcessInfo, find_main

COMMAND = ('python', '/bin/swift-object-server', '/etc/1.conf', '/etc/2.conf')


def test_sibling_with_a_pid_file_is_not_taken_for_one_that_was_stopped(monkeypatch):
    monkeypatch.setattr(processes, 'all_processes', lambda: iter([
        ProcessInfo(11, 1, 11, COMMAND), ProcessInfo(12, 1, 12, COMMAND)]))
    assert find_main('swift-object-server', '/etc/2.conf', {11}) == 12
    assert find_main('swift-object-server', '/etc/2.conf', {11, 12}) is None
    assert find_main('swift-object-server', '/etc/2.conf') == 11
