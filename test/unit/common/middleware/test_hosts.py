"""cname_lookup and domain_remap: from the host of a request to its path, and back."""
import pytest

from swift.common import dns_names
from swift.common.clock import ManualClock
from swift.common.errors import ConfigError
from swift.common.middleware import cname_lookup, domain_remap
from swift.common.middleware.cname_lookup import CnameLookup, CnameLookupOptions
from swift.common.middleware.domain_remap import DomainRemap, DomainRemapOptions
from swift.common.registry import get_swift_info
from swift.common.swob import Request
from test.support.fake_cache import FakeCache
from test.support.logs import RecordingLogger
from test.support.stub_app import StubApp


class Names:
    """Answers of DNS; None for one that does not come."""

    def __init__(self, **names):
        self.names = {name.replace('_', '.'): value for name, value in names.items()}
        self.asked = []

    def canonical_name(self, domain):
        self.asked.append(domain)
        return self.names.get(domain, (0, None))


class Lookup:
    def __init__(self, depth=1, **names):
        self.stub = StubApp()
        self.names = Names(**names)
        self.clock = ManualClock()
        self.cache = FakeCache(self.clock)
        options = CnameLookupOptions.parse({'storage_domain': 'store.example',
                                            'lookup_depth': str(depth)})
        self.filtered = CnameLookup(self.stub, options, RecordingLogger(), self.names)

    def get(self, host, location=None):
        self.stub.answer('GET', '/x', '200 OK', {'Location': location} if location else {})
        req = Request.blank('/x', {'HTTP_HOST': host, 'swift.cache': self.cache})
        resp = req.get_response(self.filtered)
        if resp.status_int == 200:
            return req.environ['HTTP_HOST'], resp.headers.get('Location')
        assert (resp.status_int, resp.content_type) == (400, 'text/plain')
        return resp.body.decode()


NO_NAME = 'CNAME lookup failed to resolve to a valid domain'


@pytest.mark.parametrize('host', ['10.0.0.1', '10.0.0.1:80', 'a.store.example', 'store.example:8',
                                  'A.Store.Example', '::1'])
def test_hosts_that_need_no_lookup(host):
    lookup = Lookup()
    assert lookup.get(host) == (host, None) and not lookup.names.asked


def test_canonical_name_replaces_the_host():
    lookup = Lookup(my_host=(300, 'c.a.store.example'))
    assert lookup.get('My.Host:8080', 'http://c.a.store.example:8080/y') == (
        'c.a.store.example:8080', 'http://My.Host:8080/y')


def test_locations_elsewhere_stay():
    lookup = Lookup(my_host=(300, 'c.a.store.example'))
    assert lookup.get('my.host', 'http://elsewhere/y') == (
        'c.a.store.example', 'http://elsewhere/y')


@pytest.mark.parametrize('names', [{}, {'my_host': None}])
def test_no_canonical_name(names):
    assert Lookup(**names).get('my.host') == NO_NAME


def test_an_address_in_brackets_is_not_asked_for():
    lookup = Lookup()
    assert lookup.get('[::1]:80') == NO_NAME and not lookup.names.asked


@pytest.mark.parametrize('depth, found', [
    (1, 'CNAME lookup failed after 1 tries'), (2, 'CNAME lookup failed after 2 tries'),
    (3, ('a.store.example', None))])
def test_depth(depth, found):
    lookup = Lookup(depth, h1=(9, 'h2'), h2=(9, 'h3'), h3=(9, 'a.store.example'))
    assert lookup.get('h1') == found
    assert lookup.names.asked == ['h1', 'h2', 'h3'][:depth]


def test_each_hop_is_remembered_for_its_own_time():
    lookup = Lookup(2, h1=(100, 'h2'), h2=(10, 'a.store.example'))
    assert lookup.get('h1') == lookup.get('h1') == ('a.store.example', None)
    assert lookup.names.asked == ['h1', 'h2']
    assert (lookup.cache.get('cname-h1'), lookup.cache.get('cname-h2')) == (
        'h2', 'a.store.example')
    lookup.clock.advance(11)
    lookup.get('h1')
    assert lookup.names.asked == ['h1', 'h2', 'h2']


def test_that_there_is_no_name_is_remembered_for_a_minute():
    lookup = Lookup()
    assert lookup.get('h') == lookup.get('h') == NO_NAME and lookup.names.asked == ['h']
    lookup.clock.advance(61)
    lookup.get('h')
    assert lookup.names.asked == ['h', 'h']


def test_silence_of_dns_is_not_remembered():
    lookup = Lookup(h=None)
    assert lookup.get('h') == lookup.get('h') == NO_NAME and lookup.names.asked == ['h', 'h']


