"""Asking DNS for canonical names (layer 1).

The only module that imports dnspython, which is not needed by anything else: without it the filter
that asks does not load.
"""
import dns.exception
import dns.resolver

from swift.core.hosts import is_address, split_port

QUERY_SECONDS = 5


class NameServers:
    """Name servers to ask, those of the system when none are given."""

    def __init__(self, servers: tuple[str, ...] = ()):
        """`servers` are `address[:port]`, IPv6 in brackets. Raises ValueError."""
        self._resolver = dns.resolver.Resolver(configure=not servers)
        self._resolver.lifetime = QUERY_SECONDS
        if servers:
            parsed = [parse_server(server) for server in servers]
            self._resolver.nameservers = [address for address, _port in parsed]
            self._resolver.nameserver_ports = {
                address: port for address, port in parsed if port is not None}

    def canonical_name(self, domain: str) -> tuple[float, str | None] | None:
        """Return (seconds it may be kept, name or None if there is none), None on trouble.

        Blocks for at most QUERY_SECONDS.
        """
        try:
            answer = self._resolver.resolve(domain, 'CNAME')
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return 0, None
        except dns.exception.DNSException:
            return None
        name = answer.rrset[0].target.to_text(omit_final_dot=True)
        return answer.rrset.ttl, name


def parse_server(text: str) -> tuple[str, int | None]:
    """Return (address, port) of a name server; ValueError for what is none."""
    name, port = split_port(text)
    if name.startswith('[') and name.endswith(']'):
        name = name[1:-1]
    if not is_address(name):
        raise ValueError(f'Invalid nameserver {text!r}')
    return name, int(port[1:]) if port else None
