"""domain_remap: accounts and containers in the host name instead of the path.

Layer 2, right of cname_lookup, left of listing_formats.

    GET http://c.auth-test.example.com/o      is     /v1/AUTH_test/c/o
    GET http://auth-test.example.com/c/o      too

Locations in answers are turned back into what the client knows. Paths that are already complete
are wrapped like any other, unless mangle_client_paths drops their `v1/`. Source: sheet 05 §12.2.

Cost: the comparison of the host with the storage domains.
"""
from collections.abc import Callable, Iterable

from swift.common.answer_headers import Headers, edited
from swift.common.config.options import Bool, List, Options, Text
from swift.common.registry import register_swift_info
from swift.common.sections import read_section
from swift.common.swob import HTTPBadRequest, Request, wsgi_quote
from swift.core.hosts import (
    AccountNames,
    BadHost,
    labels_below,
    parse_domains,
    relocated,
    remapped_path,
    split_port,
)

LOCATIONS = ('location', 'content-location')


class DomainRemapOptions(Options, section='filter:domain_remap'):
    """Accounts and containers in host names."""

    storage_domain = List(('example.com',), 'Domains below which host names stand for accounts.')
    path_root = Text('v1', 'First segment of the path that is made.')
    reseller_prefixes = List(('AUTH',), 'Prefixes that accounts may have, in their spelling; host '
                                        'names know no case. Empty: names are taken as they are.')
    default_reseller_prefix = Text(None, 'Prefix of accounts that are named without one.')
    mangle_client_paths = Bool(False, 'Drop the version that some clients put in front of paths.')


class DomainRemap:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: DomainRemapOptions):
        self.app = app
        self._domains = parse_domains(options.storage_domain)
        self._root = options.path_root.strip('/')
        prefixes = tuple(prefix.rstrip('_') for prefix in options.reseller_prefixes)
        default = options.default_reseller_prefix
        self._names = AccountNames(prefixes, default.rstrip('_') if default else None)
        self._mangles = options.mangle_client_paths

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        name, _port = split_port(env.get('HTTP_HOST') or env['SERVER_NAME'])
        labels = labels_below(name, self._domains)
        if not labels:
            return self.app(env, start_response)
        given = env['PATH_INFO']
        start = f'/{self._root}/'
        path = given[len(start) - 1:] if self._mangles and given.startswith(start) else given
        try:
            found = remapped_path(labels, path, self._root, self._names)
        except BadHost as problem:
            return HTTPBadRequest(request=Request(env), body=str(problem),
                                  content_type='text/plain')(env, start_response)
        if found is None:
            return self.app(env, start_response)
        env['PATH_INFO'] = found
        quoted = (wsgi_quote(found), wsgi_quote(given))

        def turn_back(_status: str, headers: Headers) -> Headers:
            return [(name, relocated(value, *quoted)) if name.lower() in LOCATIONS
                    else (name, value) for name, value in headers]

        return self.app(env, edited(start_response, turn_back))


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#domain_remap`."""
    section = read_section(DomainRemapOptions, global_conf, local_conf, 'domain_remap')
    register_swift_info('domain_remap',
                        default_reseller_prefix=section.options.default_reseller_prefix)
    return lambda app: DomainRemap(app, section.options)
