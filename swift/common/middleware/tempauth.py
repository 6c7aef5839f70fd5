"""tempauth: users from the configuration file, tokens in the shared cache.

Layer 2. For tests, demonstrations and small clusters: keys stand in clear text in the file.

    [filter:tempauth]
    use = egg:swift#tempauth
    user_admin_admin = admin .admin .reseller_admin
    user_test_tester = testing .admin http://storage.example.com/v1/AUTH_test

    GET /auth/v1.0                     X-Auth-User: test:tester, X-Auth-Key: testing
    GET /auth/v1/test/auth             X-Storage-User: tester, X-Storage-Pass: testing
        -> 200, X-Auth-Token, X-Storage-Url

Tokens are shared by all proxies of the cache, also by those of the original:

    <prefix>/token/<token>             [expires, "group,group,..."]
    <prefix>/user/<account:user>       "<token>"

With fernet keys, tokens carry their groups themselves and need no cache. The rules of who may do
what are in `swift.core.tempauth_rules`; this filter finds the groups of a request and installs
`swift.authorize` and `swift.clean_acl`, which the proxy calls.

Cost for a request with a token: one trip to memcached, which brings the account and container
information of the path along. Source: sheet 05 section 18.2.
"""
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from hmac import compare_digest
from uuid import uuid4

from swift.common.clock import SYSTEM, Clock
from swift.common.config.options import Bool, Choice, Options, Prefixed, Seconds, Text
from swift.common.errors import ConfigError
from swift.common.info import account_info, prefetch
from swift.common.log import get_logger
from swift.common.memcached import MemcacheConnectionError
from swift.common.metrics import Statsd
from swift.common.middleware.tempauth_fernet import FernetTokens
from swift.common.registry import register_sensitive_header, register_swift_info
from swift.common.swob import (
    HTTPBadRequest,
    HTTPForbidden,
    HTTPInternalServerError,
    HTTPMethodNotAllowed,
    HTTPNotFound,
    HTTPServiceUnavailable,
    HTTPUnauthorized,
    Request,
    Response,
    environ_key,
    host_url,
    str_to_wsgi,
    wsgi_quote,
    wsgi_to_str,
    wsgi_unquote,
)
from swift.core.acl import (
    account_acl_problem,
    acls_from_account_info,
    clean_acl,
    format_acl_v2,
    parse_acl_v2,
)
from swift.core.names import split_path
from swift.core.reseller import account_prefix, own_option_names, parse_prefixes, prefix_option
from swift.core.tempauth_rules import (
    HOST_PLACEHOLDER,
    RESELLER_ADMIN,
    Asked,
    User,
    Verdict,
    groups_of,
    judge,
    parse_user,
    split_user64_option,
    split_user_option,
)

SOURCE = 'TA'
ACL_HEADER = 'X-Account-Access-Control'
ACL_SYSMETA_HEADER = 'X-Account-Sysmeta-Core-Access-Control'


_ACL_KEY = environ_key(ACL_HEADER)


@lru_cache(maxsize=1024)
def _groups(remote_user: str | None) -> tuple[str, ...]:
    """Return the groups of REMOTE_USER, which come from the configuration: few and short."""
    return tuple(group for group in (remote_user or '').split(',') if group)


class TempAuthOptions(Options, section='filter:tempauth'):
    """Users, tokens and accounts of the test authentication."""

    reseller_prefix = Text('AUTH', 'Prefixes of the accounts this filter is responsible for; the '
                                   "first one also of tokens. '' is the empty prefix.")
    require_group = Text('', 'Group without which not even the owner gets at an account; '
                             '<PREFIX>_require_group for one prefix.')
    auth_prefix = Text('/auth/', 'Start of the paths that hand out tokens.')
    token_life = Seconds(86400, 'Life of a token.')
    allow_overrides = Bool(True, 'Let filters further left vouch for a request.')
    storage_url_scheme = Choice('default', 'http', 'https',
                                doc='Scheme of storage URLs; default = that of the request.')
    fernet_keys = Prefixed('fernet_key_', 'Keys of tokens that need no cache.')
    active_fernet_key_id = Text('', 'The <name> of the key that new tokens are made with.')
    users = Prefixed('user_', 'user_<account>_<user> = <key> [group] [...] [storage url]')
    users64 = Prefixed('user64_', 'The same for names in base64 without padding.')


class TempAuthConfigError(ConfigError, ValueError):
    """A user or key of the configuration that cannot be used."""


