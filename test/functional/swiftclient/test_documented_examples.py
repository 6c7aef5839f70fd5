"""The examples of the client's documents run, those of a page in their order as one program."""

import re
import uuid
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).resolve().parents[3] / 'doc').glob('swiftclient*.md'))
BLOCK = re.compile(r'^```python\n(.*?)^```', re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_examples_of_the_page(page, auth_url, monkeypatch, tmp_path, connection):
    name = f'photos-{uuid.uuid4().hex[:8]}'
    monkeypatch.chdir(tmp_path)
    for variable, value in {'AUTH': auth_url, 'USER': 'test:tester', 'KEY': 'testing'}.items():
        monkeypatch.setenv(f'ST_{variable}', value)
    blocks = BLOCK.findall(page.read_text(encoding='utf-8'))
    assert blocks
    names = {'__name__': 'example'}
    try:
        for block in blocks:
            source = block.replace("'photos'", repr(name)).replace('/photos/', f'/{name}/')
            exec(compile(source, str(page), 'exec'), names)
    finally:
        for entry in connection.get_container(name, full_listing=True)[1]:
            connection.delete_object(name, entry['name'])
        connection.delete_container(name)
