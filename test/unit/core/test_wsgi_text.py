from hypothesis import given
from hypothesis import strategies as st

from swift.core.wsgi_text import (
    bytes_to_wsgi,
    str_to_wsgi,
    wsgi_quote,
    wsgi_quote_plus,
    wsgi_to_bytes,
    wsgi_to_str,
    wsgi_unquote,
    wsgi_unquote_plus,
)


@given(st.binary())
def test_all_bytes_survive_every_way(raw):
    wsgi = bytes_to_wsgi(raw)
    text = wsgi_to_str(wsgi)
    assert wsgi_to_bytes(wsgi) == raw == text.encode('utf-8', 'surrogateescape')
    assert str_to_wsgi(text) == wsgi
    assert wsgi_unquote(wsgi_quote(wsgi)) == wsgi == wsgi_unquote_plus(wsgi_quote_plus(wsgi))
    assert wsgi_quote(wsgi).isascii()


def test_examples():
    assert wsgi_to_str('caf\xc3\xa9') == 'caf\xe9' and str_to_wsgi('caf\xe9') == 'caf\xc3\xa9'
    assert wsgi_quote('a b/\xc3\xa9') == 'a%20b/%C3%A9' and wsgi_quote('/', '') == '%2F'
    assert wsgi_quote_plus('a b') == 'a+b'


def test_nothing_stays_nothing():
    assert wsgi_to_str(None) is str_to_wsgi(None) is wsgi_to_bytes(None) is None
