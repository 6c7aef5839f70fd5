"""Accept: which of the formats on offer a client gets.

Layer 0. The header is a comma separated list of `type/subtype`, with parameters and a weight `q`.
Higher weights first, then those without a wildcard, then the order of the header; the first offer
that a pattern matches wins. Parameters other than `q` do not take part. Source: sheet 05 §1.7.

The header comes from anyone: it is scanned from left to right, each pattern anchored and without
nested repetition, so the cost is linear in its length.
"""
import re
from collections.abc import Sequence

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf'\s*({_TOKEN})\s*/\s*({_TOKEN})\s*')
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*({_TOKEN}|"(?:[^"\\]|\\.)*")\s*')
_WEIGHT = re.compile(r'(?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})\Z')
_NEXT = re.compile(r'([;,])\s*')


class Accept:
    """A parsed Accept header; ValueError when it is malformed. Empty means anything goes."""

    __slots__ = ('patterns',)

    def __init__(self, header: str):
        self.patterns = _parse(header) if header.strip() else []

    def best_match(self, offers: Sequence[str]) -> str | None:
        """Return the offer (`type/subtype`) that suits best, or None if none does."""
        if not self.patterns:
            return offers[0] if offers else None
        for main, sub in self.patterns:
            for offer in offers:
                offer_main, _, offer_sub = offer.lower().partition('/')
                if main in ('*', offer_main) and sub in ('*', offer_sub):
                    return offer
        return None

    def __repr__(self) -> str:
        return f'Accept({["/".join(pattern) for pattern in self.patterns]!r})'


def _parse(header: str) -> list[tuple[str, str]]:
    found = []
    position = 0
    while True:
        match = _TYPE.match(header, position)
        if not match:
            raise ValueError('Invalid Accept header')
        position = match.end()
        weight, position = _parameters(header, position)
        main, sub = match[1].lower(), match[2].lower()
        found.append((-weight, '*' in (main, sub), main, sub))
        if position == len(header):
            break
        position = _NEXT.match(header, position).end()
    found.sort(key=lambda item: item[:2])
    return [item[2:] for item in found]


def _parameters(header: str, position: int) -> tuple[float, int]:
    """Return the weight, and where the parameters end: at a comma or the end of the header."""
    weight = 1.0
    while position < len(header):
        match = _NEXT.match(header, position)
        if not match:
            raise ValueError('Invalid Accept header')
        if match[1] == ',':
            break
        match = _PARAMETER.match(header, match.end())
        if not match:
            raise ValueError('Invalid Accept header')
        if match[1].lower() == 'q':
            if not _WEIGHT.match(match[2]):
                raise ValueError('Invalid Accept header')
            weight = float(match[2])
        position = match.end()
    return weight, position
