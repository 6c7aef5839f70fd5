"""The host's erasure code library behind one door (layer 1).

Imported lazily by everybody: the library costs memory that only EC policies should pay. It tells
which codes work on this host and makes drivers; core/policy.py decides what a policy may be.
"""
from __future__ import annotations

from functools import cached_property


class HostErasure:
    """What this host can encode. Satisfies swift.core.policy.ErasureSupport."""

    @cached_property
    def available(self) -> tuple[str, ...]:
        """The codes whose libraries are installed, in alphabetical order."""
        try:
            from pyeclib.ec_iface import VALID_EC_TYPES
        except ImportError:
            return ()
        return tuple(sorted(VALID_EC_TYPES))

    def min_parity_needed(self, ec_type: str, data: int, parity: int) -> int:
        """Return how many parity fragments a PUT needs at least; ValueError if unusable."""
        return int(self.driver(ec_type, data, parity).min_parity_fragments_needed())

    def driver(self, ec_type: str, data: int, parity: int):
        """Return an encoder. Encoding and decoding block: call them in native threads."""
        from pyeclib.ec_iface import ECDriver, ECDriverError
        try:
            return ECDriver(k=data, m=parity, ec_type=ec_type)
        except ECDriverError as problem:
            raise ValueError(str(problem)) from problem


HOST = HostErasure()
