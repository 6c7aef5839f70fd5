"""keystoneauth: users, projects and roles of Keystone.

Layer 2, right of keystonemiddleware's authtoken, which checks tokens and says in headers who
somebody is; it must have `delay_auth_decision = true`, so that requests without a token come here.

    pipeline = ... authtoken keystoneauth copy ...

    [filter:keystoneauth]
    use = egg:swift#keystoneauth
    operator_roles = admin, swiftoperator
    reseller_prefix = AUTH, SERVICE
    SERVICE_service_roles = service         accounts that users reach only through a service

An account is the prefix and the project's id. Who may do what is decided in
`swift.core.keystone_rules`; this filter reads the identity and installs `swift.authorize` and
`swift.clean_acl`, which the proxy calls. X-Account-Sysmeta-Project-Domain-Id remembers the domain
of an account's project, shown as X-Account-Project-Domain-Id. Source: sheet 05 §18.3.
"""
from collections.abc import Callable, Iterable, Mapping

from swift.common.answer_headers import shown
from swift.common.config.options import Bool, List, Options, Text
from swift.common.info import account_info
from swift.common.log import Logger, get_logger
from swift.common.swob import (
    HTTPForbidden,
    HTTPNotFound,
    HTTPUnauthorized,
    Request,
    Response,
    str_to_wsgi,
    wsgi_to_str,
)
from swift.core.acl import clean_acl
from swift.core.keystone_rules import (
    Asked,
    Identity,
    KeystoneRules,
    PrefixRules,
    domain_to_record,
    has_prefix,
    judge,
    judge_anonymous,
    lower_roles,
    names_count,
    own_prefix,
)
from swift.core.reseller import own_option_names, parse_prefixes, prefix_option
from swift.core.tempauth_rules import Verdict

SOURCE = 'KA'
DOMAIN_SYSMETA = 'project-domain-id'
DOMAIN_STORED = 'X-Account-Sysmeta-Project-Domain-Id'
SHOWN = {DOMAIN_STORED.lower(): 'X-Account-Project-Domain-Id'}
DEFAULT_OPERATORS = 'admin, swiftoperator'
PREFIX_OPTIONS = ('operator_roles', 'service_roles', 'project_reader_roles')
ACCOUNT_SLASHES = 3             # most slashes in the path of an account


class KeystoneAuthOptions(Options, section='filter:keystoneauth'):
    """Roles of Keystone and what they may."""

    reseller_prefix = Text('AUTH', 'Prefixes of the accounts of projects, separated by commas; '
                                   "'' is the empty one.")
    operator_roles = List(('admin', 'swiftoperator'), 'Roles that own the account of their '
                          'project; <PREFIX>_operator_roles for one prefix.')
    service_roles = List((), 'Roles of which the service token must have one besides; '
                             '<PREFIX>_service_roles for one prefix.')
    project_reader_roles = List((), 'Roles that may read the account of their project; '
                                    '<PREFIX>_project_reader_roles for one prefix.')
    reseller_admin_role = Text('ResellerAdmin', 'Role that owns every account.')
    system_reader_roles = List((), 'Roles that may read every account.')
    allow_overrides = Bool(True, 'Let filters further left vouch for a request.')
    default_domain_id = Text('default', 'Domain that accounts and users without one belong to.')
    allow_names_in_acls = Bool(True, 'Let ACLs name users and projects of the default domain '
                                     'instead of their ids.')
    is_admin = Bool(False, 'Removed; the name of a user does not make him an operator.')