def test_cname_lookup_without_cache_and_host_header():
    lookup = Lookup(h=(9, 'a.store.example'))
    lookup.stub.answer('GET', '/x')
    req = Request.blank('/x', {'SERVER_NAME': 'h'})
    del req.environ['HTTP_HOST']
    assert req.get_response(lookup.filtered).status_int == 200
    assert req.environ['HTTP_HOST'] == 'a.store.example'


@pytest.mark.parametrize('text, server', [
    ('10.0.0.1', ('10.0.0.1', None)), ('10.0.0.1:53', ('10.0.0.1', 53)), ('::1', ('::1', None)),
    ('[::1]:5353', ('::1', 5353)), ('[::1]', ('::1', None))])
def test_name_servers(text, server):
    assert dns_names.parse_server(text) == server


@pytest.mark.parametrize('text', ['host', '10.0.0.1:x', '[host]:53', '10.0.0', ':53'])
def test_bad_name_servers(text):
    with pytest.raises(ConfigError, match='Invalid nameserver'):
        cname_lookup.filter_factory({}, nameservers=text)


def test_cname_lookup_factory():
    filtered = cname_lookup.filter_factory({}, nameservers='127.0.0.1:9', lookup_depth='3')(None)
    assert filtered._names._resolver.nameserver_ports == {'127.0.0.1': 9}
    assert get_swift_info()['cname_lookup'] == {'lookup_depth': 3}


# -- domain_remap ----------------------------------------------------------------------------------

def remap(host, path, location=None, **options):
    """Return the path that arrives, and the location that comes back."""
    stub = StubApp()
    stub.on_call = lambda env: stub.answer('GET', env['PATH_INFO'], '200 OK',
                                           {'Location': location} if location else {})
    options = {'storage_domain': 'store.example', **options}
    req = Request.blank(path, {'HTTP_HOST': host})
    resp = req.get_response(DomainRemap(stub, DomainRemapOptions.parse(options)))
    if resp.status_int != 200:
        return resp.status_int, resp.content_type, resp.body
    assert req.environ['HTTP_HOST'] == host
    return stub.calls[0].path, resp.headers.get('Location')


@pytest.mark.parametrize('host, path, options, found', [
    ('c.auth-a.store.example:80', '/o', {}, '/v1/AUTH_a/c/o'),
    ('AUTH_a.store.example', '/c/o', {}, '/v1/AUTH_a/c/o'),
    ('store.example', '/v1/AUTH_a/c', {}, '/v1/AUTH_a/c'),
    ('elsewhere', '/v1/AUTH_a/c', {}, '/v1/AUTH_a/c'),
    ('c.b.store.example', '/o', {}, '/o'),
    ('c.b.store.example', '/o', {'default_reseller_prefix': 'AUTH_'}, '/v1/AUTH_b/c/o'),
    ('c.b.store.example', '/o', {'reseller_prefixes': ''}, '/v1/b/c/o'),
    ('c.new-b.store.example', '/o', {'reseller_prefixes': 'AUTH, NEW_'}, '/v1/NEW_b/c/o'),
    ('c.auth-a.store.example', '/o', {'path_root': '/v1.0/'}, '/v1.0/AUTH_a/c/o'),
    ('c.auth-a.store.example', '/v1/o', {}, '/v1/AUTH_a/c/v1/o'),
    ('c.auth-a.store.example', '/v1/o', {'mangle_client_paths': 'yes'}, '/v1/AUTH_a/c/o'),
    ('c.auth-a.store.example', '/v1', {'mangle_client_paths': 'yes'}, '/v1/AUTH_a/c/v1')])
def test_remap(host, path, options, found):
    assert remap(host, path, **options) == (found, None)


def test_remap_of_hosts_that_name_nothing():
    assert remap('a.b.c.store.example', '/') == (400, 'text/plain', b'Bad domain in host header')


@pytest.mark.parametrize('location, found', [
    ('http://c.auth-a.store.example/v1/AUTH_a/c/d%20e/', 'http://c.auth-a.store.example/d%20e/'),
    ('/v1/AUTH_a/other', '/v1/AUTH_a/other')])
def test_remap_turns_locations_back(location, found):
    assert remap('c.auth-a.store.example', '/d%20e', location) == ('/v1/AUTH_a/c/d e', found)


def test_domain_remap_factory():
    domain_remap.filter_factory({}, default_reseller_prefix='AUTH')
    assert get_swift_info()['domain_remap'] == {'default_reseller_prefix': 'AUTH'}
