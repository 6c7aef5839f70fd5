"""tempurl: URLs that open one object, or all names that begin alike, for a while, without a token.

Layer 2, left of large objects and authentication.

    GET /v1/a/c/o?temp_url_sig=<signature>&temp_url_expires=<seconds or ISO time>
                 [&temp_url_prefix=<beginning of o>][&temp_url_ip_range=<address or network>]
                 [&filename=<name>][&inline]

The signature (core/tempurl_sig.py) is made with a key of the account or container. A request whose
claim does not hold is 401 whatever was wrong with it. One whose claim holds is authorised by this
filter: within the account for a key of the account, within the container for one of its own, so
that segments and links elsewhere stay closed. What filters to the right see of the query is the
claim alone: no manifest, version or format can be asked for.

The answer to GET and HEAD tells browsers to save it under a name, unless `inline` says otherwise;
what staticweb made is always shown. The client's address is that of its connection, which balancers
hand on by the PROXY protocol only. Source: sheet 05 §19.1.

Cost for other requests: one search in the query.
"""
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from swift.common.answer_headers import Headers, edited
from swift.common.clock import SYSTEM, Clock
from swift.common.config.options import Options, Words
from swift.common.metrics import Statsd
from swift.common.registry import register_sensitive_param
from swift.common.sections import read_section
from swift.common.signing import Digests, register_digests, signing_keys
from swift.common.swob import (
    HTTPBadRequest,
    HTTPUnauthorized,
    Request,
    Response,
    close_if_possible,
    environ_key,
    wsgi_to_str,
)
from swift.core.disposition import ATTACHMENT, INLINE, disposition, last_component, one_line
from swift.core.headers import GENERATED_BY_STATICWEB, X_BACKEND_CONTENT_GENERATOR
from swift.core.http_dates import format_http_date
from swift.core.tempurl_claim import (
    MARK,
    SIGNATURE,
    USER,
    Claim,
    first_params,
    is_claim,
    read_claim,
)
from swift.core.tempurl_sig import is_address_in, matches

SOURCE = 'TU'
REFUSAL = '401 Unauthorized: Temp URL invalid\n'
READS = ('GET', 'HEAD')
# They would give an object content from elsewhere, with the rights of whoever reads it later.
FORBIDDEN_HEADERS = {environ_key(name): name for name in (
    'X-Object-Manifest', 'X-Symlink-Target', 'X-Copy-From')}
# The last moment that an HTTP date can name.
DATE_MAX = 253402300799


class TempUrlOptions(Options, section='filter:tempurl'):
    methods = Words('GET HEAD PUT POST DELETE', 'Methods that a temporary URL may be for.')
    incoming_remove_headers = Words(
        'x-timestamp x-open-expired', 'Headers taken off requests that come by a temporary URL; '
        'a name may end in * for all that begin so.')
    incoming_allow_headers = Words(
        '', 'Exceptions to incoming_remove_headers, written the same way.')
    outgoing_remove_headers = Words(
        'x-object-meta-*', 'Headers taken off answers to such requests.')
    outgoing_allow_headers = Words(
        'x-object-meta-public-*', 'Exceptions to outgoing_remove_headers.')
    allowed_digests = Digests('sha1 sha256 sha512',
                              'Digests that signatures may be made with. sha1 is deprecated.')


@dataclass(frozen=True, slots=True)
class NameFilter:
    """Which headers go: those of one list but not of the other. Names end in * for beginnings."""

    names: frozenset[str]
    prefixes: tuple[str, ...]
    kept_names: frozenset[str]
    kept_prefixes: tuple[str, ...]

    @classmethod
    def of(cls, removed: Sequence[str], allowed: Sequence[str]) -> 'NameFilter':
        """Make one of the words of two options."""
        return cls(*_names_and_prefixes(removed), *_names_and_prefixes(allowed))

    def removes(self, name: str) -> bool:
        """Tell whether a header goes."""
        name = name.lower()
        return ((name in self.names or name.startswith(self.prefixes))
                and not (name in self.kept_names or name.startswith(self.kept_prefixes)))


