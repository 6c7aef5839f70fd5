"""The recorded HTTP dialogues, replayed against the cluster: public API and storage servers.

The recordings and their replay tool are not part of this repository: the environment variable
SWIFT_GOLDEN names the folder that holds `http/replay.py`. Most were made with the standard
pipeline; those of OTHER are replayed against a second proxy, whose configuration is
`http/pipelines/NAME.conf` laid over that of the cluster. Scenarios that cannot pass because a
filter is not there yet stand in `golden_allowed.json`, each with its reason; the list may only
shrink, so an entry that passes is a failure too.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from test.support.overlay_proxy import overlay_proxy

GOLDEN = Path(os.environ.get('SWIFT_GOLDEN', '/nonexistent')) / 'http'
ALLOWED = json.loads((Path(__file__).parent / 'golden_allowed.json').read_text())
# Files of filters that are not there yet. The list may only shrink.
LATER = {'e-encryption'}
# Files recorded with another pipeline: its name, and what replay.py is told with --pipeline
# because /info does not show it.
OTHER = {
    'e-cname-lookup': ('strict', ''),
    'e-encryption': ('encryption', 'encryption'),
    'e-formpost': ('extra', ''),
    'e-name-check': ('strict', ''),
    'e-ratelimit': ('strict', 'ratelimit'),
    'e-read-only': ('read-only', ''),
    'e-remap': ('extra', ''),
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


@pytest.fixture(scope='module', autouse=True)
def without_reports(saio):
    """The recorded server ran no daemons; the totals of accounts show whether an updater does."""
    assert saio.swift_init('container-updater', 'stop').returncode == 0
    yield
    assert saio.swift_init('container-updater', 'start', '--share-memory').returncode == 0


@pytest.fixture(scope='module')
def other_auth_url(saio, tmp_path_factory):
    """other_auth_url(name) -> URL of the authentication of the proxy with that pipeline."""
    running: dict[str, str] = {}
    with contextlib.ExitStack() as stack:

        def auth_url(name: str) -> str:
            if name not in running:
                overlay = (GOLDEN / 'pipelines' / f'{name}.conf').read_text()
                folder = tmp_path_factory.mktemp(name)
                running[name] = stack.enter_context(overlay_proxy(saio, overlay, folder)).auth_url
            return running[name]

        yield auth_url


def backends(layout) -> str:
    return ','.join(
        [
            f'{kind}={layout.ip(1)}:{layout.port_of(kind, 1)}'
            for kind in ('object', 'container', 'account')
        ]
        + ['device=sdb1']
    )


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_golden_dialogue_is_answered_as_recorded(path, saio, other_auth_url):
    pipeline, told = OTHER.get(path.stem, ('', ''))
    done = subprocess.run(
        [
            sys.executable,
            str(GOLDEN / 'replay.py'),
            '--auth',
            other_auth_url(pipeline) if pipeline else saio.auth_url,
            '--backend',
            backends(saio.layout),
            '--pipeline',
            told,
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
    counts = re.search(r'^(\d+) passed, (\d+) failed', done.stdout, re.M)
    assert done.returncode in (0, 1) and counts, done.stdout + done.stderr
    assert counts[1] != '0' or failed, f'nothing was replayed: {done.stdout}'
