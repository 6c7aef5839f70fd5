"""One declaration per option: name, type, unit, default, meaning.

Layer 1, pure (no files). A service lists its options as class attributes; parsing, checking,
`swift-config`, the sample files and the reference all come from that table:

    class ProxyOptions(CommonServerOptions, section='app:proxy-server'):
        node_timeout = Seconds(10, 'Longest silence allowed from a storage node.')
        read_timeout = Seconds(same_as='node_timeout', doc='The same for reads.')
        sorting_method = Choice('shuffle', 'timing', 'affinity', doc='Order of replicas.')
        rules = (warn_unless(lambda o: o.read_timeout <= o.node_timeout, 'why it matters'),)

    options = ProxyOptions.parse(conf)      # Mapping[str, str] in, typed attributes out
    options.node_timeout                    # 10.0
    options.warnings                        # shadowed, deprecated and unknown names

Invariants: an instance is immutable; `parse` reports every fault in one ConfigError; tables of
base classes come first, in declaration order. A class marked `shared=True` holds options that
operators write in [DEFAULT]: their names are known in every section.

Source: sheet 07 section 2.3 (value syntaxes and their error texts), sections 3 and 28.12.
"""
import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from swift.common.errors import ConfigError

TRUE_WORDS = frozenset(('true', '1', 'yes', 'on', 't', 'y'))
# What the loaders add to a section; never an unknown option.
LOADER_NAMES = frozenset(('here', '__file__', '__name__', 'use', 'paste.filter_factory',
                          'paste.app_factory', 'log_name', 'swift_conf_file'))
NEAR_ENOUGH = 0.75


def is_true(value: Any) -> bool:
    """Return the truth of a config or header value: true 1 yes on t y in any case, else False."""
    return value is True or (isinstance(value, str) and value.strip().lower() in TRUE_WORDS)


def split_list(value: str) -> tuple[str, ...]:
    """Split a comma separated list, strip the items, drop the empty ones."""
    return tuple(item for item in (part.strip() for part in value.split(',')) if item)


class Option:
    """One option: how its text becomes a value, and what it means.

    `default` is the value used when the option is absent; `same_as` takes another option's
    value instead; `aliases` are deprecated names (an alias logs a warning and loses against
    the real name); `name` differs from the attribute only where the text is no identifier.
    """

    kind = 'text'

    def __init__(self, default: Any = None, doc: str = '', *, same_as: str = '',
                 aliases: tuple[str, ...] = (), required: bool = False, name: str = '',
                 example: str = ''):
        self.default = default
        self.doc = doc
        self.same_as = same_as
        self.aliases = aliases
        self.required = required
        self.name = name
        self.example = example
        self.owner = ''
        self.attribute = ''

    def __set_name__(self, owner: type, attribute: str) -> None:
        self.attribute = attribute
        self.name = self.name or attribute
        self.owner = owner.__name__

    def parse(self, text: str) -> Any:
        """Return the value meant by `text`; raise ValueError with a text for the operator."""
        return text

    def absent(self, conf: Mapping[str, str]) -> Any:
        """Return the value when the option is not in `conf`."""
        return self.default

    def takes(self, name: str) -> bool:
        """Tell whether `name` in a section sets this option."""
        return name == self.name or name in self.aliases

    def show(self) -> str:
        """Return the default as an operator would write it."""
        if self.same_as:
            return 'same as ' + self.same_as
        return show_value(self.default)


def show_value(value: Any) -> str:
    """Return a value in config syntax."""
    if value is None:
        return ''
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, WordList):
        return ' '.join(value)
    if isinstance(value, tuple | list | set | frozenset):
        return ','.join(str(item) for item in value)
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() else repr(value)
    return str(value)


class Text(Option):
    """Any text."""


class Bool(Option):
    """True iff one of true 1 yes on t y. Anything else is false, without error (Compat)."""

    kind = 'boolean'

    def parse(self, text: str) -> bool:
        return is_true(text)


