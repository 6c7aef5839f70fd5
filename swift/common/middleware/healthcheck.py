"""healthcheck: `/healthcheck` says that this server answers requests.

Layer 2, in proxies and storage servers, left of authentication. An operator takes a server out of
a load balancer's rotation by creating the file of option `disable_path`. Source: sheet 05 §4.
"""
import os
from collections.abc import Callable, Iterable

from swift.common.config.options import Options, Text
from swift.common.sections import read_section
from swift.common.swob import Response

PATH = '/healthcheck'


class HealthCheckOptions(Options, section='filter:healthcheck'):
    disable_path = Text('', 'While this file exists, answer 503 "DISABLED BY FILE".')


class HealthCheckMiddleware:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: HealthCheckOptions):
        self.app = app
        self._disable_path = options.disable_path

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        if env.get('PATH_INFO') != PATH:
            return self.app(env, start_response)
        if self._disable_path and os.path.exists(self._disable_path):
            answer = Response(status=503, body='DISABLED BY FILE', content_type='text/plain')
        else:
            answer = Response(body='OK', content_type='text/plain')
        return answer(env, start_response)


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#healthcheck`."""
    section = read_section(HealthCheckOptions, global_conf, local_conf, 'healthcheck')
    return lambda app: HealthCheckMiddleware(app, section.options)
