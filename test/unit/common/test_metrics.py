"""The wire format of metrics, rates and labels."""
import socket

import pytest

from swift.common.clock import ManualClock
from swift.common.errors import ConfigError
from swift.common.metrics import LabeledStatsd, Statsd, UdpTarget


@pytest.fixture
def sent():
    return []


def test_counter_and_timing_format(sent):
    statsd = Statsd(sent.append, 'object-server', 'proxy01')
    statsd.increment('quarantines')
    statsd.decrement('x')
    statsd.update_stats('xfer', 5)
    statsd.timing('PUT.timing', 1.23456789)
    assert sent == [b'proxy01.object-server.quarantines:1|c', b'proxy01.object-server.x:-1|c',
                    b'proxy01.object-server.xfer:5|c',
                    b'proxy01.object-server.PUT.timing:1.2346|ms']


def test_rates_multiply_and_decide(sent):
    dice = iter([0.3, 0.5])
    statsd = Statsd(sent.append, 'a', rate_factor=0.5, rng=lambda: next(dice))
    statsd.timing('t', 3, sample_rate=0.8)
    statsd.timing('t', 3, sample_rate=0.8)
    assert sent == [b'a.t:3|ms|@0.4']


def test_default_rate_applies_without_a_rate(sent):
    Statsd(sent.append, default_rate=0.5, rng=lambda: 0).increment('x')
    assert sent == [b'x:1|c|@0.5']


def test_transfer_rate_is_ms_per_kb(sent):
    statsd = Statsd(sent.append, 'o')
    statsd.transfer_rate('PUT.sda', 500, 2048)
    statsd.transfer_rate('PUT.sda', 500, 0)
    assert sent == [b'o.PUT.sda:244.1406|ms']


def test_timing_since_uses_the_wall_clock(sent):
    clock = ManualClock(100.0)
    statsd = Statsd(sent.append, clock=clock)
    clock.advance(0.25)
    statsd.timing_since('t', 100.0)
    assert sent == [b't:250.0|ms']


@pytest.mark.parametrize('mode, expected', [
    ('graphite', b'm;a=1;b=:2|c'), ('influxdb', b'm,a=1,b=:2|c'), ('librato', b'm#a=1,b=:2|c'),
    ('dogstatsd', b'm:2|c|#a:1,b:')])
def test_label_dialects(sent, mode, expected):
    LabeledStatsd(sent.append, mode).update_stats('m', 2, {'b': None, 'a': 1})
    assert sent == [expected]


def test_labels_of_operator_and_rate(sent):
    statsd = LabeledStatsd(sent.append, 'dogstatsd', {'host': 'a.b'}, rng=lambda: 0)
    statsd.timing('m', 1, {}, sample_rate=0.5)
    statsd.increment('n', {'a': 'x'})
    statsd.transfer_rate('r', 1, 1000, {})
    assert sent == [b'm:1|ms|@0.5|#user_host:a.b', b'n:1|c|#a:x,user_host:a.b',
                    b'r:1.0|ms|#user_host:a.b']


@pytest.mark.parametrize('name, value', [('a-b', 'x'), ('a', 'x y')])
def test_bad_user_labels_are_refused(name, value):
    with pytest.raises(ConfigError, match='statsd_user_label_' + name):
        LabeledStatsd.from_options({'statsd_user_label_' + name: value})


def test_off_without_host_or_mode():
    assert not Statsd.from_options({}).enabled
    assert not LabeledStatsd.from_options({'log_statsd_host': '127.0.0.1'}).enabled
    assert not Statsd.from_options({'log_statsd_host': '127.0.0.1',
                                    'statsd_emit_legacy': 'no'}).enabled
    Statsd.from_options({}).timing_since('x', 0)
    LabeledStatsd.from_options({}).increment('x', {})


@pytest.mark.parametrize('conf', [{'statsd_label_mode': 'other'}, {'log_statsd_port': '0'}])
def test_bad_options_are_refused(conf):
    with pytest.raises(ConfigError):
        LabeledStatsd.from_options(conf)


def test_real_datagrams_one_per_metric():
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(('127.0.0.1', 0))
    receiver.settimeout(5)
    statsd = Statsd.from_options({'log_statsd_host': 'localhost', 'bind_port': '80',
                                  'log_statsd_port': str(receiver.getsockname()[1])}, 'p')
    statsd.increment('a')
    statsd.increment('b')
    assert [receiver.recv(99), receiver.recv(99)] == [b'p.a:1|c', b'p.b:1|c']
    receiver.close()


def test_unknown_host_warns_once_and_recovers(monkeypatch):
    from test.support.logs import RecordingLogger
    clock, logger = ManualClock(), RecordingLogger()
    answers = [OSError('no such host')] * 2

    def getaddrinfo(host, port, family, kind):
        if answers:
            raise answers.pop()
        return [(socket.AF_INET, kind, 17, '', ('127.0.0.1', 9))]
    monkeypatch.setattr(socket, 'getaddrinfo', getaddrinfo)
    later = []
    target = UdpTarget('collector', 8125, clock, logger, later.append)
    target.send(b'x')
    for _ in range(2):
        clock.advance(61)
        target.send(b'x')
        target.send(b'x')
        (look_up,) = later       # the sender does not wait for it
        later.clear()
        look_up()
    assert len(logger.lines()) == 1 and target._sock is not None
    target.close()
