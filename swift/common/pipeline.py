"""Building the chain of filters and the app from a configuration file.

Layer 1. PasteDeploy finds the factories; here the chain is completed and put together.

    [pipeline:main] pipeline = a b c app        a(b(c(app)))

When the app is the proxy, filters without which it would be unsafe or incomplete are inserted
if missing (table REQUIRED_FILTERS), unless the caller forbids it (in-process clients).

After loading, every element carries: `_pipeline`, the list of all elements from the outermost
on; `_pipeline_names`, their entry point names; `_pipeline_final_app`; and
`_pipeline_request_logging_app`, the final app behind a logging filter of its own, for
sub-requests that skip all other filters but must appear in the access log.

Source: sheet 04 section 16.1, sheet 07 section 4.
"""
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from paste.deploy import loadwsgi

from swift.common.config.parser import paste_context
from swift.common.errors import ConfigError
from swift.common.log import get_logger

DISTRIBUTION = 'swift'
LOGGING_FILTER = 'proxy_logging'


@dataclass(frozen=True, slots=True)
class Required:
    """A filter that must be there, and the filters it must come after (first occurrences)."""

    name: str
    after: tuple[str, ...] = ()


_OUTER = ('catch_errors', 'gatekeeper', 'proxy_logging')
_COPY_AFTER = ('staticweb', 'tempauth', 'keystoneauth', *_OUTER)
_DLO_AFTER = ('copy', *_COPY_AFTER)
REQUIRED_FILTERS = {
    'proxy': (
        Required('catch_errors'),
        Required('gatekeeper', ('catch_errors',)),
        Required('listing_formats', (*_OUTER, 'memcache')),
        Required('copy', _COPY_AFTER),
        Required('dlo', _DLO_AFTER),
        Required('versioned_writes', ('slo', 'dlo', *_DLO_AFTER)),
    ),
}


def missing_filters(names: list[str], required: tuple[Required, ...],
                    available: Callable[[str], bool] = lambda name: True
                    ) -> list[tuple[str, int]]:
    """Return (name, position) of each filter to insert into `names`, in order of insertion.

    Worked off from the last requirement to the first: a later insertion further out then
    shifts the earlier ones as a whole. gatekeeper goes after catch_errors only if that is the
    outermost filter.
    """
    names = list(names)
    inserted = []
    for filter_ in reversed(required):
        if filter_.name in names or not available(filter_.name):
            continue
        after = filter_.after
        if filter_.name == 'gatekeeper' and names[:1] != ['catch_errors']:
            after = ()
        position = max((names.index(name) + 1 for name in after if name in names), default=0)
        names.insert(position, filter_.name)
        inserted.append((filter_.name, position))
    return inserted


def loadapp(path: str, global_conf: Mapping[str, str] | None = None,
            allow_modify_pipeline: bool = True, section: str = 'main') -> Callable:
    """Return the WSGI app that a configuration describes, filters and all.

    Raises ConfigError for a bad file; what a factory raises passes through.
    """
    context = paste_context(path, section, global_conf)
    if context.object_type is not loadwsgi.PIPELINE:
        app = context.create()
        _mark([app], [context.entry_point_name or section], app)
        return app
    final_app = context.app_context.create()
    filters = list(context.filter_contexts)
    if allow_modify_pipeline:
        _complete(filters, context, final_app)
    elements, app = [final_app], final_app
    for filter_context in reversed(filters):
        app = filter_context.create()(app)
        elements.insert(0, app)
    names = [_name(item) for item in filters] + [_name(context.app_context)]
    _mark(elements, names, _request_logging_app(filters, final_app))
    return app


def _complete(filters: list, context: Any, final_app: Any) -> None:
    """Insert what the final app requires and say so in its log."""
    required = REQUIRED_FILTERS.get(context.app_context.entry_point_name or '', ())
    if not required:
        return
    loader = loadwsgi.EggLoader(DISTRIBUTION)
    created: dict[str, Any] = {}

    def available(name: str) -> bool:
        # Distributions that leave a filter out have no entry point for it.
        try:
            created[name] = loader.filter_context(name, global_conf=dict(context.global_conf))
        except LookupError:
            return False
        return True

    names = [_name(item) for item in filters]
    inserted = missing_filters(names, required, available)
    logger = getattr(final_app, 'logger', None) or get_logger(context.global_conf, 'proxy-server')
    for name, position in inserted:
        logger.info('Adding required filter %s to pipeline at position %d', name, position)
        filters.insert(position, created[name])
    if inserted:
        logger.info('Pipeline was modified. New pipeline is "%s".', ' '.join(
            [_name(item) for item in filters] + [_name(context.app_context)]))


def _request_logging_app(filters: list, final_app: Any) -> Any:
    for filter_context in reversed(filters):
        if filter_context.entry_point_name == LOGGING_FILTER:
            return filter_context.create()(final_app)
    return final_app


def _name(context: Any) -> str:
    return context.entry_point_name or context.local_conf.get('__name__') or '<unknown>'


def _mark(elements: list, names: list[str], request_logging_app: Any) -> None:
    for element in elements:
        try:
            element._pipeline = elements
            element._pipeline_names = tuple(names)
            element._pipeline_final_app = elements[-1]
            element._pipeline_request_logging_app = request_logging_app
        except AttributeError:
            pass  # an element without attributes has nobody to tell
    if request_logging_app not in elements:
        try:
            request_logging_app._pipeline_final_app = elements[-1]
        except AttributeError:
            pass


def refuse_filter(app: Any, name: str, message: str) -> None:
    """Raise ConfigError(message) if the loaded pipeline contains the named filter."""
    if name in getattr(app, '_pipeline_names', ()):
        raise ConfigError(message)
