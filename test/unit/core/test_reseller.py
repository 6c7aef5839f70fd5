"""Reseller prefixes and their options."""
import pytest

from swift.core.reseller import account_prefix, own_option_names, parse_prefixes, prefix_option


@pytest.mark.parametrize('text, prefixes', [
    ('AUTH', ('AUTH_',)), ('AUTH_', ('AUTH_',)), ('AUTH, SERVICE ,AUTH_', ('AUTH_', 'SERVICE_')),
    ("''", ('',)), ("'', PRE", ('', 'PRE_')), ('', ('',)), (' , ', ('',))])
def test_parse_prefixes(text, prefixes):
    assert parse_prefixes(text) == prefixes


@pytest.mark.parametrize('account, prefix', [
    ('AUTH_test', 'AUTH_'), ('AUTH_', 'AUTH_'), ('AUTH_SUB_x', 'AUTH_SUB_'), ('AUTHtest', None),
    ('other', None), ('', None)])
def test_account_prefix(account, prefix):
    assert account_prefix(account, ('AUTH_', 'AUTH_SUB_')) == prefix


def test_empty_prefix_takes_what_is_left():
    assert account_prefix('other', ('', 'AUTH_')) == ''
    assert account_prefix('AUTH_x', ('', 'AUTH_')) == 'AUTH_'


def test_prefix_option():
    conf = {'require_group': 'all', 'SERVICE_require_group': 'service',
            "''require_group": 'empty'}
    assert prefix_option(conf, 'AUTH_', 'require_group') == 'all'
    assert prefix_option(conf, 'SERVICE_', 'require_group') == 'service'
    assert prefix_option(conf, '', 'require_group') == 'empty'
    assert prefix_option({}, '', 'require_group') == ''
    assert own_option_names(('', 'AUTH_'), 'require_group') == (
        "''require_group", 'AUTH_require_group')