class KeystoneAuth:
    """The filter; one per worker. Instances are shared by all requests and never change."""

    def __init__(self, app: Callable, conf: Mapping[str, str], logger: Logger | None = None):
        """Raises ConfigError."""
        self.app = app
        self.logger = logger or get_logger(conf, 'proxy-server', 'keystoneauth')
        prefixes = parse_prefixes(conf.get('reseller_prefix', 'AUTH'))
        own_names = {name for option in PREFIX_OPTIONS
                     for name in own_option_names(prefixes, option)}
        self.options = KeystoneAuthOptions.parse(
            {name: value for name, value in conf.items()
             if name not in own_names or name in PREFIX_OPTIONS})
        self.options.report_to(self.logger)
        if self.options.is_admin:
            self.logger.warning("The 'is_admin' option was removed: a user's name gives no rights")

        def roles(prefix: str, option: str, default: str = '') -> frozenset[str]:
            return lower_roles(prefix_option(conf, prefix, option, default).split(','))

        self.rules = KeystoneRules(
            {prefix: PrefixRules(roles(prefix, 'operator_roles', DEFAULT_OPERATORS),
                                 roles(prefix, 'service_roles'),
                                 roles(prefix, 'project_reader_roles')) for prefix in prefixes},
            self.options.reseller_admin_role.lower(),
            lower_roles(self.options.system_reader_roles),
            self.options.default_domain_id, self.options.allow_names_in_acls)

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        if env.get('swift.authorize_override') and self.options.allow_overrides:
            return self.app(env, start_response)
        identity = identity_of(env)
        if identity is not None:
            self._install(env, identity)
        else:
            self._install_anonymous(env)
        if env['PATH_INFO'].count('/') > ACCOUNT_SLASHES:
            return self.app(env, start_response)
        return self.app(env, shown(start_response, SHOWN))

    def _install(self, env: dict, identity: Identity) -> None:
        """Let the request act as who its token says."""
        env['REMOTE_USER'] = (identity.project_id, identity.project_name)
        env['keystone.identity'] = identity_document(env, identity)
        env['swift.authorize'] = lambda req: self.authorize(req, identity)
        env['swift.clean_acl'] = clean_acl
        env.setdefault('swift.access_logging', {})['user_id'] = (
            identity.user_id or identity.user_name)
        if self.rules.reseller_admin_role in identity.roles:
            env['reseller_request'] = True

    def _install_anonymous(self, env: dict) -> None:
        """Let the container's ACL decide, if the account is ours; another auth filter may be."""
        segments = env['PATH_INFO'].split('/', 3)
        account = segments[2] if len(segments) > 2 else ''
        if has_prefix(account, self.rules) or 'swift.authorize' not in env:
            env['swift.authorize'] = self.authorize_anonymous
            env['swift.clean_acl'] = clean_acl

    # -- may it --------------------------------------------------------------------------------

    def authorize(self, req: Request, identity: Identity) -> Response | None:
        """`swift.authorize` of somebody: None when the request is allowed, else the answer."""
        env = req.environ
        env['swift_owner'] = False
        if req.method == 'OPTIONS':
            return None
        asked = asked_by(req)
        if asked is None:
            return HTTPNotFound(request=req)
        is_own = own_prefix(asked.account, identity.project_id, self.rules) is not None
        exists, domain = self._account_domain(env, asked, is_own)
        self._record_domain(req, asked, identity, is_own)
        verdict = judge(asked, identity, self.rules,
                        names_count(identity, self.rules, is_own, exists, domain))
        if verdict is Verdict.DENIED:
            return denied(req)
        if verdict is Verdict.OWNER:
            env['swift_owner'] = True
        return None

    def authorize_anonymous(self, req: Request) -> Response | None:
        """`swift.authorize` of nobody we know."""
        if req.method == 'OPTIONS':
            return None
        asked = asked_by(req)
        if asked is None:
            return HTTPNotFound(request=req)
        return denied(req) if judge_anonymous(asked, self.rules) is Verdict.DENIED else None

    # -- domains -------------------------------------------------------------------------------

    def _stored_domain(self, env: dict, account: str) -> tuple[bool, str | None]:
        """Return whether an account exists, and the domain of its project if known."""
        info = account_info(env, self.app, account, SOURCE)
        exists = info['status'] // 100 == 2 and bool(info.get('account_really_exists', True))
        return exists, (info.get('sysmeta') or {}).get(DOMAIN_SYSMETA)

    def _account_domain(self, env: dict, asked: Asked, is_own: bool) -> tuple[bool, str | None]:
        """The same, for a judgement that may need it: only ACLs of others' containers do."""
        if is_own or not asked.acl or not self.rules.names_in_acls:
            return False, None
        return self._stored_domain(env, asked.account)

    def _record_domain(self, req: Request, asked: Asked, identity: Identity,
                       is_own: bool) -> None:
        """Have the domain of the account's project stored with what makes or changes it."""
        makes = asked.method in ('PUT', 'POST') if asked.container is None else (
            asked.method == 'PUT' and asked.obj is None)
        if not makes:
            return
        exists, stored = self._stored_domain(req.environ, asked.account)
        domain = domain_to_record(identity, self.rules, is_own, exists, stored)
        if domain is not None:
            req.headers[DOMAIN_STORED] = str_to_wsgi(domain)
        elif is_own and stored and identity.project_domain not in (None, stored):
            self.logger.warning('Inconsistent project domain id: %s in token vs %s in account '
                                'metadata.', identity.project_domain, stored)


