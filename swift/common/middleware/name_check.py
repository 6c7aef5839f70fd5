"""name_check: refuses names that trouble other software: characters, lengths, path elements.

Layer 2. Looks at the whole decoded path of any request, not at its query; the first broken rule is
the one the client reads about. Source: sheet 05 §10.
"""
import re
from collections.abc import Callable, Iterable

from swift.common.config.options import Integer, Options, Text
from swift.common.registry import register_swift_info
from swift.common.sections import read_section
from swift.common.swob import HTTPBadRequest, wsgi_to_str

_WHAT = 'Object/Container/Account name'


class Pattern(Text):
    """A regular expression, kept as text; empty: none."""

    kind = 'regular expression'

    def parse(self, text: str) -> str:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f'not a regular expression: {error}') from None
        return text


class NameCheckOptions(Options, section='filter:name_check'):
    forbidden_chars = Text('\'"`<>', 'Characters that no path may contain.')
    maximum_length = Integer(255, 'Longest path, in bytes.', at_least=1)
    forbidden_regexp = Pattern(r'/\./|/\.\./|/\.$|/\.\.$',
                               'Regular expression that no path may contain; empty: no such test.')


class NameCheckMiddleware:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: NameCheckOptions):
        self.app = app
        self._chars = options.forbidden_chars
        self._length = options.maximum_length
        self._regexp = options.forbidden_regexp
        self._pattern = re.compile(self._regexp) if self._regexp else None

    def problem(self, path: str) -> str | None:
        """Return what is wrong with a path (a WSGI string), or None."""
        text = wsgi_to_str(path)
        if any(char in text for char in self._chars):
            return f'{_WHAT} contains forbidden chars from {self._chars}'
        if len(path) > self._length:
            return f'{_WHAT} longer than the allowed maximum {self._length}'
        if self._pattern and self._pattern.search(text):
            return (f'{_WHAT} contains a forbidden substring from regular expression '
                    f'{self._regexp}')
        return None

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        problem = self.problem(env.get('PATH_INFO', ''))
        if problem:
            return HTTPBadRequest(body=problem)(env, start_response)
        return self.app(env, start_response)


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#name_check`."""
    section = read_section(NameCheckOptions, global_conf, local_conf, 'name_check')
    options = section.options
    register_swift_info('name_check', forbidden_chars=options.forbidden_chars,
                        maximum_length=options.maximum_length,
                        forbidden_regexp=options.forbidden_regexp)
    return lambda app: NameCheckMiddleware(app, section.options)
