"""Line format, transactions, routing options."""
import contextvars
import logging
import socket

import greenlet
import pytest

from swift.common import log
from swift.common.errors import ConfigError, ConnectFailed
from test.support.logs import RecordingLogger


@pytest.fixture(autouse=True)
def no_transaction():
    log.clear_transaction()
    yield
    log.clear_transaction()


@pytest.fixture
def logger():
    return RecordingLogger('object-server')


def test_line_starts_with_the_server_and_carries_the_priority(logger):
    logger.notice('hello %s', 'world')
    assert logger.sink.lines == [(16 * 8 + 5, 'object-server: hello world')]


@pytest.mark.parametrize('method, severity', [
    ('debug', 7), ('info', 6), ('notice', 5), ('warning', 4), ('warn', 4), ('error', 3),
    ('critical', 2)])
def test_each_level_has_its_severity(logger, method, severity):
    getattr(logger, method)('x')
    assert logger.sink.lines[0][0] % 8 == severity


def test_lines_below_the_level_are_not_written(logger):
    logger.setLevel('WARNING')
    logger.info('a')
    logger.notice('b')
    logger.log(log.INFO, 'c')
    logger.warning('d')
    assert logger.lines() == ['d']
    assert not logger.isEnabledFor(log.NOTICE)


def test_newlines_become_octal(logger):
    logger.info('a\nb')
    assert logger.lines() == ['a#012b']


def test_transaction_is_appended_once_and_the_client_not_at_info(logger):
    log.set_transaction('tx1', '1.2.3.4')
    logger.info('a')
    logger.error('b')
    logger.error('b tx1 from 1.2.3.4')
    assert logger.lines() == ['a (txn: tx1)', 'b (txn: tx1) (client_ip: 1.2.3.4)',
                              'b tx1 from 1.2.3.4']


def test_transaction_belongs_to_the_green_thread(logger):
    log.set_transaction('outer')
    copied = greenlet.greenlet(lambda: logger.info('copied'))
    copied.gr_context = contextvars.copy_context()
    for task in (greenlet.greenlet(lambda: logger.info('fresh')), copied):
        task.switch()
    assert logger.lines() == ['fresh', 'copied (txn: outer)']


def test_transaction_block_restores_what_was_before(logger):
    log.set_transaction('tx1')
    with log.transaction('tx2', 'ip'):
        assert logger.txn_id == 'tx2'
    assert logger.thread_locals == ('tx1', '')


def test_filters_may_set_the_transaction_through_the_logger(logger):
    logger.txn_id = 'tx9'
    logger.client_ip = '::1'
    assert log.get_transaction() == ('tx9', '::1')
    logger.thread_locals = (None, None)
    assert log.get_transaction() == ('', '')


@pytest.mark.parametrize('exc, reason', [
    (ConnectionRefusedError(111, 'x'), 'Connection refused'),
    (ConnectionResetError(104, 'x'), 'Connection reset'),
    (OSError(113, 'x'), 'Host unreachable'),
    (OSError(101, 'x'), 'Network unreachable'),
    (TimeoutError(110, 'x'), 'Connection timeout'),
    (BrokenPipeError(32, 'x'), 'Broken pipe'),
    (OSError(28, 'No space left'), '[Errno 28] No space left'),
    (ConnectFailed('cannot', '1.1.1.1:80', 'Connection refused'), 'Connection refused')])
def test_weather_is_logged_without_traceback(logger, exc, reason):
    try:
        raise exc
    except Exception:
        logger.exception('talking to %s', 'node')
    assert logger.lines() == ['talking to node: ' + reason]


def test_timeouts_show_class_and_length(logger):
    class ResponseTimer(Exception):
        seconds = 10
    logger.error('waiting', exc_info=ResponseTimer())
    assert logger.lines() == ['waiting: ResponseTimer (10s)']


def test_other_exceptions_come_with_their_traceback_on_one_line(logger):
    try:
        {}['missing']
    except KeyError:
        logger.exception('oops')
    (line,) = logger.lines()
    assert line.startswith('oops#012Traceback (most recent call last):#012')
    assert line.endswith("KeyError: 'missing'")


def test_wrong_arguments_do_not_raise(logger):
    logger.info('%d' + ' and %s', 'x')
    logger.info('%(a)s', {'a': 1})
    assert logger.lines() == ["%d and %s ('x',)", '1']


@pytest.mark.parametrize('limit, expected', [
    (0, 'srv: 0123456789abcdefghij'), (6, 'srv: 0'), (20, 'srv: 01 ... defghij'),
    (25, 'srv: 0123456789abcdefghij')])
def test_long_lines_lose_their_middle(limit, expected):
    logger = RecordingLogger('srv', max_line_length=limit)
    logger.info('0123456789abcdefghij')
    assert logger.sink.lines[0][1] == expected
    assert not limit or len(expected) <= limit


def test_options_choose_name_level_facility_and_address():
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(('127.0.0.1', 0))
    logger = log.get_logger({'log_udp_host': '127.0.0.1', 'bind_port': 'ignored',
                             'log_udp_port': str(receiver.getsockname()[1]),
                             'log_facility': 'LOG_LOCAL3', 'log_level': 'debug',
                             'log_name': 'proxy'}, 'ignored')
    logger.debug('x')
    receiver.settimeout(5)
    assert receiver.recv(100) == b'<%d>proxy: x\0' % (19 * 8 + 7)
    logger.close()
    receiver.close()


def test_unknown_words_fall_back():
    logger = log.get_logger({'log_level': 'LOUD', 'log_facility': 'LOG_X'}, 'name')
    assert (logger.level, logger.server, logger._facility) == (log.INFO, 'name', 16)


def test_bad_numbers_are_refused():
    with pytest.raises(ConfigError, match='log_udp_port'):
        log.get_logger({'log_udp_port': 'x'})


def test_overlay_prefers_the_prefixed_name():
    assert log.overlay({'log_name': 'a', 'access_log_name': 'b', 'c': 'd'}, 'access_') == {
        'log_name': 'b', 'access_log_name': 'b', 'c': 'd'}


class KeepingHandler(logging.Handler):
    def __init__(self):
        super().__init__()
        self.seen = []

    def emit(self, record):
        self.seen.append((record.levelname, self.format(record), record.txn_id))


HANDLERS = []


def add_handler(conf, name, log_to_console, log_route, fmt, logger, adapted_logger):
    handler = KeepingHandler()
    handler.setFormatter(fmt)
    logger.addHandler(handler)
    HANDLERS.append((handler, name, log_route, adapted_logger))


not_callable = 'text'


def test_custom_handlers_get_records(capsys):
    logger = log.get_logger(
        {'log_custom_handlers': '%s.add_handler, no.such, %s.not_callable'
                                % (__name__, __name__)}, 'srv', 'route')
    handler, name, route, adapted = HANDLERS.pop()
    log.set_transaction('tx1')
    logger.warning('careful %s', 'now')
    assert handler.seen == [('WARNING', 'srv: careful now', 'tx1')]
    assert (name, route, adapted) == ('srv', 'route', logger)
    assert capsys.readouterr().err.splitlines() == [
        'Error calling custom handler [no.such]',
        'Invalid custom handler format [%s.not_callable]' % __name__]


def test_prints_become_error_lines(logger):
    writer = log.LineWriter(logger, 'STDOUT')
    print('hello\nworld', file=writer)
    print('', file=writer)
    assert logger.lines(log.ERROR) == ['STDOUT: hello#012world']
