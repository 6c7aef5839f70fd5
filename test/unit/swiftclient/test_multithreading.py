"""Pools whose jobs get connections, and output whose lines stay whole."""
import io
import threading

import pytest

from swiftclient.multithreading import (
    ConnectionThreadPoolExecutor,
    MultiThreadingManager,
    OutputManager,
)
from swiftclient.service import SwiftError


class Connection:
    def __init__(self):
        self.closed = False

    def close(self):
        self.closed = True


def output():
    return OutputManager(io.StringIO(), io.StringIO())


def test_messages_are_formatted_only_with_arguments():
    out = output()
    with out:
        out.print_msg('100%')
        out.print_msg('%s of %d', 'a', 2)
    assert out.print_stream.getvalue() == '100%\na of 2\n'


def test_errors_are_counted_and_warnings_are_not():
    out = output()
    out.warning('mind %s', 'this')
    out.error('bad')
    out.error_with_txn_id(SwiftError('worse', transaction_id='tx1'))
    out.error_with_txn_id(SwiftError('worst'))
    assert out.get_error_count() == out.error_count == 3
    assert out.error_stream.getvalue() == (
        'mind this\nbad\nworse\nFailed Transaction ID: tx1\n'
        'worst\nFailed Transaction ID: unknown\n')


def test_items_are_aligned_and_may_be_left_out():
    out = output()
    out.print_items([('Name', 'x'), ('Empty', ''), ('None', None)], offset=6)
    out.print_items([('Name', 'x'), ('Empty', '')], skip_missing=True)
    assert out.print_stream.getvalue() == (
        '  Name: x\n Empty:\n  None: None\n          Name: x\n')


def test_raw_output_goes_to_the_buffer_behind_the_text():
    raw = io.BytesIO()
    out = OutputManager(io.TextIOWrapper(raw), io.StringIO())
    out.print_msg('text')
    out.print_raw(b'\xff\x00')
    assert raw.getvalue() == b'text\n\xff\x00'


def test_lines_of_many_threads_do_not_interleave():
    out = output()
    threads = [threading.Thread(target=lambda n=n: [out.print_msg('%s', str(n) * 50)
                                                    for _ in range(50)]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = out.print_stream.getvalue().splitlines()
    assert len(lines) == 400
    assert all(line == line[0] * 50 for line in lines)


def test_jobs_in_turn_share_the_first_connection_which_is_closed_at_the_end():
    made = []

    def create():
        made.append(Connection())
        return made[-1]

    with ConnectionThreadPoolExecutor(create, 5) as pool:
        for _ in range(10):
            assert pool.submit(lambda connection, x: connection.closed, 1).result() is False
    assert len(made) == 1
    assert made[0].closed


def test_connection_comes_back_after_a_job_that_raises():
    with ConnectionThreadPoolExecutor(Connection, 1) as pool:
        with pytest.raises(ZeroDivisionError):
            pool.submit(lambda connection: 1 / 0).result()
        assert pool.submit(lambda connection: 'next').result() == 'next'


def test_connection_that_cannot_be_made_fails_the_job_and_is_tried_again():
    attempts = []

    def create():
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError('no')
        return Connection()

    with ConnectionThreadPoolExecutor(create, 1) as pool:
        with pytest.raises(ValueError):
            pool.submit(lambda connection: None).result()
        assert pool.submit(lambda connection: 'works').result() == 'works'


def test_parallel_jobs_get_different_connections():
    barrier = threading.Barrier(3)

    def job(connection):
        barrier.wait(10)
        return connection

    with ConnectionThreadPoolExecutor(Connection, 3) as pool:
        assert len({id(future.result()) for future in [pool.submit(job) for _ in range(3)]}) == 3


def test_manager_has_four_pools_of_their_sizes_and_shuts_them_down():
    with MultiThreadingManager(Connection, 1, 2, 3, 4) as manager:
        pools = (manager.segment_pool, manager.object_dd_pool, manager.object_uu_pool,
                 manager.container_pool)
        assert [pool._max_workers for pool in pools] == [1, 2, 3, 4]
    for pool in pools:
        with pytest.raises(RuntimeError):
            pool.submit(lambda connection: None)
