"""versioned_writes: overwritten and deleted objects are kept.

Layer 2, right of slo and dlo, left of symlink. Two features in one filter:

    legacy              the user names a container for what was overwritten (X-Versions-Location)
    object_versioning   versions with ids, in a container that clients do not see

The older one is left of the newer one. Source: sheet 05 section 23.
"""
from collections.abc import Callable

from swift.common.cluster import Cluster
from swift.common.config.options import Bool, Options
from swift.common.errors import ConfigError
from swift.common.middleware.versioned_writes.legacy import MODES, LegacyVersioning
from swift.common.middleware.versioned_writes.object_versioning import ObjectVersioning
from swift.common.mime_types import MimeTypes
from swift.common.places import config_root
from swift.common.registry import get_swift_info, register_swift_info
from swift.common.sections import read_section


class VersionedWritesOptions(Options, section='filter:versioned_writes'):
    """Versions of objects."""

    allow_versioned_writes = Bool(None, 'Let X-Versions-Location and X-History-Location name a '
                                        'container for what is overwritten. When not set, only '
                                        'what container servers keep (allow_versions) counts.')
    allow_object_versioning = Bool(False, 'Let X-Versions-Enabled keep all versions of the objects '
                                          'of a container. Needs the symlink filter.')


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#versioned_writes`."""
    section = read_section(VersionedWritesOptions, global_conf, local_conf, 'proxy-server',
                           'versioned_writes')
    options = section.options
    if options.allow_versioned_writes:
        register_swift_info('versioned_writes', allowed_flags=[name.lower() for name in MODES])
    swift_dir = config_root(section.conf.get('swift_dir'))
    cluster = Cluster(swift_dir)
    limits = cluster.constraints
    if options.allow_object_versioning:
        # Filters are made from the innermost on, so what is there has told.
        if 'symlink' not in get_swift_info():
            raise ConfigError('object versioning requires symlinks')
        register_swift_info('object_versioning')

    def versioned_writes(app: Callable) -> Callable:
        if options.allow_object_versioning:
            app = ObjectVersioning(app, limits, cluster.policies, MimeTypes(swift_dir))
        return LegacyVersioning(app, options.allow_versioned_writes, limits)

    return versioned_writes
