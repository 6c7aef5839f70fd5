"""Devices as text: the grammars of search, add and change values; which devices are ours."""
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.common.ring import utils
from swift.common.ring.utils import (
    ValueRefused,
    display,
    is_local_device,
    matches,
    normalize_address,
    normalize_ip,
    parse_add_value,
    parse_change_value,
    parse_search_value,
    parse_weight,
    search,
)

EVERYTHING = {'id': 12, 'region': 2, 'zone': 3, 'ip': '10.0.0.7', 'port': 6200,
              'replication_ip': '10.9.0.7', 'replication_port': 6300, 'device': 'sdc',
              'meta': 'rack7'}


@pytest.mark.parametrize('text, found', [
    ('d12', {'id': 12}), ('r2', {'region': 2}), ('r2z3', {'region': 2, 'zone': 3}),
    ('z3-10.0.0.7', {'zone': 3, 'ip': '10.0.0.7'}), ('10.0.0.7', {'ip': '10.0.0.7'}),
    ('-10.0.0.7', {'ip': '10.0.0.7'}),
    ('10.0.0.7/sdc', {'ip': '10.0.0.7', 'device': 'sdc'}), ('z3:6200', {'zone': 3, 'port': 6200}),
    (':6200', {'port': 6200}), ('R10.9.0.7', {'replication_ip': '10.9.0.7'}),
    ('R:6300', {'replication_port': 6300}), ('/sdc', {'device': 'sdc'}), ('_rack7',
                                                                        {'meta': 'rack7'}),
    ('[fd00::7]', {'ip': 'fd00::7'}), ('z3-[FD00:0::7]:6200', {'zone': 3, 'ip': 'fd00::7',
                                                              'port': 6200}),
    ('d12r2z3-10.0.0.7:6200R10.9.0.7:6300/sdc_rack7', EVERYTHING),
    ('_a_b/c d', {'meta': 'a_b/c d'}), ('/sd-c_', {'device': 'sd-c', 'meta': ''}),
    ('d0', {'id': 0})])
def test_search_values(text, found):
    assert parse_search_value(text) == found


@pytest.mark.parametrize('text', ['', 'x', 'd', 'z1r1', 'd1x', '-', 'R', 'host', 'd12 ', ':', 'r١',
                                  '10.0.0.7:', '[fd00::7'])
def test_not_search_values(text):
    with pytest.raises(ValueRefused, match="Invalid <search-value>: '"):
        parse_search_value(text)


@pytest.mark.parametrize('text', ['1.2.3', '10.0.0.256', '[1.2.3.4]', 'R[::g]'])
def test_addresses_in_search_values(text):
    with pytest.raises(ValueRefused):
        parse_search_value(text)


@given(st.fixed_dictionaries({}, optional={
    'id': st.integers(0, 99), 'region': st.integers(0, 9), 'zone': st.integers(0, 9),
    'ip': st.sampled_from(['10.0.0.1', 'fd00::7']), 'port': st.integers(0, 65535),
    'replication_ip': st.sampled_from(['10.0.0.1', 'fd00::7']),
    'device': st.text('abc19-', min_size=1), 'meta': st.text()}).filter(bool))
def test_search_values_are_read_back(wanted):
    def part(prefix, key):
        value = wanted.get(key)
        return '' if value is None else prefix + utils.bracketed(str(value)) if 'ip' in key else (
            prefix + str(value))
    text = ''.join(part(*one) for one in (
        ('d', 'id'), ('r', 'region'), ('z', 'zone'), ('-', 'ip'), (':', 'port'),
        ('R', 'replication_ip'), ('/', 'device'), ('_', 'meta')))
    assert parse_search_value(text) == wanted


def test_add_values():
    assert parse_add_value('r2z3-10.0.0.7:6200R10.9.0.7:6300/sdc_rack7') == {
        key: value for key, value in EVERYTHING.items() if key != 'id'}
    assert parse_add_value('z1-[FE80::1]:6200/sda') == {
        'zone': 1, 'ip': 'fe80::1', 'port': 6200, 'device': 'sda', 'replication_ip': 'fe80::1',
        'replication_port': 6200, 'meta': ''}
    assert parse_add_value('r0z0-1.2.3.4:0/a_b_c')['meta'] == 'b_c'


