"""The same server over TLS: the hub cannot see bytes that the TLS layer holds."""
import shutil
import ssl
import subprocess

import pytest

from swift.common import green
from swift.common.http.stream import Stream
from swift.common.http.tls import TlsSocket, TlsStream
from test.support.raw_http import RawClient, served, settle

pytestmark = pytest.mark.skipif(shutil.which('openssl') is None, reason='needs openssl')
BIG = bytes(range(256)) * 4096           # 1 MiB


@pytest.fixture(scope='module')
def contexts(tmp_path_factory):
    where = tmp_path_factory.mktemp('tls')
    key, cert = where / 'key.pem', where / 'cert.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                    '-subj', '/CN=localhost', '-keyout', key, '-out', cert],
                   check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(cert)
    return server, client


class TlsClient(RawClient):
    def __init__(self, address, context):
        sock = TlsSocket(green.connect(address, 5), context, server_side=False,
                         server_hostname='localhost')
        self.stream = TlsStream(sock)
        sock.handshake(self.stream, 5)


def echo(environ, start_response):
    body = environ['wsgi.input'].read()
    start_response('200 OK', [('X-Scheme', environ['wsgi.url_scheme'])])
    return [body[:len(body) // 2], body[len(body) // 2:]]


def test_requests_pipelines_and_large_bodies(contexts):
    server, context = contexts
    with served(echo, tls=server) as here:
        client = TlsClient(here.address, context)
        put = b'PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello'
        answer = client.ask(put)
        assert (answer.get('X-Scheme'), answer.body) == ('https', b'hello')
        client.send(put * 20)            # one record: all but the first wait in the TLS layer
        assert [client.answer().body for _turn in range(20)] == [b'hello'] * 20
        client.send_split([put[:10], put[10:50], put[50:]])
        assert client.answer().body == b'hello'
        sender = green.spawn(client.send, b'PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n' % len(BIG)
                             + BIG)
        assert client.answer().body == BIG
        sender.wait()
        client.close()
        settle(lambda: not here.server.statistics()['connections'])


def test_plain_client_is_turned_away(contexts):
    with served(echo, tls=contexts[0]) as here:
        client = here.client()
        client.send(b'GET / HTTP/1.1\r\n\r\n')
        client.rest()
        settle(lambda: not here.server.statistics()['connections'])
        assert here.server.request_count == 0


def test_silent_client_is_turned_away(contexts):
    with served(echo, tls=contexts[0], client_timeout=0.05) as here:
        client = here.client()
        assert client.is_closed()


def test_slow_reader(contexts):
    server, context = contexts
    def app(environ, start_response):
        start_response('200 OK', [])
        yield from [BIG] * 8             # in chunks: several parts to each write

    with served(app, tls=server) as here:
        client = TlsClient(here.address, context)
        client.send(b'GET / HTTP/1.1\r\nConnection: close\r\n\r\n')
        for _turn in range(20):
            green.sleep(0)
        assert client.answer().body == BIG * 8
        assert isinstance(client.stream, Stream)
        client.close()