class _Number(Option):
    """A number with optional bounds."""

    convert: Callable[[str], Any] = float
    noun = 'float number'

    def __init__(self, default: Any = None, doc: str = '', *, at_least: Any = None,
                 at_most: Any = None, **more: Any):
        super().__init__(default, doc, **more)
        self.at_least = at_least
        self.at_most = at_most

    def parse(self, text: str) -> Any:
        try:
            value = type(self).convert(text.strip())
        except ValueError:
            raise ValueError(self.complaint(text)) from None
        too_low = self.at_least is not None and not value >= self.at_least
        if too_low or (self.at_most is not None and not value <= self.at_most):
            raise ValueError(self.complaint(text))
        return value

    def complaint(self, text: str) -> str:
        """Return what is wrong with `text`; the first two wordings are known to operators."""
        if self.at_most is None and self.at_least == 0:
            return 'Value must be a non-negative %s, not "%s".' % (self.noun, text)
        if self.at_most is None and self.at_least == 1 and self.noun == 'integer':
            return 'Config option must be an positive int number, not "%s".' % text
        bounds = ''
        if self.at_least is not None:
            bounds += ' of at least %s' % show_value(self.at_least)
        if self.at_most is not None:
            bounds += '%s at most %s' % (' and' if bounds else ' of', show_value(self.at_most))
        article = 'an' if self.noun[0] in 'aeiou' else 'a'
        return 'Value must be %s %s%s, not "%s".' % (article, self.noun, bounds, text)


class Float(_Number):
    """A floating point number."""

    kind = 'number'

    def parse(self, text: str) -> float:
        value = super().parse(text)
        if value != value:
            raise ValueError(self.complaint(text))
        return value


class Integer(_Number):
    """A whole number."""

    kind = 'integer'
    convert = int
    noun = 'integer'


class Seconds(Float):
    """A duration in seconds, not negative unless `at_least` says so."""

    kind = 'seconds'

    def __init__(self, default: Any = None, doc: str = '', *, at_least: Any = 0, **more: Any):
        super().__init__(default, doc, at_least=at_least, **more)


class Bytes(Integer):
    """A size in bytes, not negative unless `at_least` says so."""

    kind = 'bytes'

    def __init__(self, default: Any = None, doc: str = '', *, at_least: Any = 0, **more: Any):
        super().__init__(default, doc, at_least=at_least, **more)


class Percent(Float):
    """0..100 in the file, 0.0..1.0 as a value (the declared default is in percent)."""

    kind = 'percent'

    def __init__(self, default: Any = 0, doc: str = '', **more: Any):
        super().__init__(default, doc, at_least=0, at_most=100, **more)

    def parse(self, text: str) -> float:
        return super().parse(text) / 100

    def absent(self, conf: Mapping[str, str]) -> float:
        return self.default / 100


class AutoInt(Option):
    """A whole number or `auto`, which means `default` (a number, or a function without
    arguments for what depends on the machine)."""

    kind = 'integer or auto'

    def parse(self, text: str) -> Any:
        if text.strip().lower() == 'auto':
            return self.absent({})
        try:
            return int(text)
        except ValueError:
            raise ValueError('Config option must be an integer or the string "auto", not "%s".'
                             % text) from None

    def absent(self, conf: Mapping[str, str]) -> Any:
        return self.default() if callable(self.default) else self.default

    def show(self) -> str:
        return 'auto'


class List(Option):
    """A comma separated list; the value is a tuple of texts."""

    kind = 'list'

    def __init__(self, default: Any = (), doc: str = '', **more: Any):
        super().__init__(split_list(default) if isinstance(default, str) else tuple(default),
                         doc, **more)

    def parse(self, text: str) -> tuple[str, ...]:
        return split_list(text)


class WordList(tuple):
    """Words that an operator writes with blanks between them."""


class Words(Option):
    """A list of words with blanks between them; the value is a WordList."""

    kind = 'words'

    def __init__(self, default: str = '', doc: str = '', **more: Any):
        super().__init__(WordList(default.split()), doc, **more)

    def parse(self, text: str) -> WordList:
        return WordList(text.split())


class Choice(Option):
    """One word of several; the first is the default. Case does not matter."""

    def __init__(self, *words: str, doc: str = '', wrong: str = 'Value', **more: Any):
        super().__init__(words[0], doc, **more)
        self.words = words
        self._wrong = wrong
        self.kind = ' | '.join(words)

    def parse(self, text: str) -> str:
        for word in self.words:
            if text.strip().lower() == word.lower():
                return word
        raise ValueError('%s must be one of %s, not "%s".'
                         % (self._wrong, ', '.join(self.words), text))


