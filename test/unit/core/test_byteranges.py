"""Continuing a read on another replica, broken off at every byte."""

import pytest

from swift.core.byteranges import (
    BrokenDocument,
    MultipartProgress,
    PlainProgress,
    Resumed,
    boundary_of,
    parse_content_range,
)

DATA = bytes(range(65, 91))
SIZE = len(DATA)
TYPE = 'text/plain'


def serve(spec_header, boundary):
    """What an object server answers to a Range header: (Resumed, body)."""
    ranges = []
    for spec in spec_header.partition('=')[2].split(','):
        start, _, stop = spec.partition('-')
        if not start:
            first, last = max(0, SIZE - int(stop)), SIZE - 1
        else:
            first, last = int(start), min(int(stop) if stop else SIZE - 1, SIZE - 1)
        if first < SIZE:
            ranges.append((first, last))
    if len(ranges) == 1:
        first, last = ranges[0]
        answer = Resumed(206, f'bytes {first}-{last}/{SIZE}', content_type=TYPE)
        return answer, DATA[first:last + 1]
    body = b''
    for first, last in ranges:
        body += (f'--{boundary}\r\nContent-Type: {TYPE}\r\nContent-Range: bytes '
                 f'{first}-{last}/{SIZE}\r\n\r\n').encode() + DATA[first:last + 1] + b'\r\n'
    return Resumed(206, boundary=boundary), body + f'--{boundary}--'.encode()


@pytest.mark.parametrize('specs', [
    ['0-4', '10-12'], ['0-0', '2-2', '4-4'], ['-3', '5-6', '20-'], ['0-4', '90-99', '7-9'],
    ['24-99', '0-1'], ['-99', '3-4']])
@pytest.mark.parametrize('piece', [1, 3, 1000])
def test_multipart_continues_after_a_break_at_every_byte(specs, piece):
    header = 'bytes=' + ','.join(specs)
    _, whole = serve(header, 'first')
    for broken_at in range(len(whole)):
        progress = MultipartProgress('first', specs)
        out = b''.join(progress.feed(whole[i:min(i + piece, broken_at)])
                       for i in range(0, broken_at, piece))
        if progress.lacks_only_framing:
            out += progress.closing()
        else:
            answer, body = serve(progress.missing(), 'second-boundary')
            progress.resume(answer)
            out += b''.join(progress.feed(body[i:i + piece]) for i in range(0, len(body), piece))
        assert progress.is_complete
        assert out == whole


def test_multipart_survives_several_breaks():
    specs = ['0-4', '10-12', '20-']
    _, whole = serve('bytes=' + ','.join(specs), 'B')
    progress, out, body = MultipartProgress('B', specs), b'', whole
    for turn in range(40):
        out += progress.feed(body[:90])
        if progress.is_complete or progress.lacks_only_framing:
            break
        answer, body = serve(progress.missing(), f'C{turn}')
        progress.resume(answer)
    if not progress.is_complete:
        out += progress.closing()
    assert out == whole


def test_multipart_refuses_an_answer_that_does_not_continue():
    progress = MultipartProgress('B', ['0-4', '10-12'])
    _, whole = serve('bytes=0-4,10-12', 'B')
    progress.feed(whole[:80])
    with pytest.raises(BrokenDocument):
        progress.resume(Resumed(200))
    progress.resume(Resumed(206, boundary='Z'))
    with pytest.raises(BrokenDocument):
        progress.feed(serve('bytes=1-4,10-12', 'Z')[1])


@pytest.mark.parametrize('body', [
    b'no boundary here\r\n\r\n', b'--B\r\nContent-Type: a/b\r\n\r\nxxx',
    b'--B\r\nContent-Range: bytes 3-4/26\r\n\r\nDE\r\n--B--',
    b'--B\r\nContent-Range: bytes 0-1/26\r\n\r\nABC\r\n--B--'])
def test_multipart_refuses_a_document_that_is_none(body):
    progress = MultipartProgress('B', ['0-1'])
    with pytest.raises(BrokenDocument):
        progress.feed(body)


def test_plain_counts_and_narrows():
    progress = PlainProgress(10, 19)
    progress.advance(2)
    assert progress.feed(b'abc') == b'abc'
    assert progress.missing() == 'bytes=15-19'
    progress.resume(Resumed(206, 'bytes 15-19/99'))
    progress.feed(b'defgh')
    assert progress.is_complete
    for answer in (Resumed(200), Resumed(206, 'bytes 14-19/99'), Resumed(206, 'nonsense')):
        with pytest.raises(BrokenDocument):
            progress.resume(answer)


@pytest.mark.parametrize('content_type,boundary', [
    ('multipart/byteranges;boundary=abc', 'abc'), ('Multipart/ByteRanges; boundary="a b"', 'a b'),
    ('multipart/byteranges', ''), ('text/plain;boundary=abc', '')])
def test_boundary_of(content_type, boundary):
    assert boundary_of(content_type) == boundary


def test_parse_content_range():
    assert parse_content_range(' bytes 0-4/11') == (0, 4)
    with pytest.raises(BrokenDocument):
        parse_content_range('bytes */11')
