"""A container's listing as a web page: HTML of directories and objects.

Layer 0. The page is read by people and by programs, so its structure is fixed: ids, classes, texts,
the order of rows and of cells, how links are written (the black-box contract of sheet 05 §21). What
is not: for browsers the page brings a style of today (core/listing_style.py); for all others, and
when the owner has a style sheet of his own, it is what it always was, to the byte.

    <h1 id="title">Listing of LABEL</h1>
    <table id="listing">
      <tr id="heading">                          th.colname th.colsize th.coldate
      <tr id="parent" class="item">              link to ../, below the top
      <tr class="item subdir">                   one per directory
      <tr class="item type-text type-plain">     one per object, its content type as classes
      <tr id="more" class="item">                link to the next page, if there is one

Names of objects are text.
"""
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from swift.core.listing_style import (
    BROWSER_DISABLED_STYLE,
    BROWSER_STYLE,
    DISABLED_STYLE,
    PLAIN_STYLE,
)

TABLE_HEAD = '''\
  <table id="listing">
   <tr id="heading">
    <th class="colname">Name</th>
    <th class="colsize">Size</th>
    <th class="coldate">Date</th>
   </tr>
'''
ROW = '''\
   <tr {attributes}>
    <td class="colname"><a href="{href}">{text}</a></td>
    <td class="colsize">{size}</td>
    <td class="coldate">{date}</td>
   </tr>
'''
TABLE_END = '  </table>\n </body>\n</html>\n'
DISABLED = ('<body>  <h1>Web Listing Disabled</h1>   <p>The owner of this web site has disabled '
            'web listing.   <p>If you are the owner of this web site, you can enable   web '
            'listing by setting X-Container-Meta-Web-Listings.</p>')
NO_INDEX = ('<h1>Index File Not Found</h1> <p>The owner of this web site has set  '
            '<b>X-Container-Meta-Web-Index: {}</b>.  However, this file is not found.</p>')
NOTHING = '&nbsp;'
UNITS = ('', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi')


@dataclass(frozen=True, slots=True)
class Look:
    """How a page looks: the owner's style sheet (its address as he wrote it), or ours."""

    css: str = ''
    for_browser: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether the page has the style for browsers."""
        return self.for_browser and not self.css

    def head(self, prefix: str, plain: str, browser: str) -> str:
        """Return what goes into <head>; `prefix` is the path of the page in its container."""
        if self.css:
            address = self.css
            if not address.startswith(('/', 'http://', 'https://')):
                address = '../' * prefix.count('/') + address
            return f'  <link rel="stylesheet" type="text/css" href="{escape(address)}" />\n'
        return browser if self.for_browser else plain


@dataclass(frozen=True, slots=True)
class Page:
    """One page: `prefix` is its path in the container ('' or 'a/b/'), `query` what links carry."""

    label: str
    prefix: str
    look: Look
    query: str = ''
    has_parent: bool = False
    more: str = ''

    def render(self, entries: Sequence[dict]) -> bytes:
        """Return the page for the entries of a listing, decoded from JSON."""
        title = f'Listing of {escape(self.label)}'
        html = ' lang="en"' if self.look.is_ours else ''
        head = (f'<!DOCTYPE html>\n<html{html}>\n <head>\n  <title>{title}</title>\n'
                + self.look.head(self.prefix, PLAIN_STYLE, BROWSER_STYLE)
                + f' </head>\n <body>\n  <h1 id="title">{title}</h1>\n{TABLE_HEAD}')
        return ''.join((head, *self._rows(entries), TABLE_END)).encode('utf-8', 'replace')

    def _rows(self, entries: Sequence[dict]) -> Iterable[str]:
        start = len(self.prefix)
        suffix = f'?{escape(self.query)}' if self.query else ''
        if self.has_parent:
            yield row('id="parent" class="item"', f'../{suffix}', '../')
        for entry in entries:
            if 'subdir' in entry:
                name = entry['subdir'][start:]
                yield row('class="item subdir"', link(name) + suffix, name)
        for entry in entries:
            # An object named as the page itself has no name here.
            if 'subdir' not in entry and len(entry['name']) > start:
                name = entry['name'][start:]
                yield row(f'class="item {type_classes(entry["content_type"])}"',
                          link(name) + suffix, name, human_size(entry['bytes']),
                          entry['last_modified'].partition('.')[0].replace('T', ' '))
        if self.more:
            yield row('id="more" class="item"', f'./?{escape(self.more)}', 'More')


def row(attributes: str, href: str, text: str, size: str = NOTHING, date: str = NOTHING) -> str:
    """Return a row of the table; `text` is not escaped yet."""
    return ROW.format(attributes=attributes, href=href, text=escape(text), size=size, date=date)


def link(name: str) -> str:
    """Return the relative address of a name; dots are quoted, lest `..` be a directory."""
    return './' + quote(name, errors='replace').replace('.', '%2E')


def type_classes(content_type: str) -> str:
    """Return the parts of a content type as classes."""
    media_type = content_type.partition(';')[0].strip().lower()
    return ' '.join(f'type-{escape("-".join(part.split()))}'
                    for part in media_type.split('/', 1) if part.strip())


def human_size(size: int) -> str:
    """Return a number of bytes, rounded, with a binary unit."""
    value = float(size)
    unit = 0
    while value >= 1024 and unit < len(UNITS) - 1:
        value /= 1024
        unit += 1
    return f'{round(value)}{UNITS[unit]}'


def disabled_page(label: str, prefix: str, look: Look, index: str = '') -> bytes:
    """Return the page that stands where a listing would be; `index` is the file not found."""
    body = DISABLED + (NO_INDEX.format(escape(index)) if index else '')
    return (f'<!DOCTYPE html>\n<html>\n<head>\n<title>Listing of {escape(label)}</title>\n'
            f'{look.head(prefix, DISABLED_STYLE, BROWSER_DISABLED_STYLE)}</head>\n'
            f'{body} </body>\n</html>\n').encode('utf-8', 'replace')