@dataclass(frozen=True, slots=True)
class Reserve:
    """Space that must remain free: a share of the file system or a number of bytes."""

    amount: float
    percent: bool = False

    def bytes_of(self, total: int) -> float:
        """Return the reserve in bytes on a file system of `total` bytes."""
        return total * self.amount / 100 if self.percent else self.amount

    def __str__(self) -> str:
        return show_value(self.amount) + ('%' if self.percent else '')


class ReserveSize(Option):
    """Bytes, or a percentage when the text ends with `%`; the value is a Reserve."""

    kind = 'bytes or percent'

    def parse(self, text: str) -> Reserve:
        stripped = text.strip()
        try:
            if stripped.endswith('%'):
                return Reserve(float(stripped[:-1]), percent=True)
            return Reserve(int(stripped))
        except ValueError:
            raise ValueError('Error: %s is an invalid value for fallocate_reserve.'
                             % text) from None


@dataclass(frozen=True, slots=True)
class Multiple:
    """A count that may grow with the ring's replica count: `N` or `N * replicas`."""

    number: int
    per_replica: bool = False

    def __call__(self, replicas: float) -> int:
        """Return the count for a ring with that many replicas."""
        return int(self.number * replicas) if self.per_replica else self.number

    def __str__(self) -> str:
        return '%d * replicas' % self.number if self.per_replica else str(self.number)


class ReplicaCount(Option):
    """`N` or `N * replicas`; the value is a Multiple, called with the replica count."""

    kind = 'count'

    def parse(self, text: str) -> Multiple:
        parts = text.lower().split()
        try:
            if len(parts) == 3 and parts[1:] == ['*', 'replicas']:
                return Multiple(int(parts[0]), per_replica=True)
            if len(parts) == 1:
                return Multiple(int(parts[0]))
        except ValueError:
            pass
        raise ValueError('Invalid %s value: %r' % (self.name, text))


class Prefixed(Option):
    """All options whose names start with a prefix; the value maps the rest to the text."""

    kind = 'family'

    def __init__(self, prefix: str, doc: str = '', **more: Any):
        super().__init__(None, doc, **more)
        self.prefix = prefix

    def __set_name__(self, owner: type, attribute: str) -> None:
        super().__set_name__(owner, attribute)
        self.name = self.prefix + '<name>'

    def absent(self, conf: Mapping[str, str]) -> dict[str, str]:
        start = len(self.prefix)
        return {key[start:]: value for key, value in conf.items()
                if key.startswith(self.prefix) and len(key) > start}

    def takes(self, name: str) -> bool:
        return name.startswith(self.prefix)


@dataclass(frozen=True, slots=True)
class Rule:
    """A relation between options; `fatal` makes its violation a ConfigError."""

    holds: Callable[[Any], bool]
    why: str
    fatal: bool


def warn_unless(holds: Callable[[Any], bool], why: str) -> Rule:
    """Declare a relation whose violation is worth a warning at start."""
    return Rule(holds, why, fatal=False)


def refuse_unless(holds: Callable[[Any], bool], why: str) -> Rule:
    """Declare a relation without which the service must not start."""
    return Rule(holds, why, fatal=True)


