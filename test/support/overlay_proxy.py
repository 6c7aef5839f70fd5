"""A second proxy beside that of an all-in-one cluster, with another pipeline or other options.

    with overlay_proxy(saio, '''
            [pipeline:main]
            pipeline = catch_errors … read_only … proxy-server
            [filter:read_only]
            read_only = true
            ''', folder) as other:
        Client(other.auth_url)…

The text is laid over the configuration of the cluster's own proxy, option by option. Both share
rings, storage servers, memcached and users, so that a container made through one is there in the
other. Filters of the pipeline that this installation has no entry point for are left out.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from configparser import ConfigParser
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from io import StringIO
from pathlib import Path
from textwrap import dedent

from swift.cli.saio import checks
from swift.cli.saio.configs import entry_point
from test.support.saio import CLONE, Saio

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
PIPELINE = 'pipeline:main'


@dataclass(frozen=True)
class OverlayProxy:
    """A running proxy: the URL of its authentication, the names of its pipeline, its log."""

    auth_url: str
    pipeline: tuple[str, ...]
    log: Path


def entry_point_of(name: str, sections: ConfigParser) -> str:
    """Return the entry point of a section of the pipeline: what it says, or what it is called."""
    used = sections.get(f'filter:{name}', 'use', fallback='')
    if '#' in used:
        return used.partition('#')[2]
    return entry_point(name)


def parsed(text: str) -> ConfigParser:
    # [DEFAULT] is a section like the others here: nothing may leak from it into them.
    sections = ConfigParser(default_section='', delimiters=('=',), interpolation=None)
    sections.optionxform = str
    sections.read_string(dedent(text))
    return sections


def overlaid(base: str, overlay: str, known: Collection[str]) -> ConfigParser:
    """Lay one configuration over another; keep the filters whose entry points are `known`."""
    sections = parsed(base)
    sections.read_dict(parsed(overlay))
    *filters, app = sections[PIPELINE]['pipeline'].split()
    kept = [name for name in filters if entry_point_of(name, sections) in known]
    sections[PIPELINE]['pipeline'] = ' '.join([*kept, app])
    for name in kept:
        section = f'filter:{name}'
        if not sections.has_section(section):
            sections.add_section(section)
        if 'use' not in sections[section]:
            sections[section]['use'] = f'egg:swift#{entry_point_of(name, sections)}'
    return sections


def with_filter(saio: Saio, name: str, before: str) -> str:
    """Return an overlay that adds a filter to the cluster's pipeline, left of another one."""
    base = (Path(saio.layout.etc) / 'proxy-server.conf').read_text(encoding='utf-8')
    names = parsed(base)[PIPELINE]['pipeline'].split()
    names.insert(names.index(before), name)
    return f'[{PIPELINE}]\npipeline = {" ".join(names)}\n'


def installed_filters() -> set[str]:
    return {point.name for point in entry_points(group='paste.filter_factory')
            if point.dist is not None and point.dist.name == 'swift'}


@contextlib.contextmanager
def overlay_proxy(saio: Saio, overlay: str, folder: Path) -> Iterator[OverlayProxy]:
    """Run the proxy; `folder` takes its configuration and log."""
    port, log = checks.free_port(), folder / 'proxy.log'
    base = (Path(saio.layout.etc) / 'proxy-server.conf').read_text(encoding='utf-8')
    sections = overlaid(base, overlay, installed_filters())
    sections['DEFAULT'].update(bind_port=str(port), workers='1', log_file=str(log))
    text = StringIO()
    sections.write(text)
    conf = folder / 'proxy-server.conf'
    conf.touch(mode=0o600)
    conf.write_text(text.getvalue(), encoding='utf-8')
    layout = replace(saio.layout, port=port)
    with _running([sys.executable, CLONE / 'bin' / 'swift-proxy-server', conf],
                  saio.environment(), folder) as process:
        _wait_until_listening(process, port, folder)
        names = tuple(sections[PIPELINE]['pipeline'].split())
        yield OverlayProxy(layout.auth_url, names, log)


@contextlib.contextmanager
def _running(argv: list, env: dict[str, str], folder: Path) -> Iterator[subprocess.Popen]:
    with open(folder / 'output', 'wb') as output:
        process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)


def _wait_until_listening(process: subprocess.Popen, port: int, folder: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not checks.is_listening('127.0.0.1', port):
        said = (folder / 'output').read_text(errors='replace')
        assert process.poll() is None, f'the proxy ended with {process.returncode}: {said}'
        assert time.monotonic() < deadline, f'the proxy does not listen: {said}'
        time.sleep(0.05)
