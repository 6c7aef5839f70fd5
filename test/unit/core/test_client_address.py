import pytest

from swift.core.client_address import get_remote_client


@pytest.mark.parametrize('environ, expected', [
    ({}, ''), ({'REMOTE_ADDR': '1.2.3.4'}, '1.2.3.4'),
    ({'REMOTE_ADDR': '1.2.3.4', 'HTTP_X_FORWARDED_FOR': '5.6.7.8, 9.9.9.9'}, '5.6.7.8'),
    ({'HTTP_X_FORWARDED_FOR': '5.6.7.8', 'HTTP_X_CLUSTER_CLIENT_IP': ' 7.7.7.7 '}, '7.7.7.7'),
    ({'REMOTE_ADDR': '1.2.3.4', 'HTTP_X_FORWARDED_FOR': ''}, '1.2.3.4')])
def test_who_the_client_is(environ, expected):
    assert get_remote_client(environ) == expected
