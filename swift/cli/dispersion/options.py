"""dispersion.conf, and what both dispersion tools make of it (layer 4).

Source: sheet 07 section 13.
"""
from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable

from swift.cli.storage_account import StorageAccount
from swift.common.config.common import SwiftDir
from swift.common.config.options import Bool, Choice, Float, Integer, Options, Text
from swift.common.config.parser import read_plain
from swift.common.errors import ConfigError
from swift.common.places import DEFAULT_SWIFT_DIR, config_root

CONF_NAME = 'dispersion.conf'


class DispersionOptions(Options, section='dispersion'):
    """The account that holds the sample, and how large the sample is. Give it to nobody else."""

    auth_url = Text('', 'Where to get a token.', required=True,
                    example='http://localhost:8080/auth/v1.0')
    auth_user = Text('', 'User of the account; for Keystone 2.0 `tenant:user`.', required=True,
                     example='test:tester')
    auth_key = Text('', 'Password of the user.', required=True, example='testing')
    auth_version = Choice('1.0', '1', '2.0', '2', '3',
                          doc='1.0 (tempauth and the like), or 2.0 or 3 of Keystone.')
    endpoint_type = Choice('publicURL', 'internalURL', 'adminURL',
                           doc='Keystone: which address of the cluster.')
    region_name = Text('', 'Keystone: region of the address; empty = the first one.')
    user_domain_name = Text('Default', 'Keystone 3: domain of the user.')
    project_domain_name = Text('Default', 'Keystone 3: domain of the project.')
    project_name = Text('', 'Keystone: project of the user.')
    keystone_api_insecure = Bool(False, 'Accept any certificate of Keystone and of the proxy.')
    swift_dir = SwiftDir(DEFAULT_SWIFT_DIR, 'Directory of swift.conf and rings; without it that '
                                            'of the environment variable SWIFT_DIR.')
    dispersion_coverage = Float(1.0, 'Percentage of the partitions to cover.',
                                at_least=0, at_most=100)
    retries = Integer(5, 'How often a failed request is repeated.', at_least=0)
    concurrency = Integer(25, 'Requests under way at once.', at_least=1)
    container_populate = Bool(True, 'Create containers.')
    object_populate = Bool(True, 'Create objects.')
    container_report = Bool(True, 'Look for the copies of containers.')
    object_report = Bool(True, 'Look for the copies of objects.')
    dump_json = Bool(False, 'Report as JSON.')
    partitions = Bool(False, 'Name the partitions that miss copies.')


def add_arguments(parser: ArgumentParser) -> None:
    """Add what both tools take: which cluster, which policy, which file."""
    parser.add_argument('--insecure', action='store_true', help='accept any certificate')
    parser.add_argument('-P', '--policy-name', metavar='POLICY', help='name of a storage policy')
    parser.add_argument('conf', nargs='?', help='default: dispersion.conf in $SWIFT_DIR')


def load(path: str | None) -> DispersionOptions:
    """Return the options of a file, dispersion.conf in the cluster's directory without a name.

    Raises ConfigError; what is merely odd is said on standard error.
    """
    path = path or os.path.join(config_root(), CONF_NAME)
    section = read_plain(path).get('dispersion')
    if section is None:
        raise ConfigError(f'{path} has no section [dispersion]')
    options = DispersionOptions.parse(section, source=path)
    for warning in options.warnings:
        print('WARNING:', warning, file=sys.stderr)
    return options


def account_of(options: DispersionOptions, insecure: bool,
               sleep: Callable[[float], None]) -> StorageAccount:
    """Return the account of the sample. No request is made yet."""
    return StorageAccount(
        options, retries=options.retries, sleep=sleep,
        insecure=insecure or options.keystone_api_insecure)
