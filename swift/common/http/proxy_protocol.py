"""The PROXY protocol, version 1: who the client behind a load balancer is (layer 1, pure).

    PROXY TCP4|TCP6 <source> <destination> <source port> <destination port> CR LF
    PROXY UNKNOWN ... CR LF                                    says nothing, is ignored

One line per connection, before the first request; required when the option is on, since
otherwise any client could name itself. A destination port 443 means the client used TLS.
Sheet 04 section 18.
"""
from __future__ import annotations

import ipaddress

from swift.common.http.wire import BadRequest

LINE_SIZE_MAX = 107              # of version 1 of the protocol, with CR LF


def split(data: bytes) -> tuple[bytes | None, bytes]:
    """Return (line without CR LF, rest), or (None, data) while the line is incomplete.

    Raises BadRequest as soon as the data cannot become a PROXY line.
    """
    end = data.find(b'\n')
    if end < 0 and len(data) < LINE_SIZE_MAX and data[:6] == b'PROXY '[:len(data)]:
        return None, data
    line = data[:end + 1] if end >= 0 else data
    if end < 0 or len(line) > LINE_SIZE_MAX or not line.endswith(b'\r\n'):
        raise _invalid(line)
    return line[:-2], data[end + 1:]


def parse(line: bytes) -> dict[str, str] | None:
    """Return the WSGI variables that a line sets, None for UNKNOWN. Raises BadRequest."""
    words = line.decode('latin-1').split(' ')
    if words[:2] == ['PROXY', 'UNKNOWN']:
        return None
    if len(words) != 6 or words[0] != 'PROXY' or words[1] not in ('TCP4', 'TCP6'):
        raise _invalid(line)
    _proxy, family, source, destination, source_port, port = words
    try:
        versions = {ipaddress.ip_address(source).version,
                    ipaddress.ip_address(destination).version}
    except ValueError:
        raise _invalid(line) from None
    if versions != {4 if family == 'TCP4' else 6} or not all(
            text.isascii() and text.isdigit() and int(text) < 65536
            for text in (source_port, port)):
        raise _invalid(line)
    variables = {'REMOTE_ADDR': source, 'REMOTE_PORT': source_port,
                 'SERVER_ADDR': destination, 'SERVER_PORT': port}
    if port == '443':
        variables['wsgi.url_scheme'] = 'https'
        variables['HTTPS'] = 'on'
    return variables


def _invalid(line: bytes) -> BadRequest:
    shown = line[:LINE_SIZE_MAX].decode('latin-1')
    return BadRequest(400, f'Invalid PROXY line {ascii(shown)}', page=True)
