"""Sample files and the reference, rendered from the option tables.

Layer 1. Pure but for `write`, which is how they get into the tree:

    python -m swift.common.config.render          (in the top directory)

A test compares etc/*.conf-sample and doc/configuration.md with what is rendered here.
"""
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from swift.common.config import catalog
from swift.common.config.catalog import Sample, Section
from swift.common.config.options import Option, Options, Prefixed

WIDTH = 90
REFERENCE = 'doc/configuration.md'
INTRODUCTION = '''\
# Configuration reference

Generated from the option tables in the source; do not edit. Sample files with the same content
are in `etc/`.

**Which line wins.** In sections `[app:...]` and `[filter:...]` an option of the same name in
`[DEFAULT]` wins, unless the section writes `set name = value`. In daemon sections (such as
`[object-updater]`) and in `[proxy-server:policy:N]` the section wins over `[DEFAULT]`.

**Directories.** A path that is a directory stands for all its `*.conf` files, read in sorted
order; later files override earlier ones option by option.

**Values.** A boolean is true if it is one of `true 1 yes on t y`, in any case, and false
otherwise. `%(name)s` inserts another option; any other percent sign stands for itself, except
in `swift.conf` and `memcache.conf`, where it is written twice. Lists are separated by commas.

**Mistakes.** A value that cannot be right stops the start, with all such values listed. An
unknown option is a warning in the log, with the nearest known name. `swift-config --options
PATH` shows every option with the value in effect.
'''


def sample(file: Sample) -> str:
    """Return the text of one sample file."""
    blocks = ['# ' + file.about]
    if file.defaults:
        blocks.append('\n'.join(_default_section(file)))
    blocks += ['\n'.join(_section(section)) for section in file.sections]
    return '\n\n'.join(blocks) + '\n'


def _default_section(file: Sample) -> Iterator[str]:
    yield '[DEFAULT]'
    for option in sorted(catalog.load(file.defaults).describe(), key=_default_rank):
        if option.name not in file.omitted:
            port = file.bind_port if option.name == 'bind_port' else None
            yield from _sample_option(option, None if port is None else str(port))


def _default_rank(option: Option) -> int:
    """Return where an option stands in [DEFAULT]: what everybody sets first, logging last."""
    owners = [catalog.load(path).__name__ for _title, path in catalog.SHARED]
    order = (owners[3:], owners[2:3], owners[:2])
    return next((rank for rank, group in enumerate(order) if option.owner in group), len(order))


def _section(section: Section) -> Iterator[str]:
    for line in _section_lines(section):
        yield '# ' + line if section.commented and not line.startswith('#') else line


def _section_lines(section: Section) -> Iterator[str]:
    yield '[%s]' % section.name
    if section.note:
        yield from textwrap.wrap(section.note, WIDTH, initial_indent='# ',
                                 subsequent_indent='# ')
    fixed = dict(line.split(' = ', 1) for line in section.lines)
    options = list(own_options(catalog.load(section.table))) if section.table else []
    names = {option.name for option in options}
    for name, value in fixed.items():
        if name not in names and not any(option.takes(name) for option in options):
            yield '%s = %s' % (name, value)
    for option in options:
        yield from _sample_option(option, fixed.get(option.name))
        if isinstance(option, Prefixed):
            yield from ('%s = %s' % pair for pair in fixed.items() if option.takes(pair[0]))


def _sample_option(option: Option, value: str | None) -> Iterator[str]:
    """Yield the comment and the line of one option, commented out unless a value is given."""
    yield '#'
    yield from textwrap.wrap(option.doc, WIDTH, initial_indent='# ', subsequent_indent='# ')
    if option.aliases:
        yield '# Older names: %s.' % ', '.join(option.aliases)
    if value is not None:
        yield '%s = %s' % (option.name, value)
    elif option.same_as:
        yield '# %s = <%s>' % (option.name, option.same_as)
    elif not isinstance(option, Prefixed):
        yield ('# %s = %s' % (option.name, option.show() or option.example)).rstrip()


def own_options(table: type[Options]) -> Iterator[Option]:
    """Yield the options of a table that are not those every service has."""
    shared = {catalog.load(path).__name__ for _title, path in catalog.SHARED}
    for option in table.describe():
        if option.owner not in shared:
            yield option


def reference() -> str:
    """Return the text of the reference."""
    parts = [INTRODUCTION, '## Shared options\n']
    seen: set[str] = set()
    for title, path in catalog.SHARED:
        table = catalog.load(path)
        options = [option for option in table.describe() if option.name not in seen]
        seen.update(option.name for option in options)
        parts.append('### %s\n\n%s' % (title, _table(options)))
    for file in catalog.SAMPLES:
        sections = [section for section in file.sections if section.table]
        if not sections or file.name == 'memcache.conf':
            continue
        parts.append('## %s\n\n%s\n' % (file.name, file.about))
        for section in sections:
            if section is catalog.HEALTHCHECK and file.name != 'proxy-server.conf':
                continue
            parts.append(_section_reference(section))
    return '\n'.join(parts)


def _section_reference(section: Section) -> str:
    table = catalog.load(section.table)
    about = ' '.join((table.__doc__ or '').split())
    options = _table(list(own_options(table)))
    return '### [%s]\n\n%s\n%s' % (section.name, about + '\n' if about else '', options)


def _table(options: list[Option]) -> str:
    if not options:
        return 'No options.\n'
    rows = ['| Option | Type | Default | Meaning |', '|---|---|---|---|']
    for option in options:
        meaning = option.doc
        if option.aliases:
            meaning += ' Older names: %s.' % ', '.join('`%s`' % old for old in option.aliases)
        default = 'required' if option.required else option.show()
        rows.append('| `%s` | %s | %s | %s |' % (
            option.name, option.kind.replace('|', 'or'),
            '`%s`' % default.replace('|', '\\|') if default else '', meaning.replace('|', '\\|')))
    return '\n'.join(rows) + '\n'


def rendered() -> dict[str, str]:
    """Return {path in the tree: content} of everything that is generated."""
    files = {'etc/%s-sample' % file.name: sample(file) for file in catalog.SAMPLES}
    files[REFERENCE] = reference()
    return files


def write(top: Path) -> list[str]:
    """Bring the generated files below `top` up to date; return those that changed."""
    changed = []
    for name, text in rendered().items():
        path = top / name
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            changed.append(name)
    return changed


if __name__ == '__main__':
    for name in write(Path(sys.argv[1] if len(sys.argv) > 1 else '.')):
        print('updated', name)