def _names_and_prefixes(words: Sequence[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    words = [word.lower() for word in words]
    return (frozenset(word for word in words if not word.endswith('*')),
            tuple(word[:-1] for word in words if word.endswith('*')))


class TempUrl:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: TempUrlOptions, digests: Sequence[str],
                 metrics: Statsd, clock: Clock = SYSTEM):
        self.app = app
        self.metrics = metrics
        self.clock = clock
        self._methods = frozenset(options.methods)
        self._digests = digests
        self._incoming = NameFilter.of(options.incoming_remove_headers,
                                       options.incoming_allow_headers)
        self._outgoing = NameFilter.of(options.outgoing_remove_headers,
                                       options.outgoing_allow_headers)

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        query = env.get('QUERY_STRING')
        if not query or MARK not in query or env['REQUEST_METHOD'] == 'OPTIONS':
            return self.app(env, start_response)
        params = first_params(query)
        if not is_claim(params):
            return self.app(env, start_response)
        claim = read_claim(env['PATH_INFO'], params, self._digests)
        authorize = claim and self._authorizer(env, claim)
        if not authorize:
            return refusal(env)(env, start_response)
        if env['REQUEST_METHOD'] not in READS:
            for key, name in FORBIDDEN_HEADERS.items():
                if key in env:
                    return HTTPBadRequest(request=Request(env), body=(
                        f"The header '{name}' is not allowed in this tempurl"))(
                            env, start_response)
        headers = Request(env).headers
        for name in [name for name in headers if self._incoming.removes(name)]:
            del headers[name]
        env.update({'swift.authorize': authorize, 'swift.authorize_override': True,
                    'REMOTE_USER': USER, 'QUERY_STRING': claim.query()})
        return self._answer(env, claim, start_response)

    def _authorizer(self, env: dict, claim: Claim) -> Callable | None:
        """Return the `swift.authorize` of a claim that holds, None for another."""
        method = env['REQUEST_METHOD']
        if (method not in self._methods or claim.expires < self.clock.time()
                or not claim.obj and method not in READS
                or claim.ip_range and not is_address_in(
                    env.get('REMOTE_ADDR', ''), claim.ip_range)):
            return None
        keys = signing_keys(env, self.app, wsgi_to_str(claim.account),
                            wsgi_to_str(claim.container), SOURCE)
        messages = claim.messages(method)
        if matches(claim.signature, keys.of_account, messages):
            container = None
        elif matches(claim.signature, keys.of_container, messages):
            container = claim.container
        else:
            return None
        self.metrics.increment(f'tempurl.digests.{claim.signature.algorithm}')
        return authorizer(claim.account, container)

    def _answer(self, env: dict, claim: Claim, start_response: Callable) -> Iterable[bytes]:
        start = edited(start_response, lambda status, headers: self._edited(
            env['REQUEST_METHOD'], claim, status, headers))
        if claim.obj:
            return self.app(env, start)
        # The container itself is open to nothing but the pages that staticweb makes of it.
        status, headers, body = Request(env).call_application(self.app)
        if not is_from_staticweb(headers):
            close_if_possible(body)
            return refusal(env)(env, start_response)
        start(status, headers)
        return body

    def _edited(self, method: str, claim: Claim, status: str, headers: Headers) -> Headers:
        """Return the headers that the client gets."""
        kept = [line for line in headers if not self._outgoing.removes(line[0])]
        if method not in READS or not status.startswith('2'):
            return kept
        own = next((value for name, value in kept if name.lower() == 'content-disposition'), '')
        if claim.is_inline or is_from_staticweb(kept):
            value = disposition(INLINE, claim.filename)
        elif claim.filename or not own:
            value = disposition(ATTACHMENT, claim.filename or last_component(claim.obj))
        else:
            value = one_line(own)
        kept = [line for line in kept if line[0].lower() not in ('content-disposition', 'expires')]
        return [*kept, ('Content-Disposition', value),
                ('Expires', format_http_date(min(claim.expires, DATE_MAX)))]


def is_from_staticweb(headers: Headers) -> bool:
    """Tell whether an answer is one that staticweb made."""
    return any(value == GENERATED_BY_STATICWEB for name, value in headers
               if name.title() == X_BACKEND_CONTENT_GENERATOR)


def authorizer(account: str, container: str | None) -> Callable[[Request], Response | None]:
    """Return a `swift.authorize` for one account, or one container; WSGI strings."""

    def authorize(req: Request) -> Response | None:
        try:
            _version, asked_account, asked_container, _obj = req.split_path(2, 4, True)
        except ValueError:
            return HTTPUnauthorized(request=req)
        if asked_account == account and container in (None, asked_container):
            return None
        return HTTPUnauthorized(request=req)

    return authorize


def refusal(env: dict) -> Response:
    """Return the answer to a claim that does not hold: it does not tell why."""
    body = None if env['REQUEST_METHOD'] == 'HEAD' else REFUSAL
    return HTTPUnauthorized(request=Request(env), body=body,
                            headers={'Www-Authenticate': 'Swift realm="unknown"'})


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#tempurl`."""
    section = read_section(TempUrlOptions, global_conf, local_conf, 'proxy-server', 'tempurl')
    options = section.options
    digests = register_digests(
        'tempurl', options.allowed_digests, section.logger, methods=list(options.methods),
        incoming_remove_headers=list(options.incoming_remove_headers),
        incoming_allow_headers=list(options.incoming_allow_headers),
        outgoing_remove_headers=list(options.outgoing_remove_headers),
        outgoing_allow_headers=list(options.outgoing_allow_headers))
    register_sensitive_param(SIGNATURE)
    metrics = Statsd.from_options(section.conf, tail='proxy-server', logger=section.logger)
    return lambda app: TempUrl(app, options, digests, metrics)
