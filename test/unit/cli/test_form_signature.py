"""swift-form-signature: what is printed can be used, what is wrong is said."""
import hashlib
import hmac
import re
from html import unescape
from io import StringIO

import pytest

from swift.cli.form_signature import main
from swift.common.clock import ManualClock

NOW = 1700000000.5


def run(*argv):
    out = StringIO()
    return main(argv, out, ManualClock(NOW)), out.getvalue()


@pytest.mark.parametrize('digest', [None, 'sha1', 'sha256', 'sha512'])
def test_output_is_expiry_signature_and_a_form(digest):
    words = ['--digest', digest] if digest else []
    code, text = run(*words, '/v1/AUTH_a/c', '', '100', '2', '60', 'k')
    expected = hmac.new(b'k', b'/v1/AUTH_a/c\n\n100\n2\n1700000060', digest or 'sha1').hexdigest()
    assert code == 0
    assert text.splitlines()[:3] == ['  Expires: 1700000060', f'Signature: {expected}', '']
    assert text.endswith('</form>\n') and text.count('type="file"') == 2


def test_form_has_what_was_signed_fit_for_html():
    _, text = run('/v1/a/c é/"p_', 'https://r/?a=1&b="2"', '0', '1000', '1', 'clé')
    shown = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text))
    fields = {name: unescape(value) for name, value in shown.items()}
    assert fields == {'redirect': 'https://r/?a=1&b="2"', 'max_file_size': '0',
                      'max_file_count': '1000', 'expires': '1700000001',
                      'signature': fields['signature']}
    message = '/v1/a/c é/"p_\nhttps://r/?a=1&b="2"\n0\n1000\n1700000001'.encode()
    assert fields['signature'] == hmac.new('clé'.encode(), message, hashlib.sha1).hexdigest()
    assert 'accept-charset="UTF-8"' in text
    assert 'action="/v1/a/c%20%C3%A9/%22p_"' in text and text.count('type="file"') == 10


@pytest.mark.parametrize('change, complaint', [
    ((2, '-1'), 'Please use a <max_file_size> value greater than or equal to 0.'),
    ((2, 'x'), 'Please use a <max_file_size> value greater than or equal to 0.'),
    ((2, ''), 'Please use a <max_file_size> value greater than or equal to 0.'),
    ((3, '0'), 'Please use a positive <max_file_count> value.'),
    ((3, '1.5'), 'Please use a positive <max_file_count> value.'),
    ((4, '0'), 'Please use a positive <seconds> value.'),
    ((4, '²'), 'Please use a positive <seconds> value.'),
    ((0, '/v1/a'), '<path> must point to a container at least.'),
    ((0, '/v1//c'), '<path> must point to a container at least.'),
    ((0, 'v1/a/c'), '<path> must point to a container at least.')])
def test_bad_values_are_named(change, complaint, capsys):
    words = ['/v1/a/c/p', '', '100', '2', '60', 'k']
    words[change[0]] = change[1]
    code, text = run('--', *words)
    assert (code, text, capsys.readouterr().err) == (1, '', complaint + '\n')


@pytest.mark.parametrize('words', [[], ['/v1/a/c'], ['--digest', 'md5', *'abcdef']])
def test_a_wrong_command_line_is_exit_code_1(words, capsys):
    with pytest.raises(SystemExit) as ended:
        run(*words)
    assert ended.value.code == 1
    assert 'usage: swift-form-signature' in capsys.readouterr().err
