"""Merging and replacing recon files."""
import json
import os

import pytest

from swift.common import recon_cache
from swift.common.locks import file_lock
from test.support.logs import RecordingLogger


@pytest.mark.parametrize('current, update, expected', [
    ({}, {'a': 1}, {'a': 1}),
    ({'a': 1, 'b': 2}, {'a': [3]}, {'a': [3], 'b': 2}),
    ({'a': {'x': 1, 'y': 2}}, {'a': {'y': 3}}, {'a': {'x': 1, 'y': 3}}),
    ({'a': {'x': {'deep': 1}}}, {'a': {'x': {'other': 2}}}, {'a': {'x': {'other': 2}}}),
    ({'a': 1}, {'a': {'x': 1}}, {'a': {'x': 1}}),
    ({'a': {'x': 1}}, {'a': 1}, {'a': 1}),
    ({'a': {'x': 1}, 'b': 2}, {'a': {}}, {'b': 2}),
    ({'a': {'x': 1, 'y': 2}}, {'a': {'x': {}}}, {'a': {'y': 2}}),
    ({}, {'a': {}}, {}), ({'a': None}, {'a': 0}, {'a': 0})])
def test_merge_rules(current, update, expected):
    before = json.dumps(current)
    assert recon_cache.merged(current, update) == expected
    assert json.dumps(current) == before


def test_merge_is_idempotent():
    update = {'a': {'x': 1, 'y': {}}, 'b': 2, 'c': {}}
    once = recon_cache.merged({'a': {'y': 1}, 'c': 3}, update)
    assert recon_cache.merged(once, update) == once


def test_file_is_one_sorted_ascii_line(tmp_path):
    path = str(tmp_path / 'object.recon')
    assert recon_cache.dump({'b': 'ü', 'a': {'z': 1}}, path, RecordingLogger())
    assert (tmp_path / 'object.recon').read_bytes() == (
        b'{"a": {"z": 1}, "b": "\\u00fc"}\n')
    assert os.listdir(tmp_path) == ['object.recon']
    assert recon_cache.read(path) == {'a': {'z': 1}, 'b': 'ü'}
    assert os.stat(path).st_mode & 0o777 == 0o644


@pytest.mark.parametrize('content', [b'', b'nonsense\n', b'[1]\n', b'{"a": \n'])
def test_damaged_content_counts_as_empty(tmp_path, content):
    path = tmp_path / 'x.recon'
    path.write_bytes(content)
    assert recon_cache.read(str(path)) == {}
    recon_cache.dump({'a': 1}, str(path), RecordingLogger())
    assert recon_cache.read(str(path)) == {'a': 1}


def test_failures_are_logged_only(tmp_path):
    logger = RecordingLogger()
    path = str(tmp_path / 'no' / 'x.recon')
    assert not recon_cache.dump({'a': 1}, path, logger)
    assert logger.lines() == [
        'Exception dumping recon cache: %s: No such file or directory' % path]
    assert not recon_cache.dump({'a': object()}, str(tmp_path / 'x'), logger)
    assert 'not JSON serializable' in logger.lines()[1]
    assert recon_cache.read(path) == {}


def test_lock_of_another_process_is_respected(tmp_path):
    path, logger = str(tmp_path / 'x.recon'), RecordingLogger()
    with file_lock(path, 1):
        assert not recon_cache.dump({'a': 1}, path, logger, lock_timeout_s=0)
    assert 'Exception dumping recon cache' in logger.lines()[0]
    assert recon_cache.dump({'a': 1}, path, logger)
