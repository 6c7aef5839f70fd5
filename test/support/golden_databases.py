"""The golden databases of test/golden/databases, copied to where a test may write to them.

Data written by OpenStack Swift 2.38.3, see test/golden/README.md.
"""
import json
import os
import shutil
from functools import cache

HERE = os.path.join(os.path.dirname(__file__), '..', 'golden', 'databases')


class Case(dict):
    """One database: what expected.json says of it."""

    @property
    def name(self) -> str:
        return self['case']

    def install(self, devices) -> str:
        """Copy the case's device below `devices`; return the path of its (newest) database."""
        target = os.path.join(devices, self.name)
        shutil.copytree(os.path.join(HERE, 'files', self.name), target)
        directory = os.path.join(devices, self['hash_dir'])
        names = sorted(name for name in os.listdir(directory) if name.endswith('.db'))
        return os.path.join(directory, names[-1])


@cache
def cases(kind: str | None = None) -> tuple[Case, ...]:
    """Return all cases, or those of one kind."""
    found = []
    for name in ('expected.json', 'expected_sharding.json'):
        with open(os.path.join(HERE, name), encoding='utf-8') as source:
            found += [Case(entry) for entry in json.load(source)['databases']]
    return tuple(case for case in found if kind in (None, case['kind']))


def case(name: str) -> Case:
    """Return one case by name."""
    return next(entry for entry in cases() if entry.name == name)
