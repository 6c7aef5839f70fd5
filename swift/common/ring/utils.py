"""Devices as text: search values, add values, change values, display; which devices are ours.

Layer 1. Grammars of the ring builder's command line (sheet 01 sections 10.2 and 10.3):

    search   d<id> r<region> z<zone> [-]<ip> :<port> R<r_ip> :<r_port> /<device> _<meta>
    add      [r<region>] z<zone> -<ip> :<port> [R<r_ip> :<r_port>] /<device> [_<meta>]
    change   [ip] [:port] [R [r_ip] [:r_port]] [/device] [_meta]

No spaces, fixed order. An ip is digits and dots, or an IPv6 address in brackets. A device name
ends at the first '_', meta takes everything after it.
"""
from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Mapping, Sequence

Criteria = dict[str, object]

_IP = r'[0-9][0-9.]*|\[[0-9a-fA-F:.]*\]'
_ENDPOINT = (rf'(?P<ip>{_IP})?(?::(?P<port>[0-9]+))?'
             rf'(?P<replication>R(?P<replication_ip>{_IP})?(?::(?P<replication_port>[0-9]+))?)?')
_NAMES = r'(?:/(?P<device>[^_]*))?(?:_(?P<meta>.*))?'
_SEARCH = re.compile(r'(?:d(?P<id>[0-9]+))?(?:r(?P<region>[0-9]+))?(?:z(?P<zone>[0-9]+))?-?'
                     + _ENDPOINT + _NAMES, re.ASCII | re.DOTALL)
_CHANGE = re.compile(_ENDPOINT + _NAMES, re.ASCII | re.DOTALL)
_ADD_PLACE = re.compile(r'(?:r(?P<region>[0-9]+))?z(?P<zone>[0-9]+)-', re.ASCII)
_ADD_IP = re.compile(rf'(?P<ip>{_IP})', re.ASCII)
_ADD_PORT = re.compile(r':(?P<port>[0-9]+)', re.ASCII)
_ADD_REPLICATION = re.compile(
    rf'R(?P<replication_ip>{_IP})(?P<rest>:(?P<replication_port>[0-9]+))?', re.ASCII)
_ADD_NAMES = re.compile(r'/(?P<device>[^_]*)(?:_(?P<meta>.*))?', re.ASCII | re.DOTALL)
_LABEL = re.compile(r'[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?', re.ASCII)
_NUMBERS = ('id', 'region', 'zone', 'port', 'replication_port')
_ADDRESSES = ('ip', 'replication_ip')
PORT_MAX = 65535


class ValueRefused(ValueError):
    """A value on the command line that has no meaning; the text is for the operator."""


# -- addresses -------------------------------------------------------------------------------

def normalize_ip(text: str) -> str | None:
    """Return an IPv4 or, without brackets, a canonical IPv6 address; None if it is neither."""
    if text.startswith('[') and text.endswith(']'):
        return _packed(socket.AF_INET6, text[1:-1])
    return _packed(socket.AF_INET, text) or _packed(socket.AF_INET6, text)


def normalize_address(text: str) -> str:
    """Return an ip or a lower-case host name; ValueRefused for anything else."""
    ip = normalize_ip(text)
    if ip:
        return ip
    host = text.lower()
    if len(host) <= 255 and all(_LABEL.fullmatch(label)
                                for label in host.removesuffix('.').split('.')):
        return host
    raise ValueRefused(f'Invalid address {text}')


def _packed(family: int, text: str) -> str | None:
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except (OSError, ValueError):
        return None


def bracketed(ip: str) -> str:
    """Return an address as it stands in a URL."""
    return f'[{ip}]' if ':' in ip else ip


def is_local_device(my_ips: Iterable[str], my_port: int | None, dev_ip: str,
                    dev_port: int) -> bool:
    """Tell whether a device is on this host; ``my_port`` None compares addresses only.

    Host names are resolved, which may block; a name that does not resolve is not local.
    """
    if my_port is not None and dev_port != my_port:
        return False
    candidates = [normalize_ip(dev_ip)]
    if candidates[0] is None:
        try:
            found = socket.getaddrinfo(dev_ip, dev_port)
        except OSError:
            return False
        candidates = [normalize_ip(address[4][0]) for address in found]
    mine = set(my_ips)
    return any(candidate in mine for candidate in candidates)


# -- search, add, change ---------------------------------------------------------------------

