"""Reading configuration files by the two precedence rules that operators know.

Layer 1. One file serves a WSGI server (PasteDeploy rules) and its daemons (INI rules):

    WSGI sections      [DEFAULT] wins over the section, except `set x = y`;
                       `%(here)s` is the directory; `get x = y` copies a global
    daemon sections    the section wins over [DEFAULT]; no `here`; unknown `%(name)s` is an error

Common to both: names keep their case; a value without `%(` is taken as it stands, so `1%` is
legal; a path that is a directory means all its `*.conf` files, sorted, later ones overriding.

Nobody else in the tree opens a configuration file, apart from those that are plain INI with
ordinary interpolation and lower-case names (`read_plain`: swift.conf, memcache.conf, ...).

Source: sheet 07 sections 2.1, 2.2, 28.15.
"""
import configparser
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from paste.deploy import loadwsgi

from swift.common.errors import ConfigError


class ConfigString(str):
    """Configuration text that stands where a path is expected (in-process clients, tests)."""

    __slots__ = ()


class LenientInterpolation(configparser.BasicInterpolation):
    """`%(name)s` is replaced; every other percent sign is just that."""

    def before_get(self, parser, section, option, value, defaults):
        """Return the value after interpolation."""
        if value is None or '%(' not in value:
            return value
        return super().before_get(parser, section, option, value, defaults)

    def before_set(self, parser, section, option, value):
        """Accept any text."""
        return value


def config_files(path: str) -> list[str]:
    """Return the files that a configuration path stands for, in reading order.

    Raises ConfigError when there is nothing to read.
    """
    if os.path.isdir(path):
        found = sorted(str(entry) for entry in Path(path).iterdir()
                       if entry.name.endswith('.conf') and not entry.name.startswith('.'))
        if not found:
            raise ConfigError('Unable to read config from %s: no *.conf files in it' % path)
        return found
    if not os.path.exists(path):
        raise ConfigError('Unable to read config from %s' % path)
    return [path]


def fill(parser: configparser.RawConfigParser, path: str, encoding: str = 'utf-8') -> None:
    """Read all files of a path into `parser`; ConfigError names the file that is wrong."""
    try:
        if isinstance(path, ConfigString):
            parser.read_file(io.StringIO(path), 'string')
            return
        for name in config_files(path):
            with open(name, encoding=encoding) as stream:
                parser.read_file(stream, name)
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError('Unable to read config from %s: %s' % (path, err)) from None
    except configparser.Error as err:
        raise ConfigError('%s: %s' % (path, ' '.join(str(err).split()))) from None


# -- daemon rules -------------------------------------------------------------------------------

def parser_for(path: str, defaults: Mapping[str, str] | None = None, *,
               raw: bool = False) -> configparser.RawConfigParser:
    """Return a parser with the daemon rules, filled from `path`."""
    parser = configparser.RawConfigParser(
        dict(defaults or {}), interpolation=None if raw else LenientInterpolation())
    parser.optionxform = str
    fill(parser, path)
    return parser


def readconf(path: str, section: str | None = None, defaults: Mapping[str, str] | None = None,
             *, log_name: str = '', raw: bool = False) -> dict:
    """Return one section as a dict, or {section: dict} of all when `section` is None.

    The section's options override [DEFAULT]; `__file__` and `log_name` (the section's name
    unless set) are added. Raises ConfigError `Unable to find <section> config section in ...`.
    """
    parser = parser_for(path, defaults, raw=raw)
    if section is not None:
        if not parser.has_section(section):
            raise ConfigError('Unable to find %s config section in %s' % (section, path))
        conf = _items(parser, section, path)
        conf.setdefault('log_name', log_name or section)
    else:
        conf = {name: _items(parser, name, path) for name in parser.sections()}
        conf['log_name'] = log_name
    conf['__file__'] = str(path)
    return conf


def origins(path: str) -> dict[str, dict[str, str]]:
    """Return, by section and option, the name of the file that decides under the daemon rules."""
    found: dict[str, dict[str, str]] = {}
    inherited: dict[str, str] = {}
    for name in config_files(path):
        parser = parser_for(name, raw=True)
        base = os.path.basename(name)
        inherited.update(dict.fromkeys(parser.defaults(), base))
        for section in parser.sections():
            # What a section says itself beats [DEFAULT], whichever file comes last.
            found.setdefault(section, {}).update(dict.fromkeys(parser._sections[section], base))
    return {section: {**inherited, **own} for section, own in found.items()}


