"""The documents hold together: every link leads somewhere, every page can be reached."""
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob('*.md'), *(ROOT / 'doc').rglob('*.md')])
LINK = re.compile(r'\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)')


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding='utf-8')):
        assert '://' in target or (page.parent / target).exists(), target


def test_every_page_is_linked_from_another():
    linked = {(page.parent / target).resolve() for page in PAGES
              for target in LINK.findall(page.read_text(encoding='utf-8')) if '://' not in target}
    for page in (ROOT / 'doc').rglob('*.md'):
        assert page.resolve() in linked, page.name


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_code_paths_named_in_documents_exist(page):
    text = page.read_text(encoding='utf-8')
    for name in re.findall(r'`((?:swift|test|bin|etc|doc)/[\w./-]+)`', text):
        if '<' not in name and '*' not in name:
            assert (ROOT / name.rstrip('/')).exists(), name
