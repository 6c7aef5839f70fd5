"""Every declared option is read somewhere: an option that does nothing is a lie in the sample file.

Read means: its attribute is fetched, or its name stands as a text (getattr, tables of names) or
fits one that is put together (f'container_{kind}s'), outside of the declarations, in the package
of the declaration or in swift/common. Sections that share a package and an option's name are not
told apart.
"""
import ast
import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path

import swift
from swift.common.config.options import Option, Options

ROOT = Path(swift.__file__).parent
SHARED, CONFIGURATION = 'swift.common', 'swift.common.config'
NAME_SIZE_MIN = 8
# Options that wait for the part of the system that they belong to, and what is for show only.
ERASURE_CODING = {'commit_window', 'concurrent_ec_extra_requests', 'write_legacy_ec_crc'}
SHARDING = {'recheck_updating_shard_ranges', 'recheck_listing_shard_ranges',
            'container_updating_shard_ranges_skip_cache_pct',
            'container_listing_shard_ranges_skip_cache_pct',
            'namespace_cache_tokens_per_session', 'namespace_avg_backend_fetch_time'}
UNUSED_BY_CONTRACT = {'lockup_timeout'}       # the original knows the name, and does nothing either
NOT_READ = ERASURE_CODING | SHARDING | UNUSED_BY_CONTRACT
# Sections that are read as whole tables, by whoever parses them.
READ_AS_TABLES = {'ConstraintOptions', 'StoragePolicyOptions', 'HashOptions'}
# Read under a prefix: access_log_level is log_level of the access log.
PREFIXES = {'ProxyLoggingOptions': 'access_'}


@cache
def modules():
    """Return (module name, syntax tree) of everything, imported so that all classes are known."""
    found = []
    for info in pkgutil.walk_packages(swift.__path__, 'swift.'):
        module = importlib.import_module(info.name)
        if module.__file__ and module.__file__.endswith('.py'):
            found.append((info.name, ast.parse(Path(module.__file__).read_text())))
    return found


def tables():
    """Return all classes of options."""
    modules()
    waiting, found = [Options], []
    while waiting:
        for table in waiting.pop().__subclasses__():
            if table not in found and table.__module__.startswith('swift.'):
                found.append(table)
                waiting.append(table)
    return found


def names_in(tree, table_names):
    """Return what a module reads: attributes, and texts outside of declarations."""
    found = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef) and node.name in table_names:
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            found.add(pattern_of(node))
            waiting += [part for part in node.values if not isinstance(part, ast.Constant)]
            continue
        waiting += ast.iter_child_nodes(node)
    return found


def pattern_of(text):
    """Return what an f-string can be, as a pattern; too short ones are no names."""
    fixed = [part.value if isinstance(part, ast.Constant) else None for part in text.values]
    if len(''.join(filter(None, fixed))) < NAME_SIZE_MIN:
        return ''
    return re.compile(''.join('.+' if part is None else re.escape(part) for part in fixed))


def package_of(module_name):
    return '.'.join(module_name.split('.')[:2])


@cache
def read_by_package():
    table_names = {table.__name__ for table in tables()}
    found = {}
    for name, tree in modules():
        if name.startswith(CONFIGURATION):
            continue                             # names of options for their own sake
        found.setdefault(package_of(name), set()).update(names_in(tree, table_names))
    return found


def is_read(table, option):
    name = option.attribute
    wanted = {name, name.removeprefix(PREFIXES.get(table.__name__, ''))}
    package = package_of(table.__module__)
    places = read_by_package()
    # What is declared for all may be read by one.
    where = places.values() if package == SHARED else (places[package], places[SHARED])
    return any(wanted & read or any(pattern.fullmatch(name) for pattern in patterns_in(read))
               for read in where)


def patterns_in(read):
    return [known for known in read if isinstance(known, re.Pattern)]


def unread():
    return {option.attribute for table in tables() if table.__name__ not in READ_AS_TABLES
            for option in vars(table).values()
            if isinstance(option, Option) and not is_read(table, option)}


def test_options_are_read():
    assert unread() - NOT_READ == set()


def test_exceptions_are_needed():
    assert NOT_READ - unread() == set(), 'read by now: strike them from the list'


def test_an_option_that_only_its_declaration_names_is_found():
    tree = ast.parse('class MyOptions(Options):\n'
                     '    rules = (refuse_unless(lambda o: o.one > 1, "two"),)\n'
                     'def f(options): return options.three, getattr(options, "four")\n'
                     'def g(options, k): return getattr(options, f"{k}_per_second"), f"{k}one"\n')
    found = names_in(tree, {'MyOptions'})
    assert found >= {'three', 'four'} and not found & {'one', 'two'}
    pattern, = patterns_in(found)
    assert pattern.fullmatch('get_per_second') and not pattern.fullmatch('one')
