"""Quotas: what is a limit, and what is too much."""
import itertools

import pytest

from swift.core.quotas import (
    Quota,
    account_quota,
    account_settings,
    container_quota,
    parse_limit,
    policy_quota,
)


@pytest.mark.parametrize('text, limit', [
    (None, None), ('', None), ('0', 0), ('12', 12), ('-1', None), ('1.5', None), ('x', None),
    ('٣', None), ('²', None), (' 1', None)])
def test_limit(text, limit):
    assert parse_limit(text) == limit


def test_upload_fits_iff_both_limits_hold_afterwards():
    for max_bytes, max_count, used, count, size in itertools.product(
            (None, 0, 1, 2), (None, 0, 1, 2), range(4), range(4), range(4)):
        fits = (max_bytes is None or used + size <= max_bytes) and (
            max_count is None or count + 1 <= max_count)
        assert Quota(max_bytes, max_count, used, count).is_exceeded_by(size) == (not fits)


@pytest.mark.parametrize('max_bytes, used, remaining', [(None, 5, None), (5, 2, 3), (5, 9, 0)])
def test_remaining(max_bytes, used, remaining):
    assert Quota(max_bytes, None, used).remaining == remaining


def test_container_quota_of_info():
    info = {'meta': {'quota-bytes': '7', 'quota-count': 'x'}, 'bytes': '3', 'object_count': 2}
    assert container_quota(info) == Quota(7, None, 3, 2)


def test_account_quota_prefers_what_resellers_set():
    info = {'sysmeta': {'quota-count': '4'}, 'meta': {'quota-bytes': '9'}, 'bytes': 1,
            'total_object_count': 2}
    assert account_quota(info) == Quota(9, 4, 1, 2)
    info['sysmeta']['quota-bytes'] = '5'
    assert account_quota(info) == Quota(5, 4, 1, 2)


def test_policy_quota_counts_its_policy_alone():
    info = {'sysmeta': {'quota-bytes-policy-1': '9', 'quota-count-policy-0': '1'},
            'storage_policies': {1: {'bytes': 3, 'object_count': 2}}}
    assert policy_quota(info, 1) == Quota(9, None, 3, 2)
    assert policy_quota(info, 0) == Quota(None, 1, 0, 0)


def test_names_of_settings():
    settings = account_settings([(0, 'gold'), (3, 'tin')])
    assert [(setting.client_name, setting.stored_name) for setting in settings][::3] == [
        ('X-Account-Quota-Bytes', 'X-Account-Sysmeta-Quota-Bytes'),
        ('X-Account-Quota-Count-Policy-gold', 'X-Account-Sysmeta-Quota-Count-Policy-0')]
    assert settings[-1].remove_name == 'X-Remove-Account-Quota-Count-Policy-tin'
