"""The request line of storage servers, in the default and in other formats."""
import os

import pytest

from swift.common.clock import ManualClock
from swift.common.errors import ConfigError
from swift.common.storage_log import RequestLog
from swift.obj.options import ObjectServerOptions
from test.support.logs import RecordingLogger

ENVIRON = {'REQUEST_METHOD': 'HEAD', 'SCRIPT_NAME': '', 'PATH_INFO': '/sdb2/9/AUTH_test/c1/o 1',
           'REMOTE_ADDR': '127.0.0.1', 'HTTP_REFERER': 'GET http://localhost/v1/AUTH_test/c1/o',
           'HTTP_X_TRANS_ID': 'tx123', 'HTTP_USER_AGENT': 'proxy-server 9'}


def lines(environ=ENVIRON, level=10, **conf):
    logger = RecordingLogger(level=level)
    log = RequestLog(ObjectServerOptions.parse(conf), logger, ManualClock(1795208927))
    log.write(environ, 200, '5', 0.0039, '-')
    return logger.lines()


def test_the_default_line():
    assert lines() == [
        '127.0.0.1 - - [20/Nov/2026:21:08:47 +0000] "HEAD /sdb2/9/AUTH_test/c1/o%201" 200 5 '
        '"GET http://localhost/v1/AUTH_test/c1/o" "tx123" "proxy-server 9" 0.0039 "-" '
        + '%d -' % os.getpid()]


def test_what_is_missing_is_a_dash():
    bare = {'REQUEST_METHOD': 'PUT', 'PATH_INFO': '/x'}
    assert lines(bare)[0].startswith('- - - [')
    assert '"PUT /x" 200 5 "-" "-" "-"' in lines(bare)[0]


@pytest.mark.parametrize('change', [
    {'REQUEST_METHOD': 'SSYNC'}, {'REQUEST_METHOD': 'REPLICATE'},
    {'HTTP_X_BACKEND_REPLICATION': 'true'}])
def test_replication_is_logged_for_debugging_only(change):
    assert lines({**ENVIRON, **change}, level=20) == []
    assert len(lines({**ENVIRON, **change}, level=10)) == 1


def test_logging_of_requests_can_be_switched_off():
    assert lines(log_requests='false') == []


def test_another_format():
    text = lines(log_format='{remote_addr.anonymized} {time.iso8601} {trans_time:.2f} {account} '
                            '{object} {disk} {partition} {container} {content_length}')
    assert text == ['{MD5}f528764d624db129b32c21fbca0cb8d6 2026-11-20T21:08:47 0.00 AUTH_test o 1 '
                    'sdb2 9 c1 5']


@pytest.mark.parametrize('template', ['{unknown}', '{time.nonsense}', '{trans_time:.4x}', '{'])
def test_a_bad_format_is_a_config_error(template):
    with pytest.raises(ConfigError):
        lines(log_format=template)