def parse_search_value(text: str) -> Criteria:
    """Return what a search value asks for; ValueRefused if it is not one."""
    match = _SEARCH.fullmatch(text)
    criteria = _values_of(match) if match else {}
    if not criteria:
        raise ValueRefused(f"Invalid <search-value>: '{text}'")
    return criteria


def parse_change_value(text: str) -> Criteria:
    """Return the new values that a set_info change asks for."""
    match = _CHANGE.fullmatch(text)
    change = _values_of(match) if match else {}
    if not change:
        raise ValueRefused(f'Invalid set info change value: {text}')
    if 'device' in change:
        check_device_name(change['device'])
    _check_ports(change)
    return change


def parse_add_value(text: str) -> Criteria:
    """Return a device without weight. ``region`` is absent if the text names none."""
    place = _ADD_PLACE.match(text)
    if not place:
        raise ValueRefused(f'Invalid add value: {text}')
    dev: Criteria = {}
    if place['region'] is not None:
        dev['region'] = int(place['region'])
    dev['zone'] = int(place['zone'])
    address = _ADD_IP.match(text, place.end())
    if not address:
        raise ValueRefused(f'Invalid add value: {text}')
    dev['ip'] = _checked_ip(address['ip'])
    port = _ADD_PORT.match(text, address.end())
    if not port:
        rest = text[address.end():].split('/')[0]
        raise ValueRefused(f'Invalid port {rest} in add value' if rest
                           else 'Invalid port in add value')
    dev['port'], end = int(port['port']), port.end()
    replication = _ADD_REPLICATION.match(text, end)
    if replication:
        if not replication['rest']:
            raise ValueRefused('Invalid port in add value')
        end = replication.end()
    names = _ADD_NAMES.fullmatch(text, end)
    if not names:
        raise ValueRefused(f'Invalid add value: {text}')
    dev['device'] = names['device']
    check_device_name(dev['device'])
    dev['replication_ip'] = _checked_ip(replication['replication_ip']) if replication else dev['ip']
    dev['replication_port'] = int(replication['replication_port']) if replication else dev['port']
    dev['meta'] = names['meta'] or ''
    _check_ports(dev)
    return dev


def parse_weight(text: str) -> float:
    """Return a weight; ValueRefused unless it is a number that is not negative."""
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float('inf'):
        raise ValueRefused(f'Invalid weight value: {text}')
    return weight


def check_device_name(name: str) -> None:
    """Raise ValueRefused for names that cannot be a directory on a server."""
    if not name or name != name.strip():
        raise ValueRefused('Invalid device name')


def matches(dev: Mapping[str, object], criteria: Mapping[str, object]) -> bool:
    """Tell whether a device has all the values asked for. Meta matches in part."""
    for key, wanted in criteria.items():
        held = dev.get(key)
        if key == 'meta':
            if wanted not in held:
                return False
        elif key in _ADDRESSES:
            if (normalize_ip(held) or held) != wanted:
                return False
        elif held != wanted:
            return False
    return True


def search(devs: Iterable[dict | None], all_criteria: Sequence[Mapping[str, object]]) -> list[dict]:
    """Return the devices that match any of the criteria, in the order of the criteria."""
    found: dict[int, dict] = {}
    for criteria in all_criteria:
        for dev in devs:
            if dev is not None and matches(dev, criteria):
                found.setdefault(dev['id'], dev)
    return list(found.values())


def display(dev: Mapping[str, object]) -> str:
    """Return the one-line form in which programs name a device."""
    return (f'd{dev["id"]}r{dev["region"]}z{dev["zone"]}-{bracketed(dev["ip"])}:{dev["port"]}'
            f'R{bracketed(dev["replication_ip"])}:{dev["replication_port"]}'
            f'/{dev["device"]}_"{dev["meta"]}"')


def _values_of(match: re.Match) -> Criteria:
    values: Criteria = {}
    for key, value in match.groupdict().items():
        if value is None or key == 'replication':
            continue
        if key in _NUMBERS:
            values[key] = int(value)
        elif key in _ADDRESSES:
            values[key] = _checked_ip(value)
        else:
            values[key] = value
    return values


def _checked_ip(text: str) -> str:
    ip = normalize_ip(text)
    if ip is None:
        raise ValueRefused(f'Invalid ip {text}')
    return ip


def _check_ports(dev: Mapping[str, object]) -> None:
    for key in ('port', 'replication_port'):
        if dev.get(key, 0) > PORT_MAX:
            raise ValueRefused(f'Invalid port :{dev[key]} in add value')
