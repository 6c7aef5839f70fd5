"""What the cluster can do, as /info tells it.

Layer 1. Every server and filter registers a section of capabilities when it is loaded; /info shows
all but those the operator withholds, and to an administrator those marked admin too (sheet 04 §3).

One process serves one pipeline, and filters register through a module function whose name third
parties know, so there is one registry per process: SWIFT_INFO. It is written while the pipeline
loads and only read afterwards. Tests and programs that load several pipelines make their own.
"""
from copy import deepcopy

RESERVED_SECTIONS = ('admin', 'disallowed_sections')


class InfoRegistry:
    """Sections of capabilities by name, some for administrators only."""

    def __init__(self):
        self._public: dict[str, dict] = {}
        self._admin: dict[str, dict] = {}

    def register(self, name: str = 'swift', admin: bool = False, **capabilities) -> None:
        """Add capabilities to a section; later values win. ValueError for a bad name."""
        if name in RESERVED_SECTIONS:
            raise ValueError(f"'{name}' is a reserved section name")
        for word in (name, *capabilities):
            if '.' in word:
                raise ValueError(f"Cannot use '.' in the name of a section or key: {word}")
        (self._admin if admin else self._public).setdefault(name, {}).update(capabilities)

    def document(self, admin: bool = False, withheld: 'list[str] | tuple' = ()) -> dict:
        """Return the document of /info; `withheld` are dotted paths left out of it.

        The result is the caller's to change.
        """
        info = deepcopy(self._public)
        for path in withheld:
            _remove(info, path.strip().split('.'))
        if admin:
            info['admin'] = deepcopy(self._admin)
            info['admin']['disallowed_sections'] = list(withheld)
        return info


def _remove(tree: dict, path: list[str]) -> None:
    *parents, last = path
    for name in parents:
        tree = tree.get(name)
        if not isinstance(tree, dict):
            return
    tree.pop(last, None)


SWIFT_INFO = InfoRegistry()
# Names of headers and parameters whose values logs abbreviate; filters add theirs when loaded.
_SENSITIVE_HEADERS: set[str] = set()
_SENSITIVE_PARAMS: set[str] = set()


def register_swift_info(name: str = 'swift', admin: bool = False, **capabilities) -> None:
    """Register a section (or more of it) in the registry of this process."""
    SWIFT_INFO.register(name, admin, **capabilities)


def get_swift_info(admin: bool = False, disallowed_sections: 'list[str] | None' = None) -> dict:
    """Return the /info document of this process."""
    return SWIFT_INFO.document(admin, disallowed_sections or [])


def register_sensitive_header(name: str) -> None:
    """Have the values of a header abbreviated in logs."""
    if not name.isascii():
        raise ValueError(f'header names are ASCII, not {name!r}')
    _SENSITIVE_HEADERS.add(name.lower())


def register_sensitive_param(name: str) -> None:
    """Have the values of a query parameter abbreviated in logs."""
    if not name.isascii():
        raise ValueError(f'parameter names are ASCII here, not {name!r}')
    _SENSITIVE_PARAMS.add(name.lower())


def get_sensitive_headers() -> frozenset[str]:
    """Return the registered header names, in lower case."""
    return frozenset(_SENSITIVE_HEADERS)


def get_sensitive_params() -> frozenset[str]:
    """Return the registered parameter names, in lower case."""
    return frozenset(_SENSITIVE_PARAMS)
