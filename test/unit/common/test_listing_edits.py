"""Listings are edited once, by the outermost filter, from the innermost edit outwards."""
import json

import pytest

from swift.common import listing_edits
from swift.common.listing_edits import ListingEdit, edit_listing
from swift.common.middleware.listing_formats import ListingFilter
from swift.common.swob import Request
from test.support.stub_app import StubApp

ROWS = [{'name': 'é', 'hash': 'm; a=1; b=2', 'bytes': 1, 'content_type': 't',
         'last_modified': '2026-01-01T00:00:00.000000'}]


class Editor:
    """A filter that takes one parameter out of every hash and notes the order."""

    def __init__(self, app, name: str, order: list[str]):
        self.app, self.name, self.order = app, name, order

    def __call__(self, env, start_response):
        return edit_listing(self.app, env, start_response,
                            ListingEdit(f'{self.name}='.encode(), self.edit))

    def edit(self, entries):
        self.order.append(self.name)
        for entry in entries:
            kept = [part for part in entry['hash'].split('; ') if not part.startswith(self.name)]
            entry['hash'] = '; '.join(kept)


@pytest.fixture
def decoded(monkeypatch):
    texts = []
    original = listing_edits.decode
    monkeypatch.setattr(listing_edits, 'decode', lambda data: texts.append(data) or original(data))
    monkeypatch.setattr('swift.common.middleware.listing_formats.decode', listing_edits.decode)
    return texts


def stub(rows=ROWS, kind='application/json; charset=utf-8', status='200 OK') -> StubApp:
    app = StubApp()
    body = json.dumps(rows).encode()
    app.answer('GET', '/v1/a/c', status,
               {'Content-Type': kind, 'Content-Length': str(len(body))}, body)
    return app


def get(app):
    return Request.blank('/v1/a/c').get_response(app)


@pytest.mark.parametrize('is_formatted', [False, True])
def test_two_editors_share_one_decoding(decoded, is_formatted):
    order = []
    inner = stub()
    app = Editor(Editor(inner, 'a', order), 'b', order)
    if is_formatted:
        app = ListingFilter(app)
    answer = (Request.blank('/v1/a/c?format=json')).get_response(app)
    assert json.loads(answer.body) == [{**ROWS[0], 'hash': 'm'}]
    assert answer.headers['Content-Length'] == str(len(answer.body))
    assert order == ['a', 'b']
    assert len(decoded) == 1
    assert not inner.unclosed


def test_listing_without_marker_is_not_decoded(decoded):
    order = []
    answer = get(Editor(stub([{**ROWS[0], 'hash': 'm'}]), 'a', order))
    assert json.loads(answer.body) == [{**ROWS[0], 'hash': 'm'}]
    assert not order and not decoded


def test_what_is_no_listing_passes_as_it_is():
    for app in (stub(kind='text/plain'), stub(status='404 Not Found'), stub({'hash': 'a=1'})):
        order = []
        answer = get(Editor(app, 'a', order))
        assert b'a=1' in answer.body and not order


def test_nothing_is_left_in_the_environment():
    req = Request.blank('/v1/a/c')
    req.get_response(Editor(stub(), 'a', []))
    assert listing_edits.EDITS not in req.environ
    req.get_response(ListingFilter(stub()))
    assert listing_edits.EDITS not in req.environ
