"""Which proxy a request goes through, if any.

Source: the client sheet, section 1.4. The environment counts as it does for `requests`, which is
asked only if there is something in it.
"""

import os

PROXY_VARIABLES = ('http_proxy', 'https_proxy', 'all_proxy')


def of_environment(url: str) -> dict[str, str]:
    """Return the proxies that http_proxy, https_proxy, all_proxy and no_proxy tell for the URL."""
    if not any(os.environ.get(name) or os.environ.get(name.upper()) for name in PROXY_VARIABLES):
        return {}
    from requests.utils import get_environ_proxies
    return get_environ_proxies(url)


def chosen(base, *tables: dict[str, str]) -> str | None:
    """Return the URL of the proxy for the URL `base`, which was split; earlier tables win."""
    for table in tables:
        for key in (f'{base.scheme}://{base.hostname}', base.scheme, f'all://{base.hostname}',
                    'all') if table else ():
            if table.get(key):
                return table[key] if '://' in table[key] else f'http://{table[key]}'
    return None


def is_socks(proxy: str | None) -> bool:
    return bool(proxy) and proxy.startswith('socks')
