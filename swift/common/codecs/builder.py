"""Builder files: a pickle of one dict, read without running anything and written byte for byte.

Layer 1. Pickle, protocol 2, is what other tools of a cluster read and write, so it stays; the
reader admits dicts, lists, tuples, numbers, text and the single global ``array.array``.

    {part_power, next_part_power, replicas, min_part_hours, parts, devs: [{...} | None],
     devs_changed, dev_id_bytes, version, overload, _replica2part2dev: None | [array H or I],
     _last_part_moves_epoch, _last_part_moves: array B, _last_part_gather_start,
     _dispersion_graph: {tier: [count]}, dispersion, _remove_devs: [{...}], id}

Invariant: dump(load(x)) == x for files written by this code or by the original, also where
objects are shared (devices to be removed are the same dicts as in ``devs``).
Source: sheet 01 section 8.
"""
from __future__ import annotations

import io
import pickle
from array import array
from collections.abc import Mapping

PROTOCOL = 2
# Required to make sense of a builder; all others have defaults.
REQUIRED = {'part_power': int, 'replicas': (int, float), 'min_part_hours': int, 'devs': list}
_ARRAY_CODES = frozenset('BHIL')


class NotABuilder(ValueError):
    """The bytes are no builder file."""


def load(content: bytes) -> dict[str, object]:
    """Return the dict of a builder file; NotABuilder if the bytes are anything else."""
    try:
        state = _Reader(io.BytesIO(content), encoding='utf-8').load()
    except Exception as problem:
        # The unpickler answers foreign bytes with nearly any exception there is.
        raise NotABuilder(f'{type(problem).__name__}: {problem}') from problem
    if not isinstance(state, dict):
        raise NotABuilder(f'a pickled {type(state).__name__}')
    for key, kind in REQUIRED.items():
        if not isinstance(state.get(key), kind):
            raise NotABuilder(f'no usable {key}')
    if not all(dev is None or isinstance(dev, dict) for dev in state['devs']):
        raise NotABuilder('a device that is no dict')
    return state


def dump(state: Mapping[str, object]) -> bytes:
    """Return the bytes of a builder file."""
    return pickle.dumps(state, protocol=PROTOCOL)


class _Reader(pickle.Unpickler):
    """Admits arrays of numbers and nothing else that has a name."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) != ('array', 'array'):
            raise pickle.UnpicklingError(f'{module}.{name} has no place in a builder file')
        return _number_array

    def persistent_load(self, _pid: object) -> object:
        raise pickle.UnpicklingError('persistent objects have no place in a builder file')


def _number_array(code: str, values: object = ()) -> array:
    if code not in _ARRAY_CODES:
        raise pickle.UnpicklingError(f'array of {code!r}')
    return array(code, values)
