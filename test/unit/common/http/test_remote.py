"""Requests that leave the cluster: bodies in pieces, early refusals, TLS, proxies on the way."""
import shutil
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from swift.common.http.remote import RemoteClient, RemoteError
from test.support.scripted_http import answer, cut, scripted

HEADERS = {'Content-Length': '10', 'X-Word': 'é'}


def pieces():
    yield from (b'hello', b'world')


def test_body_goes_in_pieces_and_the_answer_comes_back():
    with scripted(answer(201, b'done', etag='x')) as server:
        got = RemoteClient(5).request('PUT', server.url + '/c/o?a=b', HEADERS, pieces())
    seen = server.seen[0]
    assert (seen.method, seen.target, seen.body) == ('PUT', '/v1/AUTH_a/c/o?a=b', b'helloworld')
    assert seen.header('X-Word') == 'é'
    assert (got.status, got.reason, got.body) == (201, 'Scripted', b'done')
    assert got.headers['etag'] == 'x'


@pytest.mark.parametrize('reply', [cut(b''), cut(b'nonsense\r\n\r\n')])
def test_no_answer_is_a_remote_error(reply):
    with scripted(reply) as server, pytest.raises(RemoteError, match='HEAD http://127'):
        RemoteClient(5).request('HEAD', server.url, {})


def test_a_server_that_is_not_there_is_a_remote_error():
    with socket.create_server(('127.0.0.1', 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(RemoteError):
        RemoteClient(5).request('GET', f'http://127.0.0.1:{port}/', {})


def test_a_proxy_is_asked_for_the_whole_url():
    with scripted(answer(204)) as proxy:
        RemoteClient(5, [proxy.root]).request('DELETE', 'http://far.example:81/v1/a/c/o', {})
    assert proxy.seen[0].target == 'http://far.example:81/v1/a/c/o'
    assert proxy.seen[0].header('Host') == 'far.example:81'


# -- TLS ---------------------------------------------------------------------------------------

class Echo(BaseHTTPRequestHandler):
    def do_PUT(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(201)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


@pytest.fixture
def secure(tmp_path):
    """A server that speaks TLS; yields (port, file with its certificate)."""
    if shutil.which('openssl') is None:
        pytest.skip('needs openssl')
    key, cert = tmp_path / 'key.pem', tmp_path / 'cert.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
                    '-keyout', key, '-out', cert], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with HTTPServer(('127.0.0.1', 0), Echo) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], cert
        server.shutdown()
        thread.join()


def test_a_trusted_server_is_spoken_to_by_tls(secure, monkeypatch):
    port, cert = secure
    monkeypatch.setenv('SSL_CERT_FILE', str(cert))
    got = RemoteClient(5).request('PUT', f'https://localhost:{port}/o', HEADERS, pieces())
    assert (got.status, got.body) == (201, b'helloworld')


def test_a_server_that_nobody_vouches_for_gets_nothing(secure):
    port, _cert = secure
    with pytest.raises(RemoteError, match='certificate verify failed'):
        RemoteClient(5).request('PUT', f'https://localhost:{port}/o', HEADERS, pieces())


class Tunnel(threading.Thread):
    """A proxy for one CONNECT, which is kept in `asked`."""

    def __init__(self):
        super().__init__(daemon=True)
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.url = 'http://127.0.0.1:%d' % self._listener.getsockname()[1]
        self.asked = b''

    def run(self):
        client, _address = self._listener.accept()
        with client:
            while b'\r\n\r\n' not in self.asked:
                self.asked += client.recv(4096)
            name, _colon, port = self.asked.split()[1].decode().rpartition(':')
            with socket.create_connection((name, int(port)), 5) as server:
                client.sendall(b'HTTP/1.1 200 Connected\r\n\r\n')
                back = threading.Thread(target=pump, args=(server, client), daemon=True)
                back.start()
                pump(client, server)
                back.join(5)


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_a_proxy_passes_tls_on(secure, monkeypatch):
    port, cert = secure
    monkeypatch.setenv('SSL_CERT_FILE', str(cert))
    tunnel = Tunnel()
    tunnel.start()
    got = RemoteClient(5, [tunnel.url]).request('PUT', f'https://localhost:{port}/o', HEADERS,
                                                pieces())
    assert (got.status, got.body) == (201, b'helloworld')
    assert tunnel.asked.startswith(f'CONNECT localhost:{port} '.encode())
    tunnel.join(5)
