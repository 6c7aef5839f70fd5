"""Pipelines: order, marks, and the filters the proxy cannot do without."""
import pytest

from swift.common import pipeline
from swift.common.config.parser import ConfigString
from swift.common.errors import ConfigError
from test.support.logs import RecordingLogger

REQUIRED = pipeline.REQUIRED_FILTERS['proxy']


def complete(*names, available=lambda name: True):
    """Return the pipeline after insertion."""
    names = list(names)
    for name, position in pipeline.missing_filters(names, REQUIRED, available):
        names.insert(position, name)
    return names


@pytest.mark.parametrize('given, expected', [
    ([], 'catch_errors gatekeeper listing_formats copy dlo versioned_writes'),
    (['catch_errors', 'healthcheck', 'proxy_logging', 'memcache', 'tempauth', 'proxy_logging'],
     'catch_errors gatekeeper healthcheck proxy_logging memcache listing_formats tempauth copy '
     'dlo versioned_writes proxy_logging'),
    (['healthcheck', 'catch_errors', 'tempauth'],
     'gatekeeper healthcheck catch_errors listing_formats tempauth copy dlo versioned_writes'),
    (['catch_errors', 'gatekeeper', 'listing_formats', 'copy', 'slo', 'dlo', 'versioned_writes'],
     'catch_errors gatekeeper listing_formats copy slo dlo versioned_writes'),
    (['catch_errors', 'gatekeeper', 'listing_formats', 'copy', 'dlo', 'slo'],
     'catch_errors gatekeeper listing_formats copy dlo slo versioned_writes')])
def test_missing_filters_go_to_their_places(given, expected):
    assert complete(*given) == expected.split()


def test_filters_that_are_not_installed_are_not_required():
    assert complete(available=lambda name: name in ('catch_errors', 'copy')) == [
        'catch_errors', 'copy']


class App:
    def __init__(self, name, conf, app=None):
        self.name, self.conf, self.app = name, conf, app
        self.logger = RecordingLogger()


def app_factory(global_conf, **local_conf):
    return App('app', {**global_conf, **local_conf})


def filter_factory(global_conf, **local_conf):
    return lambda app: App('filter', {**global_conf, **local_conf}, app)


def function_factory(global_conf, **local_conf):
    return len  # has no attributes to set


CONF = ConfigString(f'''
[DEFAULT]
a = 1
[pipeline:main]
pipeline = one two last
[filter:one]
use = call:{__name__}:filter_factory
n = 1
[filter:two]
use = call:{__name__}:filter_factory
n = 2
[app:last]
use = call:{__name__}:app_factory
[app:function]
use = call:{__name__}:function_factory
''')


def test_pipeline_is_built_outermost_first_and_marked():
    app = pipeline.loadapp(CONF, {'extra': 'x'})
    assert (app.conf['n'], app.app.conf['n'], app.app.app.name) == ('1', '2', 'app')
    assert app.app.app.conf['extra'] == 'x'
    for element in (app, app.app, app.app.app):
        assert element._pipeline == [app, app.app, app.app.app]
        assert element._pipeline_final_app is app.app.app
        assert element._pipeline_request_logging_app is app.app.app


def test_single_apps_load_too():
    assert pipeline.loadapp(CONF, section='last').name == 'app'
    assert pipeline.loadapp(CONF, section='function') is len


def test_missing_sections_are_config_errors():
    with pytest.raises(ConfigError, match='nosuch'):
        pipeline.loadapp(ConfigString('[pipeline:main]\npipeline = nosuch app\n[app:app]\n'
                                      'use = call:%s:app_factory\n' % __name__))
    with pytest.raises(ConfigError, match="'main'"):
        pipeline.loadapp(ConfigString('[app:x]\n'))


@pytest.fixture
def entry_points(monkeypatch):
    """Let every egg filter and the proxy app be our fakes."""
    def find(self, object_type, name=None):
        if name in ('dlo', 'versioned_writes'):
            raise LookupError(name)
        kind = app_factory if name == 'proxy' else filter_factory
        protocol = 'paste.app_factory' if name == 'proxy' else 'paste.filter_factory'
        return kind, protocol, name
    monkeypatch.setattr(pipeline.loadwsgi.EggLoader, 'find_egg_entry_point', find)


PROXY = ConfigString('''
[pipeline:main]
pipeline = catch proxy-logging copy logging2 proxy-server
[filter:catch]
use = egg:swift#catch_errors
[filter:copy]
use = egg:swift#copy
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:logging2]
use = egg:swift#proxy_logging
name = inner
[app:proxy-server]
use = egg:swift#proxy
''')


def test_proxy_gets_its_filters_and_a_logging_app(entry_points):
    app = pipeline.loadapp(PROXY)
    assert app._pipeline_names == (
        'catch_errors', 'gatekeeper', 'proxy_logging', 'listing_formats', 'copy',
        'proxy_logging', 'proxy')
    final = app._pipeline_final_app
    assert final.logger.lines() == [
        'Adding required filter listing_formats to pipeline at position 2',
        'Adding required filter gatekeeper to pipeline at position 1',
        'Pipeline was modified. New pipeline is "catch_errors gatekeeper proxy_logging '
        'listing_formats copy proxy_logging proxy".']
    logging_app = final._pipeline_request_logging_app
    assert (logging_app.conf['name'], logging_app.app) == ('inner', final)
    assert logging_app not in app._pipeline


def test_in_process_clients_keep_their_pipeline(entry_points):
    app = pipeline.loadapp(PROXY, allow_modify_pipeline=False)
    assert 'gatekeeper' not in app._pipeline_names
    pipeline.refuse_filter(app, 'gatekeeper', 'no')
    with pytest.raises(ConfigError, match='not allowed'):
        pipeline.refuse_filter(pipeline.loadapp(PROXY), 'gatekeeper', 'not allowed')
