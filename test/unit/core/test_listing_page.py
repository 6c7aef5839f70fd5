"""Pages of listings: what programs rely on, and what browsers get besides."""
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.listing_page import Look, Page, disabled_page, human_size, link, type_classes

NAMES = st.text(alphabet=st.characters(blacklist_categories=('Cs',), blacklist_characters='\0'),
                min_size=1, max_size=12)
PLAIN = Look()
BROWSER = Look(for_browser=True)
ENTRIES = [
    {'name': 'd/<x>& "y"', 'bytes': 1536, 'content_type': 'image/svg+xml; charset=utf-8',
     'last_modified': '2026-11-29T10:20:30.123456'},
    {'subdir': 'd/sub/'},
    {'name': 'd/z', 'bytes': 0, 'content_type': 'odd', 'last_modified': '2026-11-29T10:20:30'}]
ROWS = '''\
   <tr class="item subdir">
    <td class="colname"><a href="./sub/">sub/</a></td>
    <td class="colsize">&nbsp;</td>
    <td class="coldate">&nbsp;</td>
   </tr>
   <tr class="item type-image type-svg+xml">
    <td class="colname"><a href="./%3Cx%3E%26%20%22y%22">&lt;x&gt;&amp; &quot;y&quot;</a></td>
    <td class="colsize">2Ki</td>
    <td class="coldate">2026-11-29 10:20:30</td>
   </tr>
   <tr class="item type-odd">
    <td class="colname"><a href="./z">z</a></td>
    <td class="colsize">0</td>
    <td class="coldate">2026-11-29 10:20:30</td>
   </tr>
'''


def rows(page):
    table = page.decode().partition('</tr>\n')[2]
    return table.partition('  </table>')[0]


class Reader(HTMLParser):
    """Collects links and texts, and checks that elements are closed in order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.links, self.texts = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag == 'a':
            self.links.append(dict(attrs)['href'])
            self.texts.append('')
        if tag not in ('meta', 'link'):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == 'a':
            self.texts[-1] += data


@pytest.mark.parametrize('look', [PLAIN, BROWSER, Look('/x.css')])
def test_rows_are_directories_then_objects_whatever_the_look(look):
    assert rows(Page('L', 'd/', look).render(ENTRIES)) == ROWS


def test_parent_next_page_and_what_links_carry():
    page = Page('L', 'd/', PLAIN, 'a=1&b', True, 'marker=d/%C3%A9').render(ENTRIES[1:2])
    assert Reader(page.decode()).links == ['../?a=1&b', './sub/?a=1&b', './?marker=d/%C3%A9']
    assert b'<tr id="parent" class="item">' in page and b'<tr id="more" class="item">' in page
    assert b'href="./sub/?a=1&amp;b"' in page


def test_an_object_named_as_its_directory_has_no_row():
    assert rows(Page('L', 'd/', PLAIN).render([{**ENTRIES[0], 'name': 'd/'}])) == ''


def test_label_is_escaped_and_may_be_anything():
    page = Page('<&>\udcff', '', PLAIN).render([])
    assert b'<title>Listing of &lt;&amp;&gt;?</title>' in page
    assert b'<h1 id="title">Listing of &lt;&amp;&gt;?</h1>' in page


@pytest.mark.parametrize('css, prefix, href', [
    ('s.css', '', 's.css'), ('s.css', 'a/', '../s.css'), ('s.css', 'a/b/', '../../s.css'),
    ('/s.css', 'a/', '/s.css'), ('http://x/s', 'a/', 'http://x/s'),
    ('https://x/s', 'a/', 'https://x/s'), ('"><script>', '', '&quot;&gt;&lt;script&gt;')])
@pytest.mark.parametrize('for_browser', [True, False])
def test_style_sheet_of_the_owner_replaces_ours(css, prefix, href, for_browser):
    look = Look(css, for_browser)
    for page in (Page('L', prefix, look).render([]), disabled_page('L', prefix, look)):
        assert f'  <link rel="stylesheet" type="text/css" href="{href}" />\n' in page.decode()
        assert b'<style' not in page and not look.is_ours


def test_browsers_get_a_style_of_their_own_that_loads_nothing():
    for page in (Page('L', '', BROWSER).render([]), disabled_page('L', '', BROWSER)):
        assert b'width=device-width' in page and b'prefers-color-scheme: dark' in page
        assert not re.search(rb'src=|@import|url\((?!"data:)|href="http', page)


@given(st.lists(NAMES, max_size=5), NAMES)
def test_links_lead_to_what_they_name(names, query):
    entries = [{**ENTRIES[0], 'name': name} for name in names]
    reader = Reader(Page('L', '', BROWSER, f'q={query}'.partition('#')[0]).render(entries).decode())
    assert reader.texts == names
    for name, href in zip(names, reader.links, strict=True):
        path = urljoin('http://h/v1/a/c/', href.partition('?')[0])
        assert unquote(path) == f'http://h/v1/a/c/{name}'


def test_no_name_is_a_way_up():
    assert link('..') == './%2E%2E' and link('../x.y') == './%2E%2E/x%2Ey'


@pytest.mark.parametrize('size, text', [
    (0, '0'), (1023, '1023'), (1024, '1Ki'), (1535, '1Ki'), (1536, '2Ki'), (1 << 20, '1Mi'),
    (9 << 30, '9Gi'), (1 << 40, '1Ti'), (1 << 90, '1024Yi')])
def test_sizes_are_rounded(size, text):
    assert human_size(size) == text


@pytest.mark.parametrize('content_type, classes', [
    ('text/plain', 'type-text type-plain'), ('Text/HTML;charset=x', 'type-text type-html'),
    ('application/vnd.a+xml', 'type-application type-vnd.a+xml'), ('odd', 'type-odd'),
    ('a/b/c', 'type-a type-b/c'), ('', ''), ('x y/"z"', 'type-x-y type-&quot;z&quot;')])
def test_content_types_are_classes(content_type, classes):
    assert type_classes(content_type) == classes


def test_disabled_page_names_the_index_that_is_missing():
    page = disabled_page('L', '', PLAIN, '<i>').decode()
    assert page.startswith('<!DOCTYPE html>\n<html>\n<head>\n<title>Listing of L</title>\n')
    assert '<b>X-Container-Meta-Web-Index: &lt;i&gt;</b>' in page
    assert 'Index File Not Found' not in disabled_page('L', '', PLAIN).decode()
