"""The golden rings and builders of test/golden/rings and what is expected of them."""
import json
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent.parent / 'golden' / 'rings'


@cache
def cases() -> dict:
    """Return the expectations by case name."""
    return json.loads((FOLDER / 'expected.json').read_text())['cases']


def ring_files() -> list[str]:
    """Return the relative paths of all golden ring files."""
    return sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob('*/v*/*.ring.gz'))


def builder_files() -> list[str]:
    """Return the relative paths of all golden builder files."""
    return sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob('*/*.builder'))


def expected_of(relative_path: str) -> dict:
    """Return what is expected of the content of a ring file; both formats hold the same."""
    rings = cases()[relative_path.split('/')[0]]['rings']
    return rings.get('v1') or rings['v2']
