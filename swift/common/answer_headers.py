"""Changing the headers of an answer on its way to the client.

Layer 1. A filter that only changes headers hands its right neighbour a start_response of its own
instead of taking the answer in:

    return self.app(env, edited(start_response, lambda status, headers: ...))

Cost: one more call for each answer.
"""
from collections.abc import Callable, Mapping

Headers = list[tuple[str, str]]


def edited(start_response: Callable, edit: Callable[[str, Headers], Headers]) -> Callable:
    """Return a start_response that passes on what `edit` makes of status and headers."""

    def start(status: str, headers: Headers, *exc_info):
        return start_response(status, edit(status, headers), *exc_info)

    return start


def shown(start_response: Callable, names: Mapping[str, str]) -> Callable:
    """Return a start_response that also shows stored headers under the names that clients know.

    `names` maps stored names, in lower case, to those for clients.
    """

    def edit(_status: str, headers: Headers) -> Headers:
        found = [(names[name.lower()], value) for name, value in headers if name.lower() in names]
        return headers + found if found else headers

    return edited(start_response, edit)
