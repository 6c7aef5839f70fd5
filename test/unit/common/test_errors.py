"""Facts and texts of operating errors."""
import errno

import pytest

from swift.common import errors


def test_config_errors_keep_every_problem():
    assert errors.ConfigError('x').problems == ('x',)
    assert errors.ConfigError('a; b', ('a', 'b')).problems == ('a', 'b')


@pytest.mark.parametrize('error, text', [
    (errors.TransportError('', '1.1.1.1:80', 'Connection refused'), 'Connection refused'),
    (errors.PeerClosed(), 'PeerClosed'),
    (errors.ConnectTimeout('slow', seconds=0.5), 'slow'),
    (errors.DiskFull(), 'DiskFull'),
    (errors.Damaged(reason='bad checksum', path='/x'), 'bad checksum'),
    (errors.LockTimeout(path='/x/.lock', seconds=10), '10 seconds: /x/.lock'),
    (errors.ClientReadTimeout(seconds=60), 'client was silent for 60s')])
def test_texts(error, text):
    assert str(error) == text
    assert isinstance(error, errors.SwiftError)


def test_attributes_carry_the_facts():
    assert errors.ResponseTimeout('x', '1:2', seconds=3).seconds == 3
    assert errors.BindError('x', '1.1.1.1', 80).port == 80
    assert errors.Damaged(reason='why').reason == 'why'
    assert errors.DiskFull('x', '/srv/node/sda/x', 'sda').device == 'sda'


def test_weather_is_told_from_bugs():
    assert errors.weather_reason(ValueError('x')) is None
    assert errors.weather_reason(OSError(errno.EACCES, 'x')) is None
    assert errors.weather_reason(OSError(errno.EIO, 'x')) == '[Errno 5] x'
    assert errors.weather_reason(errors.ConnectFailed('a', reason='b')) == 'b'


def test_errno_questions():
    assert errors.is_address_in_use(OSError(errno.EADDRINUSE, ''))
    assert not errors.is_address_in_use(OSError(errno.EACCES, ''))
    assert errors.would_block(BlockingIOError(errno.EAGAIN, ''))
    assert not errors.would_block(OSError(errno.EPIPE, ''))
