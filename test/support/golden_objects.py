"""Object directories written by other nodes: restore them, and replay what made them."""
import base64
import json
import os
import shutil
from functools import cache
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parent.parent / 'golden'


@cache
def load(area: str, name: str = 'expected.json'):
    return json.loads((GOLDEN / area / name).read_text())


def cases() -> dict[str, dict]:
    """Return the object cases by name."""
    return {case['case']: case for case in load('objects')['cases']}


def restore(area: str, top: str, devices: Path) -> None:
    """Copy the files below ``files/<top>`` to a devices folder, extended attributes included.

    Skips the test where the file system has no room for them.
    """
    shutil.copytree(GOLDEN / area / 'files' / top, devices / top)
    for path, attributes in load(area, 'xattrs.json').items():
        if not path.startswith(top + '/'):
            continue
        for key, value in attributes.items():
            try:
                os.setxattr(devices / path, key, base64.b64decode(value))
            except OSError as error:
                pytest.skip('no room for extended attributes here: %s' % error)


def blob(area: str, path: str) -> bytes:
    """Return the metadata blob of a golden file."""
    attributes = load(area, 'xattrs.json')[path]
    keys = sorted((key for key in attributes if not key.endswith('_checksum')), key=len)
    return b''.join(base64.b64decode(attributes[key]) for key in keys)
