"""Runs the `swift` command, ours and the published one, and makes their output comparable.

Two runs of the same command differ in times, transactions, tokens, and in the order in which
parallel jobs end. `comparable` replaces the first three; the last is the caller's to sort.
"""
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CLONE = Path(__file__).resolve().parents[2]
OURS = (sys.executable, str(CLONE / 'bin/swift'))

_VARYING = (
    (re.compile(r'tx[0-9a-f]{21}-[0-9a-f]{10}[^\s)\']*'), '<txn>'),
    (re.compile(r'AUTH_tk[0-9a-f]+'), '<token>'),
    (re.compile(r'\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?'), '<when>'),
    (re.compile(r'\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT'), '<when>'),
    (re.compile(r'\b\d{10}\.\d{5,6}\b'), '<stamp>'),
    (re.compile(r'\[auth \d.*?(MB/s|pseudo)\]'), '[<times>]'),
    (re.compile(r'Manifest-Etag: [0-9a-f]{32}'), 'Manifest-Etag: <of a list of names>'),
    (re.compile(r'temp_url_(sig|expires)=[0-9a-f]+'), r'temp_url_\1=<signed>'),
)


def published_command() -> tuple[str, ...] | None:
    """Return the published `swift` (.testenv keeps it in an environment of its own), or None."""
    folder = os.environ.get('SWIFT_TEST_CLIENTS', str(CLONE / '.venv/clients'))
    program = Path(folder) / 'bin/swift'
    return (str(program),) if program.exists() else None


@dataclass(frozen=True)
class Run:
    """What one run of a command printed, and its exit status."""

    status: int
    out: str
    err: str

    def comparable(self, names: dict[str, str] | None = None) -> tuple[int, str, str]:
        return self.status, comparable(self.out, names), comparable(self.err, names)


def comparable(text: str, names: dict[str, str] | None = None) -> str:
    """Return `text` with everything replaced that two equal runs need not have in common."""
    for own, common in (names or {}).items():
        text = text.replace(own, common)
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


def run(program: tuple[str, ...], *words: str, cwd: Path, auth_url: str | None = None,
        stdin: bytes = b'', timeout_s: float = 120, **environment: str) -> Run:
    """Run a command in `cwd` as test:tester, with nothing else of our environment."""
    kept = {name: os.environ[name] for name in ('PATH', 'HOME', 'LANG', 'LC_ALL')
            if name in os.environ}
    login = {'ST_AUTH': auth_url, 'ST_USER': 'test:tester', 'ST_KEY': 'testing'} \
        if auth_url else {}
    # The published program must find its own package, not ours of the same name.
    ours = {'PYTHONPATH': str(CLONE)} if program == OURS else {}
    done = subprocess.run(
        [*program, *words], cwd=cwd, env={**kept, **ours, **login, **environment},
        input=stdin, capture_output=True, timeout=timeout_s, check=False)
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())
