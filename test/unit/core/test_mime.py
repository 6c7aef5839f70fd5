from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.hashing import md5
from swift.core.mime import (
    COMMIT_TEXT,
    HEADER_BYTES_MAX,
    BrokenMime,
    DocumentEnd,
    FooterRefused,
    MimeDecoder,
    MimeReader,
    PartData,
    PartEnd,
    PartStart,
    body_head,
    commit_part,
    footer_part,
    parse_footers,
)

B = 'bound7'
FOOTERS = {'Etag': 'x', 'X-Object-Meta-Caf\xe9': '\u65e5'}
# Data made of what boundaries are made of.
tricky = st.lists(st.sampled_from([b'\r', b'\n', b'-', b'--', b'bound', b'bound7', b'7', b'x',
                                   b'\r\n--bound', b'\r\n--bound77'])).map(b''.join)
datas = st.one_of(st.binary(max_size=50), tricky).filter(
    lambda data: not any(mark in b'\r\n' + data + b'\r\n'
                         for mark in (b'\r\n--bound7\r\n', b'\r\n--bound7--')))


def cut(document, sizes):
    position = 0
    for size in sizes:
        yield document[position:position + size]
        position += size
    yield document[position:]


def parts_of(events):
    """Join the data of each part; check that starts and ends alternate."""
    parts, is_open = [], False
    for event in events:
        if isinstance(event, PartStart):
            assert not is_open
            parts.append((dict(event.headers), b''))
            is_open = True
        elif isinstance(event, PartData):
            assert is_open and event.data
            parts[-1] = (parts[-1][0], parts[-1][1] + event.data)
        elif isinstance(event, PartEnd):
            assert is_open
            is_open = False
    return parts


@given(st.lists(datas, min_size=1, max_size=3), st.lists(st.integers(0, 40), max_size=20))
def test_parts_read_back_however_the_bytes_are_cut(bodies, sizes):
    document = b''.join(b'--bound7\r\nN: %d\r\n\r\n%s\r\n' % (n, body)
                        for n, body in enumerate(bodies)) + b'--bound7--'
    decoder, events = MimeDecoder(B), []
    for piece in cut(document, sizes):
        events += decoder.feed(piece)
    assert parts_of(events) == [({'N': str(n)}, body) for n, body in enumerate(bodies)]
    assert events[-1] == DocumentEnd() and decoder.is_finished
    assert decoder.feed(b'more') == []


def test_preamble_of_empty_lines_and_parts_without_headers_or_body():
    events = MimeDecoder(B).feed(b'\r\n\r\n--bound7\r\n\r\nx\r\n--bound7\r\nA: b\r\n\r\n'
                                 b'--bound7\r\n\r\n--bound7--tail')
    assert parts_of(events) == [({}, b'x'), ({'A': 'b'}, b''), ({}, b'')]


@pytest.mark.parametrize('document', [
    b'x', b'--bound8\r\n', b'--bound7x\r\n', b'--bound7\r\nno colon\r\n\r\n',
    b'--bound7\r\n: no name\r\n\r\n', b'--bound7\r\nA: ' + b'b' * (HEADER_BYTES_MAX + 1)])
def test_broken_documents(document):
    with pytest.raises(BrokenMime):
        MimeDecoder(B).feed(document)


@pytest.mark.parametrize('boundary', ['', 'x' * 257, 'a\r', 'a\nb'])
def test_bad_boundaries(boundary):
    with pytest.raises(BrokenMime):
        MimeDecoder(boundary)


def test_data_is_not_held_back_for_long():
    decoder = MimeDecoder(B)
    decoder.feed(b'--bound7\r\n\r\n')
    assert decoder.feed(b'x' * 10) == [PartData(b'x' * 10)]
    assert decoder.feed(b'y\r\n--bou') == [PartData(b'y')]
    assert decoder.feed(b'z') == [PartData(b'\r\n--bouz')]


