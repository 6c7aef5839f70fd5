"""The way through `requests`: proxies, forms, sessions that a program changed; and TLS."""

import datetime
import ipaddress
import ssl

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from swiftclient.client import ClientException, HTTPConnection
from test.support.scripted_http import ScriptedHTTP, answer, cut, scripted


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ('http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def ask(conn, method='GET', path='/x', data=None, headers=None, files=None):
    conn.request(method, path, data, headers, files)
    return conn.getresponse()


def test_proxy_of_the_same_scheme_gets_the_whole_url():
    with scripted(answer(200, b'by proxy', x_a='é')) as proxy:
        conn = HTTPConnection('http://far.example:81/v1', proxy=proxy.root + '/ignored')
        resp = ask(conn, headers={'X-Object-Meta-Naïve': 'ï'})
        assert (resp.status, resp.getheader('x-a'), resp.read(2)) == (200, 'é', b'by')
        assert resp.read() == b' proxy' and resp.request.url == 'http://far.example:81/x'
    seen = proxy.seen[0]
    assert seen.target == 'http://far.example:81/x'
    assert (b'x-object-meta-na\xc3\xafve', b'\xc3\xaf') in seen.lines
    assert {'accept', 'connection', 'cookie', 'authorization'}.isdisjoint(
        name.lower() for name in seen.names)


def test_proxy_of_another_scheme_is_not_used():
    with scripted(answer(200)) as server:
        assert ask(HTTPConnection(server.url, proxy='https://proxy.invalid')).status == 200


@pytest.mark.parametrize('variable', ['http_proxy', 'HTTP_PROXY', 'all_proxy'])
def test_proxy_of_the_environment(monkeypatch, variable):
    if variable == 'HTTP_PROXY':
        monkeypatch.delenv('REQUEST_METHOD', raising=False)
    with scripted(answer(200)) as proxy:
        monkeypatch.setenv(variable, proxy.root)
        assert ask(HTTPConnection('http://far.example/v1')).status == 200
    assert proxy.seen[0].target == 'http://far.example/x'


def test_no_proxy_of_the_environment(monkeypatch):
    monkeypatch.setenv('http_proxy', 'http://proxy.invalid')
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with scripted(answer(200)) as server:
        assert ask(HTTPConnection(server.url)).status == 200


def test_session_that_was_asked_for_takes_all_requests():
    with scripted(answer(200, set_cookie='a=b'), answer(200)) as server:
        conn = HTTPConnection(server.url)
        prepared = []
        conn.request_session.hooks['response'].append(
            lambda resp, **_: prepared.append(resp.request.method))
        assert isinstance(conn.request_session, requests.Session)
        assert [ask(conn, 'PUT', data=b'x').status, ask(conn).status] == [200, 200]
    assert prepared == ['PUT', 'GET']
    assert server.seen[0].body == b'x' and server.seen[1].header('cookie') is None


def test_session_of_the_program():
    class Recorder:
        def request(self, method, url, **args):
            self.asked = method, url, args['verify'], args['stream']
            resp = requests.Response()
            resp.status_code, resp.reason = 299, 'Mine'
            return resp

    conn = HTTPConnection('http://h/v1')
    conn.request_session = session = Recorder()
    assert ask(conn).status == 299
    assert session.asked == ('GET', 'http://h/x', True, True)


def test_passwords_of_the_environment_are_not_sent(monkeypatch, tmp_path):
    netrc = tmp_path / 'netrc'
    netrc.write_text('machine 127.0.0.1 login a password b\n')
    monkeypatch.setenv('NETRC', str(netrc))
    with scripted(answer(200)) as server:
        conn = HTTPConnection(server.url)
        assert conn.request_session is not None
        ask(conn)
    assert server.seen[0].header('authorization') is None


def test_forms_and_files():
    with scripted(answer(200), answer(200)) as server:
        conn = HTTPConnection(server.url)
        ask(conn, 'POST', data={'a': 'b c'})
        ask(conn, 'POST', files={'name': b'octets'})
    assert server.seen[0].body == b'a=b+c'
    assert server.seen[0].header('content-type') == 'application/x-www-form-urlencoded'
    assert b'octets' in server.seen[1].body


def test_user_of_the_url_is_sent_as_requests_does():
    with scripted(answer(200)) as server:
        ask(HTTPConnection(server.url.replace('//', '//user:word@')))
    assert server.seen[0].header('authorization') == 'Basic dXNlcjp3b3Jk'


def test_body_that_breaks_is_the_same_error_on_this_way():
    with scripted(cut(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')) as server:
        conn = HTTPConnection(server.url)
        assert conn.request_session is not None
        with pytest.raises(requests.exceptions.ConnectionError):
            ask(conn).read()


class TLSServer(ScriptedHTTP):
    context: ssl.SSLContext

    def wrap(self, sock):
        return self.context.wrap_socket(sock, server_side=True)


@pytest.fixture(scope='module')
def certificate(tmp_path_factory):
    """A file with a certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'test')])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(
        key.public_key()).serial_number(1).not_valid_before(
        now - datetime.timedelta(days=1)).not_valid_after(
        now + datetime.timedelta(days=1)).add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address('127.0.0.1'))]),
        critical=False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp('tls') / 'both.pem'
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return str(path)


@pytest.fixture
def tls_server(certificate):
    server = TLSServer([answer(200, b'secret'), answer(200, b'again')])
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(certificate)
    server.secure = server.url.replace('http:', 'https:')
    yield server
    server.close()


@pytest.mark.parametrize('way', ['cacert', 'insecure', 'environment', 'session'])
def test_tls_with_trust(tls_server, certificate, monkeypatch, way):
    options = {'cacert': {'cacert': certificate}, 'insecure': {'insecure': True},
               'session': {'cacert': certificate}}.get(way, {})
    if way == 'environment':
        monkeypatch.setenv('REQUESTS_CA_BUNDLE', certificate)
    conn = HTTPConnection(tls_server.secure, **options)
    if way == 'session':
        assert conn.request_session is not None
    assert ask(conn, 'PUT', data=b'x' * 100000).read() == b'secret'
    assert ask(conn).read() == b'again' and tls_server.connections == 1
    assert tls_server.seen[0].body == b'x' * 100000


@pytest.mark.parametrize('options', [{'cacert': '/no/such/file'}, {'cert': '/no/such/file'}])
def test_file_that_cannot_be_used_is_named_and_not_tried_again(tls_server, options):
    with pytest.raises(ClientException, match='cannot use .*/no/such/file') as caught:
        ask(HTTPConnection(tls_server.secure, **options))
    assert caught.value.http_status is None and not tls_server.connections


def test_tls_without_trust_is_an_error_that_is_not_tried_again(tls_server):
    with pytest.raises(requests.exceptions.SSLError, match='certificate verify'):
        ask(HTTPConnection(tls_server.secure))
