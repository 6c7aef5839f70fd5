"""etag_quoter: entity tags of objects in double quotes, as RFC 7232 wants them.

Layer 2, right of the cache. Old clients compare tags as they always came, so quotes are given
container by container, or account by account, or to all by option:

    X-Container-Rfc-Compliant-Etags: true      X-Account-Rfc-Compliant-Etags: true
    stored as X-...-Sysmeta-Rfc-Compliant-Etags, True or False; an empty value or X-Remove-... ends

The container decides, else the account, else `enable_by_default`. Source: sheet 05 §9.

Cost: for a request to an object, a wrapped start_response and, if the answer has a tag, look-ups
in what the proxy found out for this request.
"""
from collections.abc import Callable, Iterable

from swift.common.answer_headers import Headers, edited, shown
from swift.common.config.options import Bool, Options
from swift.common.info import account_info, container_info
from swift.common.registry import register_swift_info
from swift.common.sections import read_section
from swift.common.swob import environ_key, wsgi_to_str
from swift.core.constraints import config_true_value, split_api_path

SOURCE = 'EQ'
SYSMETA = 'rfc-compliant-etags'
WRITES = ('PUT', 'POST')


class EtagQuoterOptions(Options, section='filter:etag-quoter'):
    """Entity tags in quotes."""

    enable_by_default = Bool(False, 'Quote the tags of objects whose container and account do not '
                                    'say whether to.')


class EtagQuoter:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: EtagQuoterOptions):
        self.app = app
        self._by_default = options.enable_by_default

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        names = split_api_path(env['PATH_INFO'])
        if names is None:
            return self.app(env, start_response)
        _version, account, container, obj = names
        if not obj:
            return self._settings(env, start_response, 'container' if container else 'account')
        # Made here, so that what is found out on the way can be looked at.
        known = env.get('swift.infocache')
        if known is None:
            known = env['swift.infocache'] = {}

        def quote_tag(_status: str, headers: Headers) -> Headers:
            for place, (name, value) in enumerate(headers):
                if name.lower() == 'etag':
                    if not is_quoted(value) and self._quotes(env, known, account, container):
                        return [*headers[:place], (name, f'"{value}"'), *headers[place + 1:]]
                    break
            return headers

        return self.app(env, edited(start_response, quote_tag))

    def _quotes(self, env: dict, known: dict, account: str, container: str) -> bool:
        """Tell whether the tags of a container's objects are quoted.

        Cost: two look-ups, because the proxy has just asked for the same.
        """
        account, container = wsgi_to_str(account), wsgi_to_str(container)
        info = (known.get(f'container/{account}/{container}')
                or container_info(env, self.app, account, container, SOURCE))
        if info['status'] // 100 != 2:
            return False
        own = info['sysmeta'].get(SYSMETA)
        if not own:
            info = known.get('account/' + account) or account_info(env, self.app, account, SOURCE)
            if info['status'] // 100 != 2:
                return False
            own = info['sysmeta'].get(SYSMETA)
        return config_true_value(own) if own else self._by_default

    def _settings(self, env: dict, start_response: Callable, kind: str) -> Iterable[bytes]:
        """Store and show the setting of an account or a container."""
        client, removal, stored = NAMES[kind]
        if env['REQUEST_METHOD'] in WRITES:
            if env.pop(environ_key(removal), None) is not None:
                env.pop(environ_key(client), None)
                env[environ_key(stored)] = ''
            else:
                value = env.pop(environ_key(client), None)
                if value is not None:
                    env[environ_key(stored)] = str(config_true_value(value)) if value else ''
        return self.app(env, shown(start_response, {stored.lower(): client}))


def _names(kind: str) -> tuple[str, str, str]:
    title = kind.title()
    return (f'X-{title}-Rfc-Compliant-Etags', f'X-Remove-{title}-Rfc-Compliant-Etags',
            f'X-{title}-Sysmeta-Rfc-Compliant-Etags')


# kind -> what clients set, what they send to end it, what is stored
NAMES = {kind: _names(kind) for kind in ('account', 'container')}


def is_quoted(tag: str) -> bool:
    """Tell whether a tag has the form of the RFC, weak or strong."""
    return tag.startswith(('"', 'W/"')) and tag.endswith('"') and len(tag.strip('W/')) > 1


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#etag_quoter`."""
    section = read_section(EtagQuoterOptions, global_conf, local_conf, 'etag_quoter')
    register_swift_info('etag_quoter', enable_by_default=section.options.enable_by_default)
    return lambda app: EtagQuoter(app, section.options)