class TempAuth:
    """The filter; one per worker. Instances are shared by all requests and never change."""

    def __init__(self, app: Callable, conf: Mapping[str, str], *, logger=None, clock=SYSTEM):
        """Raises TempAuthConfigError or ConfigError."""
        self.app = app
        self.clock: Clock = clock
        self.logger = logger or get_logger(conf, 'proxy-server', 'tempauth')
        self.reseller_prefixes = parse_prefixes(conf.get('reseller_prefix', 'AUTH'))
        self.reseller_prefix = self.reseller_prefixes[0]
        own_names = own_option_names(self.reseller_prefixes, 'require_group')
        self.options = TempAuthOptions.parse(
            {name: value for name, value in conf.items() if name not in own_names})
        self.options.report_to(self.logger)
        self.required_groups = {prefix: prefix_option(conf, prefix, 'require_group')
                                for prefix in self.reseller_prefixes}
        self.auth_prefix = self._auth_prefix(self.options.auth_prefix)
        self.users = self._read_users()
        self.fernet = self._read_fernet()
        self.metrics = Statsd.from_options(
            conf, tail=f'tempauth.{self.reseller_prefix.rstrip("_") or "NONE"}',
            logger=self.logger)
        self._owns_unprefixed = '' in self.reseller_prefixes
        self._named_prefixes = tuple(prefix for prefix in self.reseller_prefixes if prefix)
        self._token_key = f'{self.reseller_prefix}/token/'
        self._user_key = f'{self.reseller_prefix}/user/'

    # -- configuration -----------------------------------------------------------------------

    def _auth_prefix(self, text: str) -> str:
        if not text or not text.strip('/'):
            self.logger.warning('Rewriting invalid auth prefix "%s" to "/auth/"', text)
            return '/auth/'
        return f'/{text.strip("/")}/'

    def _read_users(self) -> dict[str, User]:
        named = [(split_user_option, *item) for item in self.options.users.items()]
        named += [(split_user64_option, *item) for item in self.options.users64.items()]
        users = {}
        for split, rest, line in named:
            try:
                account, name = split(rest)
                default_url = (f'{HOST_PLACEHOLDER}/v1/{self.reseller_prefix}'
                               f'{wsgi_quote(str_to_wsgi(account))}')
                user = parse_user(account, name, line, default_url)
            except ValueError as problem:
                raise TempAuthConfigError(str(problem)) from None
            users[user.full_name] = user
        return users

    def _read_fernet(self) -> FernetTokens | None:
        keys, active = self.options.fernet_keys, self.options.active_fernet_key_id
        if active and active not in keys:
            raise TempAuthConfigError(f'key_id {active!r} not found; {sorted(keys)} are available')
        if not keys:
            return None
        return FernetTokens(keys, active, int(self.options.token_life), self.clock)

    # -- requests ----------------------------------------------------------------------------

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        if env.get('swift.authorize_override') and self.options.allow_overrides:
            return self.app(env, start_response)
        path = env['PATH_INFO']
        if path.startswith(self.auth_prefix):
            return self.token_request(Request(env))(env, start_response)
        signature = env.get('s3api.auth_details') or env.get('swift3.auth_details')
        token = env.get('HTTP_X_AUTH_TOKEN') or env.get('HTTP_X_STORAGE_TOKEN')
        if signature or (token and token.startswith(self.reseller_prefix)):
            groups = (self._groups_of_signature(env, signature) if signature
                      else self._groups_of_request(env, token))
            if groups:
                self._install(env, groups)
            else:
                self.metrics.increment('token_denied')
                if self.reseller_prefix and not signature:
                    return HTTPUnauthorized(request=Request(env))(env, start_response)
                env.setdefault('swift.authorize', self.denied_response)
        else:
            self._install_anonymous(env, path)
        return self.app(env, start_response)

    def _install(self, env: dict, groups: str) -> None:
        """Let the request act with the groups of its token."""
        names = groups.split(',')
        env.setdefault('swift.access_logging', {})['user_id'] = names[min(1, len(names) - 1)]
        env['REMOTE_USER'] = groups
        env['swift.authorize'] = self.authorize
        env['swift.clean_acl'] = clean_acl
        if RESELLER_ADMIN in names:
            env['reseller_request'] = True

    def _install_anonymous(self, env: dict, path: str) -> None:
        """Let the container's ACL decide, if the account is ours; another auth filter may be."""
        segments = path.split('/', 3)
        account = segments[2] if len(segments) > 2 and not segments[0] else ''
        if self._named_prefixes and account.startswith(self._named_prefixes):
            env['swift.authorize'] = self.authorize
            env['swift.clean_acl'] = clean_acl
        elif self._owns_unprefixed:
            if 'swift.authorize' not in env:
                env['swift.authorize'] = self.authorize
                env['swift.clean_acl'] = clean_acl
        else:
            env.setdefault('swift.authorize', self.denied_response)

    # -- who is it ---------------------------------------------------------------------------

    def cache_keys(self, env: dict) -> list[str]:
        """Return what this filter will ask memcached for, to those who ask earlier."""
        token = env.get('HTTP_X_AUTH_TOKEN') or env.get('HTTP_X_STORAGE_TOKEN')
        if not token or not token.startswith(self.reseller_prefix):
            return []
        service_token = env.get('HTTP_X_SERVICE_TOKEN')
        return [self._token_key + wsgi_to_str(name) for name in (token, service_token) if name]

    def _groups_of_request(self, env: dict, token: str) -> str | None:
        """Return the groups of a request's token, with those of its service token, if valid."""
        token = wsgi_to_str(token)
        service_token = wsgi_to_str(env.get('HTTP_X_SERVICE_TOKEN'))
        cache = env.get('swift.cache')
        entries = {}
        if cache is not None:
            account, container = _names_in(env['PATH_INFO'])
            entries = prefetch(env, cache, account, container, self.cache_keys(env))
        groups = self._groups_of_token(token, entries)
        if groups and service_token:
            service_groups = self._groups_of_token(service_token, entries)
            if service_groups:
                return f'{groups},{service_groups}'
        return groups

    def _groups_of_token(self, token: str, entries: Mapping) -> str | None:
        if self.fernet is not None:
            groups = self.fernet.groups_of(token.removeprefix(self.reseller_prefix))
            if groups is not None:
                return groups
        entry = _token_entry(entries.get(self._token_key + token))
        if entry is None or entry[0] < self.clock.time():
            return None
        return entry[1]

    def _groups_of_signature(self, env: dict, details: Mapping) -> str | None:
        """Return the groups of the user who signed an S3 request; its path gets the account."""
        user = self.users.get(wsgi_to_str(details['access_key']))
        if user is None or not details['check_signature'](user.key):
            return None
        env['PATH_INFO'] = env['PATH_INFO'].replace(
            str_to_wsgi(user.full_name), str_to_wsgi(user.account_id), 1)
        return ','.join(groups_of(user, self.reseller_prefixes))

    # -- may it ------------------------------------------------------------------------------

    def authorize(self, req: Request) -> Response | None:
        """`swift.authorize`: None when the request is allowed, else the answer."""
        env = req.environ
        try:
            _version, account, container, obj = req.split_names(1, 4, True)
        except ValueError:
            self.metrics.increment('errors')
            return HTTPNotFound(request=req)
        prefix = account_prefix(account, self.reseller_prefixes) if account else None
        if prefix is None:
            return self.denied_response(req)
        if _ACL_KEY in env:
            problem = _store_account_acl(req)
            if problem is not None:
                return problem
        sync_key = env.get('swift_sync_key')
        asked = Asked(
            env['REQUEST_METHOD'], account, container, obj, _groups(env.get('REMOTE_USER')), prefix,
            self.required_groups[prefix],
            sync_allowed=bool(sync_key and 'HTTP_X_TIMESTAMP' in env
                              and wsgi_to_str(env.get('HTTP_X_CONTAINER_SYNC_KEY')) == sync_key),
            referrer=wsgi_to_str(env.get('HTTP_REFERER')), acl=env.get('swob.ACL'))
        verdict = judge(asked, self.reseller_prefixes, lambda: acls_from_account_info(
            account_info(env, self.app, account, SOURCE)))
        if verdict is Verdict.DENIED:
            return self.denied_response(req)
        if verdict is Verdict.OWNER:
            env['swift_owner'] = True
        return None

    def denied_response(self, req: Request) -> Response:
        """Return 403 to somebody we know, 401 to anybody else."""
        if req.remote_user:
            self.metrics.increment('forbidden')
            return HTTPForbidden(request=req)
        self.metrics.increment('unauthorized')
        return HTTPUnauthorized(request=req)

    # -- tokens ------------------------------------------------------------------------------

    def token_request(self, req: Request) -> Response:
        """Answer a path under the auth prefix."""
        if req.method != 'GET':
            return HTTPMethodNotAllowed(request=req)
        path = req.environ['PATH_INFO'][len(self.auth_prefix) - 1:]
        try:
            segments = split_path(path, 1, 3, True)
        except ValueError:
            self.metrics.increment('errors')
            return HTTPNotFound(request=req)
        if segments[0] == 'v1' and segments[2] == 'auth':
            account, name = self._user_of_account_form(req, segments[1])
            key = req.headers.get('X-Storage-Pass') or req.headers.get('X-Auth-Key')
        elif segments[0] in ('auth', 'v1.0'):
            user = req.headers.get('X-Auth-User') or req.headers.get('X-Storage-User') or ''
            account, colon, name = wsgi_unquote(user).partition(':')
            if not colon:
                account = ''
            key = req.headers.get('X-Auth-Key') or req.headers.get('X-Storage-Pass')
        else:
            return HTTPBadRequest(request=req)
        user = self.users.get(wsgi_to_str(f'{account}:{name}')) if account and name else None
        if user is None or not key or not _key_matches(key, user.key):
            self.metrics.increment('token_denied')
            realm = wsgi_quote(account) if account else 'unknown'
            return HTTPUnauthorized(
                request=req, headers={'Www-Authenticate': f'Swift realm="{realm}"'})
        return self._hand_out_token(req, user)

    def _user_of_account_form(self, req: Request, account: str) -> tuple[str, str]:
        """Return (account, user name) of /v1/<account>/auth; an empty name when they conflict."""
        name = req.headers.get('X-Storage-User')
        if not name:
            other, _, name = wsgi_unquote(req.headers.get('X-Auth-User') or '').partition(':')
            if other != account:
                name = ''
        return account, name

    def _hand_out_token(self, req: Request, user: User) -> Response:
        cache = req.environ.get('swift.cache')
        now = self.clock.time()
        groups = groups_of(user, self.reseller_prefixes)
        found = self._token_in_use(cache, user, groups, now) if cache is not None else None
        if found is not None:
            token, expires = found
        elif self.fernet is not None and self.fernet.makes_tokens:
            token = self.reseller_prefix + self.fernet.token_for(','.join(groups))
            expires = now + self.options.token_life
        elif cache is None:
            self.logger.error('tempauth needs the cache filter to its left, or fernet keys')
            return HTTPInternalServerError(request=req, body='Internal server error.\n',
                                           content_type='text/plain')
        else:
            token = f'{self.reseller_prefix}tk{uuid4().hex}'
            expires = now + self.options.token_life
            try:
                self._remember(cache, user, token, [expires, ','.join(groups)])
            except MemcacheConnectionError:
                return HTTPServiceUnavailable(request=req)
        return Response(request=req, headers={
            'X-Auth-Token': token, 'X-Storage-Token': token,
            'X-Auth-Token-Expires': str(int(expires - now)),
            'X-Storage-Url': self._storage_url(req, user)})

    def _token_in_use(self, cache, user: User, groups: list[str], now: float
                      ) -> tuple[str, float] | None:
        """Return (token, expiry) of the token a user already has, if it still says the truth."""
        token = cache.get(self._user_key + user.full_name)
        if not isinstance(token, str):
            return None
        entry = _token_entry(cache.get(self._token_key + token))
        if entry is None or entry[0] <= now or set(entry[1].split(',')) != set(groups):
            return None
        return token, entry[0]

    def _remember(self, cache, user: User, token: str, entry: list) -> None:
        life = self.options.token_life
        cache.set(self._token_key + token, entry, time=life, raise_on_error=True)
        cache.set(self._user_key + user.full_name, token, time=life, raise_on_error=True)

    def _storage_url(self, req: Request, user: User) -> str:
        host = host_url(req.environ)
        if self.options.storage_url_scheme != 'default':
            host = f'{self.options.storage_url_scheme}://{host.partition("://")[2]}'
        return user.url.replace(HOST_PLACEHOLDER, host)