def asked_by(req: Request) -> Asked | None:
    """Return what a request asks for, None for a path that names no account."""
    env = req.environ
    try:
        _version, account, container, obj = req.split_names(1, 4, True)
    except ValueError:
        return None
    if not account:
        return None
    sync_key = env.get('swift_sync_key')
    return Asked(
        env['REQUEST_METHOD'], account, container, obj,
        bool(sync_key and 'HTTP_X_TIMESTAMP' in env
             and wsgi_to_str(env.get('HTTP_X_CONTAINER_SYNC_KEY')) == sync_key),
        wsgi_to_str(env.get('HTTP_REFERER')), env.get('swob.ACL'))


def denied(req: Request) -> Response:
    """Return 403 to somebody we know, 401 to anybody else."""
    return HTTPForbidden(request=req) if req.remote_user else HTTPUnauthorized(request=req)


# -- the headers of authtoken ------------------------------------------------------------------

def _header(env: dict, *names: str) -> str | None:
    for name in names:
        value = env.get('HTTP_' + name)
        if value:
            return wsgi_to_str(value)
    return None


def _role_names(env: dict, key: str) -> list[str]:
    return [name.strip() for name in wsgi_to_str(env.get(key) or '').split(',') if name.strip()]


def token_version(env: dict) -> int:
    """Return the API version of the token that authtoken has checked, 0 if it does not say."""
    token = env.get('keystone.token_info') or {}
    return 3 if 'token' in token else 2 if 'access' in token else 0


def identity_of(env: dict) -> Identity | None:
    """Return who authtoken says it is, None for nobody."""
    if (env.get('HTTP_X_IDENTITY_STATUS') != 'Confirmed'
            or env.get('HTTP_X_SERVICE_IDENTITY_STATUS') not in (None, 'Confirmed')):
        return None
    knows_domains = token_version(env) == 3
    return Identity(
        _header(env, 'X_USER_ID'), _header(env, 'X_USER_NAME'),
        _header(env, 'X_PROJECT_ID', 'X_TENANT_ID'),
        _header(env, 'X_PROJECT_NAME', 'X_TENANT_NAME'),
        lower_roles(_role_names(env, 'HTTP_X_ROLES')),
        lower_roles(_role_names(env, 'HTTP_X_SERVICE_ROLES')),
        _header(env, 'X_USER_DOMAIN_ID') if knows_domains else None,
        _header(env, 'X_PROJECT_DOMAIN_ID') if knows_domains else None)


def identity_document(env: dict, identity: Identity) -> dict:
    """Return `keystone.identity`, which filters of others read."""
    version = token_version(env)
    names = [_header(env, 'X_USER_DOMAIN_NAME'), _header(env, 'X_PROJECT_DOMAIN_NAME')]
    if version != 3:
        names = [None, None]
    return {'user': (identity.user_id, identity.user_name),
            'tenant': (identity.project_id, identity.project_name),
            'roles': _role_names(env, 'HTTP_X_ROLES'),
            'service_roles': _role_names(env, 'HTTP_X_SERVICE_ROLES'),
            'user_domain': (identity.user_domain, names[0]),
            'project_domain': (identity.project_domain, names[1]),
            'auth_version': version}


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#keystoneauth`."""
    conf = {**global_conf, **local_conf}
    return lambda app: KeystoneAuth(app, conf)
