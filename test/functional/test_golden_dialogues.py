"""The recorded HTTP dialogues, replayed against the cluster: public API and storage servers.

The recordings and their replay tool are not part of this repository: the environment variable
SWIFT_GOLDEN names the folder that holds `http/replay.py`. Scenarios that cannot pass because a
filter is not there yet stand in `golden_allowed.json`, each with its reason; the list may only
shrink, so an entry that passes is a failure too.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(os.environ.get('SWIFT_GOLDEN', '/nonexistent')) / 'http'
ALLOWED = json.loads((Path(__file__).parent / 'golden_allowed.json').read_text())
# Files of filters that are not there yet. The list may only shrink.
LATER = {
    'e-bulk',
    'e-cname-lookup',
    'e-dlo',
    'e-encryption',
    'e-formpost',
    'e-misc',
    'e-name-check',
    'e-quotas',
    'e-ratelimit',
    'e-read-only',
    'e-remap',
    'e-slo',
    'e-staticweb',
    'e-tempurl',
}
# Everything but the S3 API (g-).
FILES = sorted(
    path
    for path in (GOLDEN / 'scenarios').glob('*.json')
    if not path.name.startswith('g-') and path.stem not in LATER
)

pytestmark = pytest.mark.skipif(
    not FILES, reason='SWIFT_GOLDEN does not name a folder with recorded dialogues'
)


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_golden_dialogue_is_answered_as_recorded(path, saio):
    layout = saio.layout
    backend = ','.join(
        [
            f'{kind}={layout.ip(1)}:{layout.port_of(kind, 1)}'
            for kind in ('object', 'container', 'account')
        ]
        + ['device=sdb1']
    )
    done = subprocess.run(
        [
            sys.executable,
            str(GOLDEN / 'replay.py'),
            '--auth',
            saio.auth_url,
            '--backend',
            backend,
            str(path),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    failed = set(re.findall(r'^FAIL (\S+)', done.stdout, re.M))
    allowed = {title for title in ALLOWED if title.startswith(path.stem + '/')}
    assert failed <= allowed, done.stdout + done.stderr
    assert allowed <= failed, f'passes by now, take it off the list: {allowed - failed}'
    assert done.returncode in (0, 1) and 'passed' in done.stdout, done.stdout + done.stderr
