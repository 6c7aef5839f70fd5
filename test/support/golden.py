"""Golden data of test/golden: bytes and values written by OpenStack Swift 2.38.3."""
import json
from functools import cache
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent / 'golden'


@cache
def golden_json(path):
    """Return a JSON document of the golden data; not to be changed."""
    return json.loads((GOLDEN / path).read_text(encoding='utf-8'))