class Options:
    """Base of all option tables; see the module docstring."""

    section: str = ''
    table: dict[str, Option] = {}
    rules: tuple[Rule, ...] = ()
    warnings: tuple[str, ...]
    _shared_names: set[str] = set()
    _shared_prefixes: set[str] = set()

    def __init_subclass__(cls, section: str = '', shared: bool = False, **more: Any):
        super().__init_subclass__(**more)
        cls.section = section or cls.section
        table: dict[str, Option] = {}
        rules: list[Rule] = []
        for base in reversed(cls.__mro__):
            table.update((name, value) for name, value in vars(base).items()
                         if isinstance(value, Option))
            rules += (rule for rule in vars(base).get('rules', ()) if rule not in rules)
        cls.table, cls.rules = table, tuple(rules)
        if shared:
            for option in table.values():
                known_everywhere(option.name, *option.aliases)
                if isinstance(option, Prefixed):
                    Options._shared_prefixes.add(option.prefix)

    def __init__(self, values: dict[str, Any], warnings: tuple[str, ...] = ()):
        self.__dict__.update(values, warnings=warnings)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError('options are immutable; use replace(%s=...)' % name)

    def __repr__(self) -> str:
        changed = ('%s=%r' % (name, self.__dict__[name]) for name, option in self.table.items()
                   if not option.same_as and self.__dict__[name] != option.absent({}))
        return '%s(%s)' % (type(self).__name__, ', '.join(changed))

    @classmethod
    def parse(cls, conf: Mapping[str, str], source: str = '') -> 'Options':
        """Return the options that `conf` sets, the rest at their defaults.

        Raises ConfigError that lists every bad value, missing required option and broken
        relation. `source` names the file for messages; conf['__file__'] is used without it.
        """
        origin = source or conf.get('__file__', '')
        where = ('%s[%s]: ' % (origin + ' ' if origin else '', cls.section)
                 if cls.section else '')
        problems: list[str] = []
        warnings: list[str] = []
        values = {attribute: cls._value(option, conf, problems, warnings)
                  for attribute, option in cls.table.items()}
        for attribute, option in cls.table.items():
            seen = {attribute}
            while values[attribute] is _SAME:  # same_as may point to a same_as
                assert option.same_as not in seen, 'circle of same_as at %s' % attribute
                seen.add(option.same_as)
                values[attribute] = values[option.same_as]
                option = cls.table[option.same_as]
        warnings += cls._unknown(conf)
        options = cls(values)
        if not problems:
            problems += [rule.why for rule in cls.rules if rule.fatal and not rule.holds(options)]
            warnings += [rule.why for rule in cls.rules
                         if not rule.fatal and not rule.holds(options)]
        if problems:
            raise ConfigError('; '.join(where + problem for problem in problems),
                              tuple(where + problem for problem in problems))
        options.__dict__['warnings'] = tuple(where + warning for warning in warnings)
        return options

    @staticmethod
    def _value(option: Option, conf: Mapping[str, str], problems: list[str],
               warnings: list[str]) -> Any:
        names = [name for name in (option.name, *option.aliases) if name in conf]
        for old in names:
            if old != option.name:
                warnings.append('option %s is deprecated, use %s' % (old, option.name))
        if names:
            text = conf[names[0]]
            try:
                return option.parse(text) if isinstance(text, str) else text
            except ValueError as err:
                problems.append('%s: %s' % (names[0], err))
                return option.default
        if option.required:
            problems.append('%s is required' % option.name)
        return _SAME if option.same_as else option.absent(conf)

    @classmethod
    def _unknown(cls, conf: Mapping[str, str]) -> Iterator[str]:
        options = cls.table.values()
        known = [option.name for option in options]
        for name in conf:
            if name in LOADER_NAMES or name in Options._shared_names:
                continue
            if (name.startswith(tuple(Options._shared_prefixes))
                    or any(option.takes(name) for option in options)):
                continue
            if name.startswith('set '):
                yield ('"%s" does nothing here: "set" is for app and filter sections only'
                       % name)
                continue
            near = difflib.get_close_matches(name, known, 1, NEAR_ENOUGH)
            yield 'unknown option %s%s' % (name, ' (did you mean %s?)' % near[0] if near else '')

    def report_to(self, logger: Any) -> None:
        """Log the warnings."""
        for warning in self.warnings:
            logger.warning('%s', warning)

    def replace(self, **changes: Any) -> 'Options':
        """Return a copy with some values changed (values, not texts); for tests and overlays."""
        unknown = set(changes) - set(self.table)
        assert not unknown, 'no such options: %s' % ', '.join(sorted(unknown))
        values = {name: changes.get(name, self.__dict__[name]) for name in self.table}
        return type(self)(values, self.warnings)

    @classmethod
    def describe(cls) -> list[Option]:
        """Return the options in declaration order, those of base classes first."""
        return list(cls.table.values())


def known_everywhere(*names: str) -> None:
    """Declare names that may stand in [DEFAULT], so that no section calls them unknown."""
    Options._shared_names.update(names)


_SAME = object()  # the value of an option until its same_as is followed
