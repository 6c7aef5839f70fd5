"""Canonical names, asked of a name server on loopback."""
import socket
import threading

import pytest

dns_message = pytest.importorskip('dns.message', reason='dnspython is not installed')

import dns.flags  # noqa: E402
import dns.rcode  # noqa: E402
import dns.rrset  # noqa: E402

from swift.common.dns_names import NameServers, parse_server  # noqa: E402


class Server(threading.Thread):
    """Answers each question with what `answers` has for its name."""

    def __init__(self, answers):
        super().__init__(daemon=True)
        self.answers = answers
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(('127.0.0.1', 0))
        self.port = self.sock.getsockname()[1]

    def run(self):
        while True:
            data, client = self.sock.recvfrom(4096)
            if not data:
                return
            question = dns_message.from_wire(data)
            reply = dns_message.make_response(question)
            reply.flags |= dns.flags.RA
            name = question.question[0].name.to_text(omit_final_dot=True)
            found = self.answers[name]
            if isinstance(found, str):
                reply.answer.append(dns.rrset.from_text(name + '.', 77, 'IN', 'CNAME', found))
            else:
                reply.set_rcode(found)
            self.sock.sendto(reply.to_wire(), client)


@pytest.fixture
def names():
    server = Server({'photos.customer.org': 'c.auth-test.example.com.', 'plain.org': 0,
                     'nobody.org': dns.rcode.NXDOMAIN, 'ill.org': dns.rcode.REFUSED})
    server.start()
    yield NameServers((f'127.0.0.1:{server.port}',))
    server.sock.sendto(b'', ('127.0.0.1', server.port))
    server.join(5)
    server.sock.close()


@pytest.mark.parametrize('asked, answer', [
    ('photos.customer.org', (77, 'c.auth-test.example.com')),
    ('plain.org', (0, None)),
    ('nobody.org', (0, None)),
    ('ill.org', None),
])
def test_canonical_name(names, asked, answer):
    assert names.canonical_name(asked) == answer


@pytest.mark.parametrize('text, parsed', [
    ('127.0.0.1', ('127.0.0.1', None)), ('127.0.0.1:53', ('127.0.0.1', 53)),
    ('[::1]:5353', ('::1', 5353)), ('::1', ('::1', None))])
def test_name_servers_are_addresses(text, parsed):
    assert parse_server(text) == parsed


def test_a_name_server_by_name_is_refused():
    with pytest.raises(ValueError, match="Invalid nameserver 'ns.example'"):
        NameServers(('ns.example',))
