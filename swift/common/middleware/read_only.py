"""read_only: refuses writes, for the whole cluster or account by account.

Layer 2, right of the rate limiter. An operator sets X-Account-Sysmeta-Read-Only with an internal
client; where it is set it beats the option. A copy writes to the account of Destination-Account.
Source: sheet 05 §11.

Cost: nothing for reads; one look-up in the account information for writes.
"""
from collections.abc import Callable, Iterable

from swift.common.config.options import Bool, Options
from swift.common.info import get_account_info
from swift.common.registry import register_swift_info
from swift.common.sections import read_section
from swift.common.subrequest import make_env
from swift.common.swob import (
    HTTPMethodNotAllowed,
    HTTPPreconditionFailed,
    Request,
    wsgi_unquote,
)
from swift.core.constraints import config_true_value, split_api_path
from swift.core.names import account_name_problem

WRITES = frozenset(('PUT', 'POST', 'COPY', 'DELETE'))
BODY = 'Writes are disabled for this account.'


class ReadOnlyOptions(Options, section='filter:read_only'):
    read_only = Bool(False, 'Refuse writes to accounts that do not say otherwise.')
    allow_deletes = Bool(False, 'Let DELETE pass nevertheless.')


class ReadOnlyMiddleware:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: ReadOnlyOptions):
        self.app = app
        self._read_only = options.read_only
        self._writes = WRITES - {'DELETE'} if options.allow_deletes else WRITES

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        if env['REQUEST_METHOD'] not in self._writes:
            return self.app(env, start_response)
        return (self._refusal(Request(env)) or self.app)(env, start_response)

    def _refusal(self, req: Request) -> Callable | None:
        names = split_api_path(req.environ['PATH_INFO'])
        if names is None:
            return None
        env = req.environ
        other = req.headers.get('Destination-Account') if req.method == 'COPY' else None
        if other is not None:
            account = wsgi_unquote(other)
            problem = account_name_problem(account)
            if problem:
                return HTTPPreconditionFailed(request=req, body=problem)
            env = make_env(env, path=f'/{names[0]}/{account}')
        own = get_account_info(env, self.app, swift_source='RO')['sysmeta'].get('read-only')
        if config_true_value(own) if own else self._read_only:
            return HTTPMethodNotAllowed(request=req, body=BODY)
        return None


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#read_only`."""
    section = read_section(ReadOnlyOptions, global_conf, local_conf, 'read_only')
    if section.options.read_only:
        register_swift_info('read_only')
    return lambda app: ReadOnlyMiddleware(app, section.options)
