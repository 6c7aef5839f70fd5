"""Headers in and out, and what a log shows of them."""

import gzip
import logging

import pytest

from swiftclient import client
from swiftclient.client import LowerKeyCaseInsensitiveDict


@pytest.mark.parametrize('value,encoded', [
    (5, b'5'), (1.5, b'1.5'), (True, b'True'), ('é', b'\xc3\xa9'), (b'\xff', b'\xff'),
    (None, None), ([1], [1])])
def test_encode_utf8(value, encoded):
    assert client.encode_utf8(value) == encoded


def test_encode_utf8_leaves_subclasses_alone():
    class Text(str):
        pass

    assert type(client.encode_utf8(Text('a'))) is Text


def test_encode_meta_headers():
    headers = {'X-Object-Meta-É': 'ü', 'X-Account-Meta-A': 1, 'X-Other': 'b'}
    assert client.encode_meta_headers(headers) == {
        'x-object-meta-é'.encode(): 'ü'.encode(), b'x-account-meta-a': b'1', 'x-other': b'b'}


@pytest.mark.parametrize('data,text', [
    (5, '5'), ('a%20b', 'a b'), (b'a%20b', 'a b'), (b'\xc3\xa9', 'é'), (b'a\xe9', 'a%E9'),
    ('a%E9', 'a%E9'), ('é%20', 'é '), ('100%', '100%'), (b'\xe9%20', '%E9%2520')])
def test_parse_header_string(data, text):
    assert client.parse_header_string(data) == text


def test_dictionary_finds_names_in_any_case():
    headers = LowerKeyCaseInsensitiveDict({'X-A': '1'}, X_B='2')
    assert headers['x-a'] == headers['X-A'] == headers.get('x-A') == '1'
    assert 'X-a' in headers and 'x-c' not in headers and None not in headers
    headers['X-C'] = '3'
    headers.update({'X-A': '4'})
    assert list(headers) == ['x-a', 'x_b', 'x-c'] and dict(headers)['x-a'] == '4'
    assert headers == {'x-A': '4', 'X_b': '2', 'X-c': '3'} and headers != {'x-a': '4'}
    assert headers.setdefault('X-D', '5') == headers.pop('x-d') == '5'
    assert headers.pop('X-D', None) is None and headers.get('x-d', 6) == 6
    del headers['X-C']
    assert headers.copy() == {'X-A': '4', 'X_B': '2'} and type(headers.copy()) is type(headers)
    with pytest.raises(KeyError):
        headers['x-c']


TOKEN = 'AUTH_tk0123456789abcdef0123456789abc'


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    for name, value in dict(client.logger_settings).items():
        monkeypatch.setitem(client.logger_settings, name, value)
    return client.logger_settings


@pytest.mark.parametrize('length,prefix,shown', [
    (36, 16, 16), (14, 16, 6), (8, 16, 2), (1, 16, 0), (0, 16, 0), (100, 16, 16), (36, 4, 4),
    (36, 0, 0), (36, 99, 18)])
def test_safe_value_shows_the_beginning_of_secrets(settings, length, prefix, shown):
    settings['reveal_sensitive_prefix'] = prefix
    assert client.safe_value('X-Auth-Token', 's' * length) == 's' * shown + '...'
    assert client.safe_value('X-Other', 's' * length) == 's' * length


@pytest.mark.parametrize('name', client.LOGGER_SENSITIVE_HEADERS)
@pytest.mark.parametrize('pairs', [dict, list])
def test_scrub_headers(name, pairs):
    headers = {name.title(): TOKEN, 'X-A': 'b%20c'}
    shown = client.scrub_headers(headers if pairs is dict else list(headers.items()))
    assert shown == {name.title(): TOKEN[:16] + '...', 'X-A': 'b c'}


def test_scrub_headers_as_the_application_sets_it(settings):
    settings['reveal_sensitive_prefix'] = -1
    assert client.scrub_headers({'x-auth-token': TOKEN})['x-auth-token'] == TOKEN[:16] + '...'
    assert settings['reveal_sensitive_prefix'] == 16
    settings['redact_sensitive_headers'] = False
    assert client.scrub_headers({'x-auth-token': TOKEN}) == {'x-auth-token': TOKEN}


class Resp:
    reason = 'Reason'

    def __init__(self, status, **headers):
        self.status, self._headers = status, headers

    def getheaders(self):
        return list(self._headers.items())


def records(caplog, level, status, body=b'', method='GET', **headers):
    caplog.set_level(level, logger='swiftclient')
    client.http_log(('http://h/x', method), {'headers': {'X-Auth-Token': TOKEN}},
                    Resp(status, **headers), body)
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_http_log_of_a_failure(caplog):
    assert records(caplog, logging.INFO, 404, b'no', A='b') == [
        ('INFO', f'REQ: curl -i http://h/x -X GET -H "X-Auth-Token: {TOKEN[:16]}..."'),
        ('INFO', 'RESP STATUS: 404 Reason'), ('INFO', "RESP HEADERS: {'A': 'b'}"),
        ('INFO', "RESP BODY: b'no'")]


@pytest.mark.parametrize('method,words', [('HEAD', ' -I'), ('PUT', ' -X PUT'), ('COPY', ' COPY')])
def test_http_log_of_a_success(caplog, method, words):
    assert not records(caplog, logging.INFO, 204, method=method)
    shown = records(caplog, logging.DEBUG, 204, method=method)
    assert {level for level, _ in shown} == {'DEBUG'} and len(shown) == 3
    assert shown[0][1].startswith(f'REQ: curl -i http://h/x{words} -H')


def test_http_log_unpacks_the_body(caplog):
    shown = records(caplog, logging.DEBUG, 200, gzip.compress(b'text'),
                    **{'Content-Encoding': 'gzip'})
    assert shown[-1] == ('DEBUG', "RESP BODY: b'text'")


def test_http_log_asks_what_the_program_put_in_place(monkeypatch, caplog):
    mine = logging.getLogger('mine')
    caplog.set_level(logging.DEBUG, logger='mine')
    monkeypatch.setattr('swiftclient.client.logger', mine)
    monkeypatch.setattr('swiftclient.client.logger_settings', {'redact_sensitive_headers': False})
    client.http_log(('u', 'GET'), {'headers': {'X-Auth-Token': TOKEN}}, Resp(200), b'')
    assert caplog.records[0].name == 'mine' and TOKEN in caplog.text


def test_http_log_does_nothing_for_a_silent_logger(caplog):
    caplog.set_level(logging.WARNING, logger='swiftclient')
    client.http_log((object(),), None, None, None)
    assert not caplog.records
