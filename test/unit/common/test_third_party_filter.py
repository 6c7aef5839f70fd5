"""A filter that imports what filters of others import, in a pipeline: the surface must not move."""
import re
from pathlib import Path

from swift.common import constraints
from swift.common.header_key_dict import HeaderKeyDict
from swift.common.http import HTTP_CREATED, is_success
from swift.common.request_helpers import get_sys_meta_prefix, is_sys_meta
from swift.common.swob import HTTPBadRequest, Request, Response, wsgify
from swift.common.utils import config_true_value, get_logger, register_swift_info, split_path
from swift.common.wsgi import WSGIContext, make_pre_authed_request

MANUAL = Path(__file__).resolve().parents[3] / 'doc' / 'filters.md'


class StampContext(WSGIContext):
    def handle(self, env, start_response):
        body = self._app_call(env)
        if is_success(self._get_status_int()):
            self._response_headers.append(('X-Object-Sysmeta-Stamp', 'yes'))
        start_response(self._response_status, self._response_headers)
        return body


class Stamp:
    """Stamps answers, keeps a counter object of its own, checks metadata."""

    def __init__(self, app, conf):
        self.app = app
        self.logger = get_logger(conf, log_route='stamp')
        self.strict = config_true_value(conf.get('strict', 'no'))

    def __call__(self, env, start_response):
        req = Request(env)
        try:
            _version, account, _container, _obj = split_path(req.path, 4, 4, True)
        except ValueError:
            return self.app(env, start_response)
        refused = self.strict and constraints.check_metadata(req, 'object')
        if refused:
            return refused(env, start_response)
        counted = make_pre_authed_request(
            env, 'PUT', f'/v1/{account}/counter/n', body='1',
            headers=HeaderKeyDict({get_sys_meta_prefix('object') + 'n': 1}),
            swift_source='ST').get_response(self.app)
        if counted.status_int != HTTP_CREATED:
            raise HTTPBadRequest(request=req)
        return StampContext(self.app).handle(env, start_response)


def filter_factory(global_conf, **local_conf):
    register_swift_info('stamp')
    return lambda app: Stamp(app, {**global_conf, **local_conf})


class Store:
    """The rest of the pipeline; keeps what was put."""

    def __init__(self):
        self.puts = {}

    @wsgify
    def __call__(self, req):
        self.puts[req.path] = req.body, req.headers.get('X-Object-Sysmeta-N'), req.remote_user
        return Response(status=201, request=req)


def test_a_filter_of_others_works():
    store = Store()
    filtered = filter_factory({}, strict='yes')(store)
    response = Request.blank('/v1/a/c/o', method='PUT', body='x').get_response(filtered)
    assert response.status_int == 201
    assert any(is_sys_meta('object', name) for name in response.headers)
    assert store.puts == {'/v1/a/counter/n': (b'1', '1', '.wsgi.pre_authed'),
                          '/v1/a/c/o': (b'x', None, None)}
    bad = Request.blank('/v1/a/c/o', method='PUT', headers={'X-Object-Meta-': 'x'})
    assert bad.get_response(filtered).status_int == 400


def test_the_example_of_the_manual_works():
    source, = re.findall(r'```python\n(.*?)```', MANUAL.read_text(), re.S)
    names = {}
    exec(compile(source, 'example', 'exec'), names)
    filtered = names['filter_factory']({}, suffixes='.exe .com')(Store())
    assert Request.blank('/v1/a/c/a.com', method='PUT').get_response(filtered).status_int == 403
    assert Request.blank('/v1/a/c/a.txt', method='PUT').get_response(filtered).status_int == 201
