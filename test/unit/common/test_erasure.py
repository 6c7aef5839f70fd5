"""What the host can encode."""
import pytest

from swift.common.erasure import HOST


def test_the_library_behind_the_door():
    assert 'liberasurecode_rs_vand' in HOST.available
    assert list(HOST.available) == sorted(HOST.available)
    assert HOST.min_parity_needed('liberasurecode_rs_vand', 4, 2) == 1
    driver = HOST.driver('liberasurecode_rs_vand', 4, 2)
    assert driver.get_segment_info(1048576, 1048576)['fragment_size'] == 262224


def test_impossible_codes_are_value_errors():
    with pytest.raises(ValueError):
        HOST.min_parity_needed('liberasurecode_rs_vand', 400, 200)
