"""swift-config: print configurations as the programs see them.

Layer 4. By default with the rules of daemons; `-w` with those of WSGI servers. `--options` shows
every option that the services in a file know, with its value, default and meaning; `--files` which
file of a directory each option comes from.

Source: sheet 07 sections 9, 28.12, 28.19.
"""
import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from paste.deploy import loadwsgi

from swift.cli.broken_pipe import ends_quietly
from swift.common.config.catalog import find
from swift.common.config.options import show_value
from swift.common.config.parser import origins, paste_context, readconf, shadowed_options
from swift.common.errors import ConfigError
from swift.common.services import Places, configurations, parse_services


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog='swift-config', description='Print the effective configuration of servers.')
    parser.add_argument('targets', nargs='+', metavar='SERVER|PATH',
                        help='a server as in swift-init, or a configuration')
    parser.add_argument('-c', '--config-num', type=int, default=0, metavar='N',
                        help='only the Nth configuration of a server')
    parser.add_argument('-s', '--section', help='only this section')
    parser.add_argument('-w', '--wsgi', action='store_true',
                        help='read with the rules of WSGI servers')
    parser.add_argument('-o', '--options', action='store_true',
                        help='show every known option, its value and its meaning')
    parser.add_argument('-f', '--files', action='store_true',
                        help='say after each option which file it comes from')
    parser.add_argument('-d', '--swift-dir', metavar='DIR', help='directory of configurations')
    return parser


def paths_of(target: str, number: int, places: Places) -> list[str]:
    """Return the configuration paths that a word of the command line means."""
    if os.path.exists(target):
        return [os.path.abspath(target)]
    found = []
    for service in parse_services([target])[0]:
        confs, _warning = configurations(service, places)
        found += confs[number - 1:number] if number else confs
    return found


def daemon_view(path: str, section: str | None) -> Iterator[str]:
    """Yield the lines of a configuration read with the daemon rules."""
    if section:
        yield from _section(section, readconf(path, section))
        return
    conf = readconf(path)
    for name, value in conf.items():
        if not isinstance(value, dict):
            yield '# %s = %s' % (name, value)
    for name, value in conf.items():
        if isinstance(value, dict):
            yield from _section(name, value)


def files_view(path: str, section: str | None) -> Iterator[str]:
    """Yield the lines of the daemon view, each option with the file that decides about it."""
    sources = origins(path)
    for name, values in readconf(path).items():
        if isinstance(values, dict) and section in (None, name):
            yield '[%s]' % name
            yield from ('%s = %s  # %s' % (option, value, sources[name][option])
                        for option, value in sorted(values.items()))
            yield ''


def wsgi_view(path: str, section: str | None) -> Iterator[str]:
    """Yield the lines of a configuration read with the rules of WSGI servers."""
    context = paste_context(path)
    apps = context
    elements: list[tuple[str, Any]] = []
    if context.object_type is loadwsgi.PIPELINE:
        apps = context.app_context
        if section in (None, 'pipeline:main'):
            yield from _section('pipeline:main', {'pipeline': ' '.join(
                _name(element) for element in [*context.filter_contexts, apps])})
        elements = [('filter', element) for element in context.filter_contexts]
    for kind, element in [*elements, ('application', apps)]:
        conf = dict(element.config())
        # As shown, and as the file calls it.
        names = {prefix + name for name in (_name(element), conf['__name__'])
                 for prefix in ('', kind + ':', kind.removesuffix('lication') + ':')}
        if section is None or section in names:
            yield from _section('%s:%s' % (kind, _name(element)), conf)
    for warning in shadowed_options(path):
        yield '# WARNING: ' + warning


def options_view(path: str, section: str | None) -> Iterator[str]:
    """Yield every option of the sections that we know, with value, default and text."""
    conf = readconf(path)
    for name, values in conf.items():
        table = find(name) if isinstance(values, dict) else None
        if table is None or section not in (None, name):
            continue
        parsed = table.parse(values, path)
        yield '[%s]' % name
        for attribute, option in table.table.items():
            value = show_value(getattr(parsed, attribute))
            yield '%-40s # default %s; %s' % ('%s = %s' % (option.name, value),
                                              option.show() or 'empty', option.doc)
        yield from ('# WARNING: ' + warning for warning in parsed.warnings)
        yield ''


def _section(name: str, values: dict[str, str]) -> Iterator[str]:
    yield '[%s]' % name
    yield from ('%s = %s' % pair for pair in sorted(values.items()))
    yield ''


def _name(context: Any) -> str:
    return context.entry_point_name or getattr(context.object, '__name__', 'unknown')


def run(argv: Sequence[str], show: Callable[[str], Any] = print) -> int:
    """Do what the command line says; return the exit code."""
    options = make_parser().parse_args(list(argv))
    places = Places.choose(options.swift_dir)
    view = (options_view if options.options else files_view if options.files
            else wsgi_view if options.wsgi else daemon_view)
    failures = 0
    for target in options.targets:
        paths = paths_of(target, options.config_num, places)
        if not paths:
            print('Unable to locate config for %s' % target, file=sys.stderr)
            failures += 1
        for path in paths:
            show('# %s' % path)
            try:
                for line in view(path, options.section):
                    show(line)
            except ConfigError as err:
                print(err, file=sys.stderr)
                failures += 1
    return 1 if failures else 0


@ends_quietly
def main() -> int:
    """Run swift-config."""
    return run(sys.argv[1:])
