"""How far servers are trusted: the settings of TLS, as `requests` takes them from its environment.

Source: the client sheet, section 1.4. Imported only for https.
"""

import functools
import os
import ssl

from swiftclient.exceptions import ClientException

CA_BUNDLE_VARIABLES = ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE')


def context(verify: bool | str, cert: str | tuple | None) -> ssl.SSLContext:
    """Return how to speak TLS. ClientException: a file cannot be used.

    `verify` is True, False, or a file or folder of certificates; `cert` the client's own, a file
    or a pair with that of the key.
    """
    verify = _authorities(verify)
    files = [verify] if isinstance(verify, str) else []
    files += [cert] if isinstance(cert, str) else cert or ()
    try:
        return _loaded(verify, cert, tuple(os.stat(name).st_mtime_ns for name in files))
    except OSError as err:  # ssl.SSLError is one
        raise ClientException(f'TLS: cannot use {", ".join(files)}: {err}')


@functools.lru_cache(maxsize=16)
def _loaded(verify: bool | str, cert: str | tuple | None, changed: tuple) -> ssl.SSLContext:
    """Return a context for files as they are; to load the authorities takes 20 ms."""
    made = ssl.create_default_context() if isinstance(verify, bool) else \
        ssl.create_default_context(**{'capath' if os.path.isdir(verify) else 'cafile': verify})
    if verify is False:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if cert:
        made.load_cert_chain(*((cert,) if isinstance(cert, str) else cert))
    return made


def _authorities(verify: bool | str) -> bool | str:
    """Return whose certificates are believed: the given ones, the environment's or certifi's."""
    if verify is not True:
        return verify or False
    for variable in CA_BUNDLE_VARIABLES:
        if os.environ.get(variable):
            return os.environ[variable]
    from requests.certs import where
    return where()
