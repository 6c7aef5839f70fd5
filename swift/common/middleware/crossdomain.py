"""crossdomain: the policy document that old browser plug-ins ask for before they talk to us.

Layer 2, left of authentication. Answers GET /crossdomain.xml. Source: sheet 05 §5.
"""
from collections.abc import Callable, Iterable

from swift.common.config.options import Options, Text
from swift.common.registry import register_swift_info
from swift.common.sections import read_section
from swift.common.swob import Response

PATH = '/crossdomain.xml'
_FRAME = '''<?xml version="1.0"?>
<!DOCTYPE cross-domain-policy SYSTEM "http://www.adobe.com/xml/dtds/cross-domain-policy.dtd" >
<cross-domain-policy>
%s
</cross-domain-policy>'''


class CrossDomainOptions(Options, section='filter:crossdomain'):
    cross_domain_policy = Text('<allow-access-from domain="*" secure="false" />',
                               'Policy rules, XML elements; may have several lines.')


class CrossDomainMiddleware:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: CrossDomainOptions):
        self.app = app
        self._document = _FRAME % options.cross_domain_policy

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        if env.get('PATH_INFO') != PATH or env['REQUEST_METHOD'] != 'GET':
            return self.app(env, start_response)
        return Response(body=self._document, content_type='application/xml')(env, start_response)


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#crossdomain`."""
    section = read_section(CrossDomainOptions, global_conf, local_conf, 'crossdomain')
    register_swift_info('crossdomain')
    return lambda app: CrossDomainMiddleware(app, section.options)