@pytest.mark.parametrize('text, problem', [
    ('', 'Invalid add value: '), ('r1-1.2.3.4:1/a', 'Invalid add value: r1-1.2.3.4:1/a'),
    ('z1-host:1/a', 'Invalid add value: z1-host:1/a'),
    ('z1-1.2.3.4/a', 'Invalid port in add value'),
    ('z1-1.2.3.4:x/a', 'Invalid port :x in add value'), ('z1-1.2.3:1/a', 'Invalid ip 1.2.3'),
    ('z1-1.2.3.4:1R1.2.3.4/a', 'Invalid port in add value'), ('z1-1.2.3.4:1', 'Invalid add value'),
    ('z1-1.2.3.4:1/', 'Invalid device name'), ('z1-1.2.3.4:1/_x', 'Invalid device name'),
    ('z1-1.2.3.4:1/ a', 'Invalid device name'), ('z1-1.2.3.4:1/a ', 'Invalid device name'),
    ('z1-1.2.3.4:99999/a', 'Invalid port :99999 in add value'),
    ('z1-1.2.3.4:1R[::g]:1/a', 'Invalid add value')])
def test_not_add_values(text, problem):
    with pytest.raises(ValueRefused) as refused:
        parse_add_value(text)
    assert str(refused.value).startswith(problem)


@pytest.mark.parametrize('text, found', [
    ('10.0.0.1', {'ip': '10.0.0.1'}), (':6201', {'port': 6201}),
    ('R:6301', {'replication_port': 6301}), ('R10.0.0.2', {'replication_ip': '10.0.0.2'}),
    ('/sdx_', {'device': 'sdx', 'meta': ''}), ('_new meta', {'meta': 'new meta'})])
def test_change_values(text, found):
    assert parse_change_value(text) == found


@pytest.mark.parametrize('text', ['', 'R', 'z1', '/ x', '1.2.3', ':70000'])
def test_not_change_values(text):
    with pytest.raises(ValueRefused):
        parse_change_value(text)


@pytest.mark.parametrize('text', ['', 'x', '-1', 'nan', 'inf', '1,5'])
def test_not_weights(text):
    with pytest.raises(ValueRefused, match='Invalid weight value: '):
        parse_weight(text)
    assert parse_weight('0') == 0.0


def test_addresses():
    assert normalize_ip('1.2.3.4') == '1.2.3.4' and normalize_ip('[FD00:0::1]') == 'fd00::1'
    assert normalize_ip('FD00::1') == 'fd00::1' and normalize_ip('host') is None
    assert normalize_address('Node-1.Example.COM') == 'node-1.example.com'
    for text in ('', '-a', 'a_b', 'a..b', 'x' * 64):
        with pytest.raises(ValueRefused):
            normalize_address(text)


def test_matching():
    dev = dict(EVERYTHING, weight=5.0)
    for text in ('d12', 'r2z3', '10.0.0.7', '_ack', '/sdc', 'R:6300', '_'):
        assert matches(dev, parse_search_value(text))
    for text in ('d1', 'r3', '10.0.0.70', '_rack8', '/sd'):
        assert not matches(dev, parse_search_value(text))
    assert matches(dict(dev, ip='FD00::7'), {'ip': 'fd00::7'})
    assert matches(dev, {}) and matches(dev, {'weight': 5.0})
    other = dict(dev, id=13, device='sdd')
    assert search([None, dev, other], [{'id': 13}, {}]) == [other, dev]


def test_display():
    assert display(EVERYTHING) == 'd12r2z3-10.0.0.7:6200R10.9.0.7:6300/sdc_"rack7"'
    assert display(dict(EVERYTHING, ip='fd00::7')).startswith('d12r2z3-[fd00::7]:6200R')


def test_local_devices(monkeypatch):
    mine = ['10.0.0.1', 'fd00::7']
    assert is_local_device(mine, 6200, '10.0.0.1', 6200)
    assert not is_local_device(mine, 6200, '10.0.0.1', 6201)
    assert is_local_device(mine, None, '10.0.0.1', 6201)
    assert is_local_device(mine, 6200, 'FD00:0::7', 6200)
    assert not is_local_device(mine, 6200, '10.0.0.2', 6200)
    known = {'me': [(0, 0, 0, '', ('10.0.0.9', 0)), (0, 0, 0, '', ('fd00::7', 0, 0, 0))]}

    def resolve(host, _port):
        if host in known:
            return known[host]
        raise socket.gaierror('unknown')
    monkeypatch.setattr(utils.socket, 'getaddrinfo', resolve)
    assert is_local_device(mine, 6200, 'me', 6200)
    assert not is_local_device(mine, 6200, 'stranger', 6200)