def _items(parser: configparser.RawConfigParser, section: str, path: str) -> dict[str, str]:
    try:
        return dict(parser.items(section))
    except configparser.Error as err:
        raise ConfigError('%s: %s' % (path, ' '.join(str(err).split()))) from None


def read_plain(path: str, encoding: str = 'utf-8') -> dict[str, dict[str, str]]:
    """Return {section: {name: value}} of a file with ordinary INI rules.

    Names are lower-cased, a literal percent sign is written twice. Raises ConfigError.
    """
    parser = configparser.ConfigParser()
    fill(parser, path, encoding)
    return {name: _items(parser, name, path) for name in parser.sections()}


# -- WSGI rules ---------------------------------------------------------------------------------

class PasteLoader(loadwsgi.ConfigLoader):
    """PasteDeploy's loader with lenient interpolation, directories and texts.

    Every factory is told the name of its section, without the type before it: `__name__`.
    """

    def __init__(self, path: str):
        is_text = isinstance(path, ConfigString)
        full = 'string' if is_text else os.path.abspath(path)
        here = full if os.path.isdir(full) else os.path.dirname(full)
        self.filename = full
        self.parser = loadwsgi.NicerConfigParser(
            full, defaults={'here': here, '__file__': full},
            interpolation=LenientInterpolation())
        self.parser.optionxform = str
        fill(self.parser, path if is_text else full)

    def get_context(self, object_type, name=None, global_conf=None):
        """Return the context of a section; files named by `config:` follow our rules too."""
        if self.absolute_name(name) and name.startswith('config:'):
            target, _hash, section = name[len('config:'):].partition('#')
            loader = PasteLoader(os.path.join(self.parser.defaults()['here'], target))
            loader.update_defaults(global_conf or {}, overwrite=False)
            return loader.get_context(object_type, section or 'main', global_conf)
        if object_type is loadwsgi.APP and self._is_empty_pipeline(name or 'main'):
            raise ConfigError('[pipeline:%s] in %s names no app' % (name or 'main', self.filename))
        context = super().get_context(object_type, name, global_conf)
        if not self.absolute_name(name):
            # Of sections that `use` each other the outermost comes last, and counts.
            context.local_conf['__name__'] = name or 'main'
        return context

    def _is_empty_pipeline(self, name: str) -> bool:
        return not self.parser.get('pipeline:' + name, 'pipeline', fallback='app').split()


def paste_context(path: str, section: str = 'main',
                  global_conf: Mapping[str, str] | None = None) -> loadwsgi.LoaderContext:
    """Return PasteDeploy's context of an app, composite or pipeline section.

    Raises ConfigError for whatever is wrong with file, section, `use` line or entry point.
    """
    loader = PasteLoader(path)
    if global_conf:
        loader.update_defaults(dict(global_conf), overwrite=False)
    try:
        return loader.get_context(loadwsgi.APP, section, dict(global_conf or {}))
    except (LookupError, ImportError, AttributeError, ValueError, configparser.Error) as err:
        # Distributions and entry points that do not exist come as one of these.
        raise ConfigError(str(err.args[0]) if err.args else repr(err)) from err
    except RecursionError:
        raise ConfigError('%s: sections use each other in a circle' % path) from None


def appconfig(path: str, section: str = 'main',
              global_conf: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the effective options of an app section: globals updated by its own."""
    context = paste_context(path, section, global_conf)
    while not hasattr(context.object_type, 'egg_protocols'):  # a pipeline: its last element
        context = context.app_context
    conf = dict(context.config())
    conf['__name__'] = section
    return conf


def shadowed_options(path: str) -> Iterator[str]:
    """Yield a warning for each app or filter option that [DEFAULT] silently overrides."""
    parser = parser_for(path, raw=True)
    defaults = parser.defaults()
    for section in parser.sections():
        if section.partition(':')[0] not in ('app', 'filter', 'composite'):
            continue
        for name, value in parser._sections[section].items():
            if name in defaults and defaults[name] != value:
                yield ('%s [%s]: "%s = %s" is ignored because [DEFAULT] has "%s = %s"; '
                       'write "set %s = ..." to override it'
                       % (path, section, name, value, name, defaults[name], name))
