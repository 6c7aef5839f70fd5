"""Packaging of the object storage cluster: packages, console programs, paste entry points.

The distribution is called ``swift`` because existing configuration files name its filters and
servers as ``egg:swift#<name>``.
"""
import glob

from setuptools import Extension, find_packages, setup

VERSION = '3.0.0'

APPS = [
    'proxy = swift.proxy.server:app_factory',
    'object = swift.obj.server:app_factory',
    'container = swift.container.server:app_factory',
    'account = swift.account.server:app_factory',
]
FILTERS = [f'{name} = swift.common.middleware.{name}:filter_factory' for name in (
    'account_quotas', 'backend_ratelimit', 'bulk', 'catch_errors', 'cname_lookup',
    'container_quotas', 'container_sync', 'copy', 'crossdomain', 'dlo', 'domain_remap',
    'etag_quoter', 'formpost', 'gatekeeper', 'healthcheck', 'keystoneauth', 'list_endpoints',
    'listing_formats', 'memcache', 'name_check', 'proxy_logging', 'ratelimit', 'read_only',
    'recon', 'slo', 'staticweb', 'symlink', 'tempauth', 'tempurl', 'versioned_writes',
    'xprofile')]
DISKFILES = ['replication.fs = swift.obj.diskfile:DiskFileManager']
WATCHERS = ['dark_data = swift.obj.watchers.dark_data:DarkDataWatcher']

setup(
    name='swift',
    version=VERSION,
    description='Object storage cluster: proxy and storage servers, rings, filters, tools',
    long_description=open('README.md', encoding='utf-8').read(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.11',
    packages=find_packages(include=['swift', 'swift.*', 'swiftclient', 'swiftclient.*']),
    # Without a C compiler the same is done in Python, slower (swift/common/chain.py).
    ext_modules=[Extension('swift.common._chain', ['swift/common/_chain.c'], optional=True)],
    scripts=[path for path in sorted(glob.glob('bin/*')) if path != 'bin/saio'],
    install_requires=[
        'eventlet>=0.36', 'greenlet>=3.0', 'PasteDeploy>=3.0', 'setuptools', 'xattr>=0.9',
        'httptools>=0.6', 'numpy>=1.24', 'orjson>=3.8', 'pyeclib>=1.6', 'cryptography>=40',
        'requests>=2.30', 'urllib3>=2',
    ],
    extras_require={
        'test': ['pytest>=7', 'pytest-timeout', 'hypothesis>=6', 'ruff', 'python-memcached>=1.59',
                 'keystoneauth1>=5'],
        'keystone': ['keystoneauth1>=5'],
    },
    entry_points={
        'paste.app_factory': APPS,
        'paste.filter_factory': FILTERS,
        'swift.diskfile': DISKFILES,
        'swift.object_audit_watcher': WATCHERS,
        'keystoneauth1.plugin': ['v1password = swiftclient.authv1:PasswordLoader'],
    },
)
