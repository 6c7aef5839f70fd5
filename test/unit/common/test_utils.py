import pytest

from swift.common import constraints, utils
from swift.common.swob import Request, Response
from swift.common.utils import (
    cache_from_env,
    closing_if_possible,
    config_auto_int_value,
    config_float_value,
    config_percent_value,
    config_positive_int_value,
    drain_and_close,
    list_from_csv,
    public,
    streq_const_time,
)


def test_every_exported_name_is_there():
    assert all(hasattr(utils, name) for name in utils.__all__)


def test_list_from_csv():
    assert list_from_csv(' a, b ,,c') == ['a', 'b', 'c']
    assert list_from_csv('') == list_from_csv(None) == []


def test_numbers_of_configurations():
    assert config_positive_int_value('5') == 5
    assert config_auto_int_value('AUTO', 7) == config_auto_int_value(None, 7) == 7
    assert config_auto_int_value('-3', 7) == -3
    assert config_float_value('0.5', 0, 1) == 0.5
    assert config_percent_value('25') == 0.25


@pytest.mark.parametrize('convert, values', [
    (config_positive_int_value, ('0', '-1', 'x', None, '1.5')),
    (lambda value: config_auto_int_value(value, 7), ('x', '', '1.5')),
    (lambda value: config_float_value(value, 0, 1), ('-0.1', '1.1', 'x', None)),
    (config_percent_value, ('101', '-1', 'x'))])
def test_bad_numbers_of_configurations(convert, values):
    for value in values:
        with pytest.raises(ValueError, match='Config option must be'):
            convert(value)


def test_cache_from_env():
    assert cache_from_env({'swift.cache': 'c'}) == 'c'
    assert cache_from_env({'swift.cache': 'c'}, ignore=True) is cache_from_env({}) is None


def test_small_helpers():
    assert streq_const_time('a', 'a') and not streq_const_time('a', 'b')
    assert public(lambda: None).publicly_accessible


class Body:
    def __init__(self):
        self.left, self.closed = [b'a', b'b'], False

    def __iter__(self):
        while self.left:
            yield self.left.pop()

    def close(self):
        self.closed = True


def test_draining_reads_everything_and_closes():
    for wrap in (lambda body: body, lambda body: Response(app_iter=body)):
        body = Body()
        drain_and_close(wrap(body))
        assert not body.left and body.closed
    drain_and_close(Response())


def test_closing_if_possible_closes_also_after_errors():
    body = Body()
    with pytest.raises(KeyError), closing_if_possible(body):
        raise KeyError
    assert body.closed
    with closing_if_possible([]) as plain:
        assert plain == []


def test_constants_of_the_constraints_module(monkeypatch, tmp_path):
    (tmp_path / 'swift.conf').write_text(
        '[swift-hash]\nswift_hash_path_suffix = x\n[swift-constraints]\nmax_meta_count = 7\n')
    monkeypatch.setenv('SWIFT_DIR', str(tmp_path))
    constraints._limits.cache_clear()
    try:
        assert (constraints.MAX_META_COUNT, constraints.MAX_HEADER_COUNT) == (7, 43)
        assert constraints.MAX_FILE_SIZE == 5368709122
    finally:
        constraints._limits.cache_clear()


def test_unknown_constant():
    with pytest.raises(AttributeError):
        constraints.MAX_NONSENSE  # noqa: B018


def test_checks_of_the_constraints_module(monkeypatch, tmp_path):
    monkeypatch.setenv('SWIFT_DIR', str(tmp_path))
    constraints._limits.cache_clear()
    req = Request.blank('/v1/a/c/o', method='PUT', body='x', headers={
        'X-Object-Meta-': 'x', 'Content-Type': 'a/b'})
    assert constraints.check_metadata(req, 'object').body == b'Metadata name cannot be empty'
    assert constraints.check_metadata(req, 'container') is None
    assert constraints.check_object_creation(req, 'o').body == b'Missing X-Timestamp header'
    req.headers['X-Timestamp'] = '1'
    refused = constraints.check_object_creation(req, 'n' * 1025)
    assert (refused.status_int, refused.content_type) == (400, 'text/plain')
    assert constraints.valid_api_version('v1') and not constraints.valid_api_version('v3')
    constraints._limits.cache_clear()