def _key_matches(given: str, key: str) -> bool:
    """Whether a header (a WSGI string) is a user's key, in a time that does not depend on it."""
    wanted = key.encode('utf-8')
    # Compat: clients may percent-quote keys, as they do names.
    return any(compare_digest(text.encode('latin-1'), wanted)
               for text in (given, wsgi_unquote(given)))


def _token_entry(value) -> tuple[float, str] | None:
    """Return (expires, groups) of a cached token, None when it is none."""
    if (isinstance(value, list) and len(value) == 2 and isinstance(value[0], int | float)
            and isinstance(value[1], str)):
        return value[0], value[1]
    return None


def _names_in(path: str) -> tuple[str | None, str | None]:
    """Return (account, container) of a path as text, each None when it is not there."""
    segments = path.split('/', 4)
    if len(segments) < 3 or segments[0]:
        return None, None
    account = wsgi_to_str(segments[2]) or None
    container = wsgi_to_str(segments[3]) or None if len(segments) > 3 else None
    return account, container if account else None


def _store_account_acl(req: Request) -> Response | None:
    """Turn a client's account ACL into the stored header; return the 400 of a bad one."""
    text = wsgi_to_str(req.headers.pop(ACL_HEADER))
    problem = account_acl_problem(text)
    if problem is not None:
        return HTTPBadRequest(
            request=req, content_type='text/plain; charset=UTF-8',
            body=f'{ACL_HEADER} invalid: {problem}\n\nInput: {text}\n')
    acl = parse_acl_v2(text)
    req.headers[ACL_SYSMETA_HEADER] = format_acl_v2(acl) if acl else ''
    return None


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#tempauth`."""
    conf = {**global_conf, **local_conf}
    register_swift_info('tempauth', account_acls=True)
    register_sensitive_header('x-auth-token')
    register_sensitive_header('x-storage-token')

    def auth_filter(app: Callable) -> TempAuth:
        return TempAuth(app, conf)

    return auth_filter
