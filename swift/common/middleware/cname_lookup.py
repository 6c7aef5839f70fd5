"""cname_lookup: hosts of other domains whose canonical name is one below the storage domain.

Layer 2, left of domain_remap, which then finds account and container in the name.

    Host: photos.customer.org      photos.customer.org  CNAME  c.auth-test.example.com
    becomes that name; locations in answers are turned back

Names are remembered in memcached (`cname-<name>`) for as long as DNS says, that there is none for a
minute; when DNS does not answer, nothing is. Needs dnspython. Source: sheet 05 §12.1.

Cost: nothing but comparisons for hosts below the storage domain; for others a trip to memcached,
or a question to DNS.
"""
from collections.abc import Callable, Iterable
from typing import Protocol

from swift.common.answer_headers import Headers, edited
from swift.common.config.options import Integer, List, Options
from swift.common.errors import ConfigError
from swift.common.log import Logger
from swift.common.registry import register_swift_info
from swift.common.sections import read_section
from swift.common.swob import HTTPBadRequest, Request
from swift.core.hosts import is_address, labels_below, parse_domains, rehosted, split_port

NEGATIVE_SECONDS = 60
LOCATIONS = ('location', 'content-location')


class CnameLookupOptions(Options, section='filter:cname_lookup'):
    """Hosts of other domains."""

    storage_domain = List(('example.com',), 'Domains below which hosts need no lookup.')
    lookup_depth = Integer(1, 'Most canonical names that are followed one after the other.',
                           at_least=1)
    nameservers = List((), 'Name servers to ask, address[:port], IPv6 in brackets; default those '
                           'of the system.')


class Names(Protocol):
    """Who knows canonical names; see swift.common.dns_names."""

    def canonical_name(self, domain: str) -> tuple[float, str | None] | None: ...


class NotFound(Exception):
    """No name below the storage domain; the text is for the client."""


class CnameLookup:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: CnameLookupOptions, logger: Logger, names: Names):
        self.app = app
        self.logger = logger
        self._domains = parse_domains(options.storage_domain)
        self._depth = options.lookup_depth
        self._names = names

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        requested = env.get('HTTP_HOST') or env['SERVER_NAME']
        name, port = split_port(requested)
        if is_address(name) or labels_below(name, self._domains) is not None:
            return self.app(env, start_response)
        try:
            found = self._follow(env, name)
        except NotFound as problem:
            return HTTPBadRequest(request=Request(env), body=str(problem),
                                  content_type='text/plain')(env, start_response)
        self.logger.debug('Mapped %s to %s', name, found)
        env['HTTP_HOST'] = found + port

        def turn_back(_status: str, headers: Headers) -> Headers:
            return [(key, rehosted(value, found + port, requested)) if key.lower() in LOCATIONS
                    else (key, value) for key, value in headers]

        return self.app(env, edited(start_response, turn_back))

    def _follow(self, env: dict, name: str) -> str:
        """Return the name below the storage domain that a name leads to. Raises NotFound."""
        for _ in range(self._depth):
            name = self._canonical_name(env.get('swift.cache'), name.lower())
            if not name:
                raise NotFound('CNAME lookup failed to resolve to a valid domain')
            if labels_below(name, self._domains) is not None:
                return name
        raise NotFound(f'CNAME lookup failed after {self._depth} tries')

    def _canonical_name(self, cache, name: str) -> str | None:
        key = f'cname-{name}'
        if cache is not None:
            known = cache.get(key)
            if known is not None:
                return known or None
        # An address in brackets is nothing to ask for.
        answer = None if '[' in name else self._names.canonical_name(name)
        if answer is None:
            return None
        keep_s, found = answer
        if cache is not None:
            if not found:
                cache.set(key, False, time=NEGATIVE_SECONDS)
            elif keep_s >= 1:
                cache.set(key, found, time=keep_s)
        return found


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#cname_lookup`. Raises ImportError without dnspython."""
    from swift.common.dns_names import NameServers
    section = read_section(CnameLookupOptions, global_conf, local_conf, 'cname_lookup')
    options = section.options
    try:
        names = NameServers(options.nameservers)
    except ValueError as problem:
        raise ConfigError(f'[filter:cname_lookup]: {problem}')
    register_swift_info('cname_lookup', lookup_depth=options.lookup_depth)
    return lambda app: CnameLookup(app, options, section.logger, names)
