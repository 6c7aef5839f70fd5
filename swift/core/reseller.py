"""Reseller prefixes: which accounts an auth filter is responsible for, and their options.

Pure (layer 0). An account name is `<prefix><rest>`; a prefix ends with `_` and may be empty. In a
configuration the empty prefix is written `''`. An option given without prefix holds for all of
them, `<PREFIX>_<option>` for one:

    reseller_prefix = AUTH, SERVICE
    require_group = staff
    SERVICE_require_group = service

Source: sheet 05 section 18.2.
"""
from collections.abc import Iterable, Mapping, Sequence

EMPTY_PREFIX_NAME = "''"


def parse_prefixes(text: str) -> tuple[str, ...]:
    """Return the prefixes of a comma list, in order, each once; one empty one if none is given."""
    prefixes: list[str] = []
    for item in text.split(','):
        name = item.strip()
        if not name:
            continue
        prefix = '' if name == EMPTY_PREFIX_NAME else name
        if prefix and not prefix.endswith('_'):
            prefix += '_'
        if prefix not in prefixes:
            prefixes.append(prefix)
    return tuple(prefixes) or ('',)


def prefix_option(conf: Mapping[str, str], prefix: str, option: str, default: str = '') -> str:
    """Return the value of an option for one prefix: its own, else the general one."""
    own = (EMPTY_PREFIX_NAME if prefix == '' else prefix) + option
    return conf.get(own, conf.get(option, default))


def account_prefix(account: str, prefixes: Sequence[str]) -> str | None:
    """Return the prefix under which an account falls, None if it is nobody's.

    A longer prefix is never hidden by a shorter one; the empty one takes what is left.
    """
    best = None
    for prefix in prefixes:
        if account.startswith(prefix) and (best is None or len(prefix) > len(best)):
            best = prefix
    return best


def own_option_names(prefixes: Iterable[str], option: str) -> tuple[str, ...]:
    """Return the names under which an option may stand for these prefixes."""
    return tuple((EMPTY_PREFIX_NAME if prefix == '' else prefix) + option for prefix in prefixes)
