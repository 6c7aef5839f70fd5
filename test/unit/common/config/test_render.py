"""Samples and reference are current, complete, and right."""
import importlib
import pkgutil
import re

import pytest

import swift
from swift.common.config import catalog, parser, render
from swift.common.config.cluster_options import ConstraintOptions
from swift.common.config.options import Options, show_value
from swift.core.constraints import Constraints
from test.support.service import ROOT

SAMPLES = {sample.name: sample for sample in catalog.SAMPLES}


def test_files_in_the_tree_are_current():
    stale = [name for name, text in render.rendered().items()
             if not (ROOT / name).exists() or (ROOT / name).read_text() != text]
    assert not stale, 'run: python -m swift.common.config.render'


def test_no_sample_is_left_over():
    # rsyncd.conf is not read by us.
    assert {path.name for path in (ROOT / 'etc').glob('*.conf-sample')} == {
        'rsyncd.conf-sample', *(name + '-sample' for name in SAMPLES)}


def all_tables(cls=Options):
    for subclass in cls.__subclasses__():
        if subclass.__module__.startswith('swift.'):
            yield subclass
        yield from all_tables(subclass)


def test_every_table_of_the_tree_is_in_the_catalog():
    for module in pkgutil.walk_packages(swift.__path__, 'swift.'):
        importlib.import_module(module.name)
    listed = {catalog.load(path) for _name, path in catalog.tables()}
    missing = {'%s:%s' % (table.__module__, table.__name__) for table in all_tables()
               if table.section and table not in listed}
    assert not missing


def uncommented(text):
    """Return a sample with every proposed line in effect."""
    text = re.sub(r'(?m)^# (\[.*\])$', r'\1', text)
    return re.sub(r'(?m)^# (\w+) = (.*)$', lambda found: '%s = %s' % found.groups()
                  if found[2] and not found[2].startswith('<') else '', text)


@pytest.mark.parametrize('name', SAMPLES)
def test_proposed_values_are_the_defaults(name):
    path = parser.ConfigString(uncommented(render.sample(SAMPLES[name])))
    conf = parser.readconf(path)
    for section in SAMPLES[name].sections:
        if not section.table:
            continue
        table = catalog.load(section.table)
        values = dict(conf[section.name])
        options = table.parse(values)
        fixed = {line.split(' = ')[0] for line in section.lines} | {'bind_port'}
        required = {option.name: values.get(option.name, '1')
                    for option in table.table.values() if option.required}
        for attribute, option in table.table.items():
            if option.name in values and option.name not in fixed and option.show() != 'auto':
                assert getattr(options, attribute) == getattr(
                    table.parse(required), attribute), option.name


@pytest.mark.parametrize('name', [name for name in SAMPLES if name.endswith('-server.conf')])
def test_samples_can_be_loaded_as_they_are(name):
    text = parser.ConfigString(render.sample(SAMPLES[name]))
    app = name.removesuffix('.conf')
    conf = parser.appconfig(text, app)
    assert conf['bind_port'] == str(SAMPLES[name].bind_port)
    assert list(parser.shadowed_options(text)) == []


def test_constraints_table_equals_the_rules():
    defaults = Constraints()
    for name, option in ConstraintOptions.table.items():
        assert show_value(getattr(defaults, name)) == option.show()


def test_sections_find_their_tables():
    assert catalog.find('app:proxy-server').__name__ == 'ProxyOptions'
    assert catalog.find('proxy-server:policy:7').__name__ == 'PolicyOptions'
    assert catalog.find('storage-policy:3').__name__ == 'StoragePolicyOptions'
    assert catalog.find('filter:unknown') is None


def test_reference_lists_every_option():
    text = render.reference()
    for _name, path in catalog.tables():
        for option in catalog.load(path).describe():
            assert '| `%s` |' % option.name in text, option.name


def test_write_reports_what_changed(tmp_path):
    assert sorted(render.write(tmp_path)) == sorted(render.rendered())
    assert render.write(tmp_path) == []