@given(datas, st.integers(1, 30))
def test_two_phase_dialogue_of_an_object_put(body, read_size):
    """The first body ends after the footers; the commit comes in a second one."""
    source = [BytesIO(body_head(B) + body + footer_part(B, FOOTERS, is_last=False))]
    reader = MimeReader(lambda size: source[0].read(min(size, read_size)), B)
    assert reader.next_part()['X-Document'] == 'object body'
    assert reader.read() == body
    assert parse_footers(reader.next_part(), reader.read_all(1000)) == FOOTERS
    assert reader.next_part() is None
    source[0] = BytesIO(commit_part(B))
    assert reader.next_part()['X-Document'] == 'put commit'
    assert reader.read() == COMMIT_TEXT
    assert reader.next_part() is None


def test_golden_dialogue_is_read():
    """Bytes of a request that the original accepted."""
    document = (b'--boundary77\r\nX-Document: object body\r\n\r\nhello world\r\n--boundary77\r\n'
                b'X-Document: object metadata\r\nContent-MD5: 22ef2f501571afc73387eee307c3c3d2\r\n'
                b'\r\n{"X-Object-Meta-Late": "yes", "X-Object-Sysmeta-X": "y", '
                b'"Etag": "5eb63bbbe01eeed093cb22bb8f5acdc3", "Other": "z"}\r\n--boundary77--\r\n')
    reader = MimeReader(BytesIO(document).read, 'boundary77')
    reader.next_part()
    assert (reader.read(5), reader.read(100), reader.read(5)) == (b'hello', b' world', b'')
    assert parse_footers(reader.next_part(), reader.read())['X-Object-Meta-Late'] == 'yes'


def test_footers_are_written_as_the_original_does():
    text = b'{"X-Object-Sysmeta-Ec-Frag-Index": "1"}'
    footers = {'X-Object-Sysmeta-Ec-Frag-Index': '1'}
    expected = (b'\r\n--aaaaaaaa\r\nX-Document: object metadata\r\nContent-MD5: %s\r\n\r\n%s'
                b'\r\n--aaaaaaaa' % (md5(text).hexdigest().encode(), text))
    assert footer_part('aaaaaaaa', footers, is_last=False) == expected + b'\r\n'
    assert footer_part('aaaaaaaa', footers, is_last=True) == expected + b'--\r\n'


def test_skipping_a_part_reads_the_rest_of_it():
    reader = MimeReader(BytesIO(body_head(B) + b'x' * 200000 + footer_part(B, {}, True)).read, B)
    reader.next_part()
    assert reader.read(3) == b'xxx'
    assert reader.next_part()['X-Document'] == 'object metadata'


def test_end_inside_of_a_part_is_broken():
    reader = MimeReader(BytesIO(body_head(B) + b'abc').read, B)
    reader.next_part()
    assert reader.read(10) == b'abc'
    with pytest.raises(BrokenMime):
        reader.read(10)
    assert MimeReader(BytesIO(b'--bou').read, B).next_part() is None


def test_small_parts_have_a_limit():
    def reader():
        made = MimeReader(BytesIO(body_head(B) + b'x' * 10 + footer_part(B, {}, True)).read, B)
        made.next_part()
        return made
    assert reader().read_all(10) == b'x' * 10
    with pytest.raises(BrokenMime, match='more than 9 bytes'):
        reader().read_all(9)


@pytest.mark.parametrize('headers, body, status, text', [
    (None, b'', 400, "couldn't find footer MIME doc"),
    ({'X-Document': 'other'}, b'{}', 400, "couldn't find footer MIME doc"),
    ({'X-Document': 'object metadata'}, b'{}', 400, 'no Content-MD5 in footer'),
    ({'X-Document': 'object metadata', 'Content-MD5': '0' * 32}, b'{}', 422, 'footer MD5 mismatch'),
    ({'X-Document': 'object metadata', 'Content-MD5': md5(b'no').hexdigest()}, b'no', 400,
     'invalid JSON for footer doc'),
    ({'X-Document': 'object metadata', 'Content-MD5': md5(b'[]').hexdigest()}, b'[]', 400,
     'invalid JSON for footer doc')])
def test_footers_that_are_refused(headers, body, status, text):
    with pytest.raises(FooterRefused) as caught:
        parse_footers(headers, body)
    assert (caught.value.status, str(caught.value)) == (status, text)
