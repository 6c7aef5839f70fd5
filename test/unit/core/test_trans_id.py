"""Transaction ids can be told apart from other text, and their time read back."""

import re

from swift.core.trans_id import generate_trans_id, get_time_from_trans_id, trans_id_suffix


def test_generated_id_has_the_known_shape_and_carries_the_time():
    trans_id = generate_trans_id('-hello world', 1795208861.9)
    assert re.fullmatch(r'tx[0-9a-f]{21}-006b00b69d-hello%20world', trans_id)
    assert get_time_from_trans_id(trans_id) == 1795208861
    assert generate_trans_id('', 1.0) != generate_trans_id('', 1.0)


def test_each_byte_of_a_foreign_suffix_is_encoded_again():
    assert generate_trans_id('-\xc3\xa9/?', 0).endswith('-%C3%83%C2%A9/%3F')


def test_other_text_has_no_time():
    for text in ('', 'tx', 'x' * 40, 'tx' + 'a' * 32, 'tx' + 'a' * 21 + '-zzzzzzzzzz'):
        assert get_time_from_trans_id(text) is None


def test_suffix_takes_32_characters_of_the_client():
    assert trans_id_suffix('-site', None) == '-site'
    assert trans_id_suffix('-site', 'x' * 40) == '-site-' + 'x' * 32
