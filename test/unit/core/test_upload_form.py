"""Upload forms: boundary, names of parts, limits, redirects."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.upload_form import (
    FormLimits,
    FormRefused,
    boundary_of,
    parse_disposition,
    redirect_page,
    redirect_target,
    upload_path,
)

BYTES = st.text(alphabet=st.characters(max_codepoint=255), max_size=30)


@pytest.mark.parametrize('content_type, boundary', [
    ('multipart/form-data; boundary=frontier', 'frontier'),
    ('Multipart/Form-Data;charset=utf-8; BOUNDARY="a b;c"', 'a b;c'),
    ('multipart/form-data', None), ('multipart/form-data; boundary=', None),
    ('multipart/form-data; boundary=""', None), ('multipart/mixed; boundary=x', None),
    ('application/x-www-form-urlencoded; boundary=x', None), ('', None)])
def test_only_forms_have_a_boundary(content_type, boundary):
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize('header, found', [
    ('form-data; name="file1"; filename="a.txt"', {'name': 'file1', 'filename': 'a.txt'}),
    ('form-data;name=x;filename=y', {'name': 'x', 'filename': 'y'}),
    ('form-data; NAME="x"; Filename="a; b=c"', {'name': 'x', 'filename': 'a; b=c'}),
    ('form-data; name="x"; filename="a\\"b%22.txt"', {'name': 'x', 'filename': 'a"b%22.txt'}),
    ('form-data; filename="C:\\dir\\f"', {'filename': 'C:\\dir\\f'}),
    ('form-data; name="x"; filename=""', {'name': 'x', 'filename': ''}),
    ('form-data; name="a"; name="b"', {'name': 'a'}), ('form-data', {}), ('', {}),
    ('form-data; name="not closed', {'name': ''}), ('form-data; ; name=x', {})])
def test_parameters_of_a_disposition(header, found):
    assert parse_disposition(header) == found


@given(BYTES)
def test_reading_a_disposition_never_fails(text):
    parse_disposition('form-data;' + text)


def test_limits_are_numbers():
    assert FormLimits.of({}) == FormLimits(0, 0, 0, None, None)
    assert FormLimits.of({
        'max_file_count': b' 2 ', 'max_file_size': b'+10', 'expires': b'-5', 'x_delete_at': b'7',
        'x_delete_after': b''}) == FormLimits(10, 2, -5, 7, None)


@pytest.mark.parametrize('field, complaint', [
    ('max_file_count', 'max_file_count not an integer'),
    ('max_file_size', 'max_file_size not an integer'), ('expires', 'expired not an integer'),
    ('x_delete_at', 'x_delete_at not an integer: Unix timestamp required.'),
    ('x_delete_after', 'x_delete_after not an integer: Number of seconds required.')])
@pytest.mark.parametrize('value', [b'x', b'1.0', b'1_0', b'\xc2\xb2', b'1' * 31, b'0x1'])
def test_other_limits_are_refused(field, complaint, value):
    with pytest.raises(FormRefused, match=f'^{complaint}$'):
        FormLimits.of({field: value})


@pytest.mark.parametrize('redirect, target', [
    (b'http://r/', 'http://r/?status=400&message=no%20files'),
    (b'http://r/?a=b', 'http://r/?a=b&status=400&message=no%20files'),
    (b'http://r/\xc3\xa9', 'http://r/\xc3\xa9?status=400&message=no%20files'),
    (b'http://r/\r\nX: 1', 'http://r/%0D%0AX:%201?status=400&message=no%20files')])
def test_redirect_tells_status_and_message(redirect, target):
    assert redirect_target(redirect, 400, 'no files') == target


@given(st.binary(max_size=30))
def test_no_redirect_ends_its_line_or_its_attribute(redirect):
    target = redirect_target(redirect, 201, '')
    assert not set('\r\n\x00 ') & set(target)
    assert redirect_page(target).count(b'"') == 2 and redirect_page(target).count(b'<') == 8


def test_redirect_page():
    assert redirect_page("http://r/?a=b&status=201&message='") == (
        b'<html><body><p><a href="http://r/?a=b&status=201&message=&#x27;">Click to continue...'
        b'</a></p></body></html>')


@pytest.mark.parametrize('path, uploaded', [
    ('/v1/a/c', '/v1/a/c/f'), ('/v1/a/c/', '/v1/a/c/f'), ('/v1/a/c/p', '/v1/a/c/pf'),
    ('/v1/a/c/p/', '/v1/a/c/p/f'), ('/v1/a/c/p/q', '/v1/a/c/p/qf')])
def test_files_go_to_the_container_or_behind_a_prefix(path, uploaded):
    assert upload_path(path, 'f') == uploaded
