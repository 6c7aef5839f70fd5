"""xprofile: where the time of requests goes, for developers.

Layer 2, anywhere; in storage servers too. Every request is profiled, which makes it several times
slower, and the pages below are open to everybody: not for production.

    /__profile__                     a page with a form; its fields are those below
    /__profile__/                    {"profile_ids": [...]}
    /__profile__/current|all|<id>[/<file:line(function)>]?format=default|json|csv|ods
    sort, limit, fulldirs, nfl_filter    what is shown;  metric=nc|cc|tt|ct with plot
    profile, download, plot, clear       what is done with the form, POSTed

Each process writes what it has gathered to <log_filename_prefix><pid> every dump_interval seconds
(and never over it with dump_timestamp); pages show those files, of all processes. Source: sheet 05
§25.3. Plots are bars (SVG), whatever plottype says.
"""
import atexit
import glob
import importlib
import json
import marshal
import os
import pstats
import re
from collections.abc import Callable, Iterable
from html import escape

from swift.common.clock import SYSTEM, Clock
from swift.common.config.options import Bool, Options, Seconds, Text
from swift.common.errors import ConfigError
from swift.common.log import Logger
from swift.common.profile_report import FORMATS, METRICS, SORTS, View, as_bars
from swift.common.sections import read_section
from swift.common.swob import (
    HTTPBadRequest,
    HTTPException,
    HTTPMethodNotAllowed,
    HTTPNotFound,
    Request,
    Response,
    close_if_possible,
    wsgi_to_str,
)

CURRENT, ALL = 'current', 'all'
FORM_BYTES_MAX = 65536
ID = re.compile(r'\d+(-\d+)?\Z')
FORM = ('profile', 'download', 'plot', 'clear', 'sort', 'limit', 'fulldirs', 'nfl_filter',
        'metric', 'plottype', 'format')


class XProfileOptions(Options, section='filter:xprofile'):
    """Profiling of every request, for development."""

    profile_module = Text('eventlet.green.profile', 'Module of the profiler: cProfile, profile or '
                                                    'eventlet.green.profile.')
    log_filename_prefix = Text('/tmp/log/swift/profile/default.profile',
                               'Start of the names of the files that profiles are written to.')
    dump_interval = Seconds(5, 'How often a process writes its profile.')
    dump_timestamp = Bool(False, 'Keep what was written before; each file has its time.')
    path = Text('__profile__', 'Path of the pages.')
    flush_at_shutdown = Bool(False, 'Remove the files of a process when it ends.')
    unwind = Bool(False, 'Read the whole answer while it is profiled.')


class Profiles:
    """The files of all processes with one prefix."""

    def __init__(self, prefix: str, keeps_all: bool):
        self._prefix = prefix
        self._keeps_all = keeps_all
        os.makedirs(os.path.dirname(prefix) or '.', exist_ok=True)

    def write(self, stats: dict, now: float) -> None:
        """Write the profile of this process."""
        name = f'{self._prefix}{os.getpid()}' + (f'-{int(now * 1000)}' if self._keeps_all else '')
        with open(f'{name}.tmp', 'wb') as stream:
            marshal.dump(stats, stream)
        os.replace(f'{name}.tmp', name)

    def ids(self) -> list[str]:
        start = len(self._prefix)
        return sorted(name[start:] for name in glob.glob(glob.escape(self._prefix) + '*')
                      if ID.match(name[start:]))

    def chosen(self, which: str) -> list[str]:
        """Return the ids that a word of a path stands for; maybe none."""
        ids = self.ids()
        if which == ALL:
            return ids
        own = str(os.getpid()) if which == CURRENT else which
        return [id_ for id_ in ids if id_ == which or id_.partition('-')[0] == own]

    def read(self, which: str) -> pstats.Stats | None:
        """Return the sum of profiles, None if there are none."""
        paths = [self._prefix + id_ for id_ in self.chosen(which)]
        return pstats.Stats(*paths) if paths else None

    def remove(self, which: str) -> None:
        for id_ in self.chosen(which):
            os.unlink(self._prefix + id_)


class XProfile:
    """The filter; see the module docstring. One per process."""

    def __init__(self, app: Callable, options: XProfileOptions, logger: Logger, *,
                 clock: Clock = SYSTEM):
        """Raises ConfigError."""
        self.app = app
        self.logger = logger
        self._clock = clock
        self._options = options
        self._path = '/' + options.path.strip('/')
        self.profiles = Profiles(options.log_filename_prefix, options.dump_timestamp)
        try:
            self._make = importlib.import_module(options.profile_module).Profile
        except (ImportError, AttributeError) as problem:
            raise ConfigError(f'[filter:xprofile]: profile_module {options.profile_module}: '
                              f'{problem}')
        self._profiler = None
        self._dump_at = 0.0
        if options.flush_at_shutdown:
            atexit.register(self.profiles.remove, CURRENT)

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        path = env['PATH_INFO']
        if path == self._path or path.startswith(self._path + '/'):
            req = Request(env)
            try:
                answer = self._page(req, path[len(self._path):])
            except HTTPException as refusal:
                answer = refusal
            return answer(env, start_response)
        # Made here: a profiler from before the fork would be everybody's.
        if self._profiler is None:
            self._profiler = self._make()
        try:
            return self._profiler.runcall(self._serve, env, start_response)
        finally:
            self._dump()

    def _serve(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        body = self.app(env, start_response)
        if not self._options.unwind:
            return body
        try:
            return list(body)
        finally:
            close_if_possible(body)

    def _dump(self) -> None:
        now = self._clock.time()
        if now < self._dump_at:
            return
        self._dump_at = now + self._options.dump_interval
        self._profiler.create_stats()
        try:
            self.profiles.write(self._profiler.stats, now)
        except OSError as problem:
            self.logger.error('Cannot write a profile: %s', problem)

    # -- pages -----------------------------------------------------------------------------------

    def _page(self, req: Request, rest: str) -> Response:
        if rest == '':
            if req.method not in ('GET', 'POST'):
                raise HTTPMethodNotAllowed(request=req, headers={'Allow': 'GET, POST'})
            return self._index(req)
        if req.method != 'GET':
            raise HTTPMethodNotAllowed(request=req, headers={'Allow': 'GET'})
        which, _slash, function = rest[1:].partition('/')
        if which == 'favicon.ico':
            return Response(request=req, body=b'', content_type='image/x-icon')
        if not which:
            return Response(request=req, content_type='application/json',
                            body=json.dumps({'profile_ids': self.profiles.ids()}))
        return self._data(req, which, parameters(req), re.escape(wsgi_to_str(function)))

    def _data(self, req: Request, which: str, given: dict[str, str], only: str = '') -> Response:
        """Return profiles in a format."""
        kind = given.get('format') or 'default'
        if kind not in FORMATS:
            raise HTTPBadRequest(request=req, body=f'Unknown format {kind!r}')
        content_type, _extension, render = FORMATS[kind]
        body = render(self._stats(req, which), view_of(req, given, only))
        return Response(request=req, body=body, content_type=content_type)

    def _stats(self, req: Request, which: str) -> pstats.Stats:
        try:
            stats = self.profiles.read(which)
        except (OSError, ValueError, EOFError, TypeError) as problem:
            self.logger.error('Cannot read profile %s: %s', which, problem)
            stats = None
        if stats is None:
            raise HTTPNotFound(request=req, body=f'No profile {which}', content_type='text/plain')
        return stats

    def _index(self, req: Request) -> Response:
        """Do what the form asks for; the page itself if that is all."""
        given = parameters(req)
        which = given.get('profile') or CURRENT
        if req.method == 'POST' and 'clear' in given:
            self.profiles.remove(which)
        elif 'download' in given:
            answer = self._data(req, which, given)
            extension = FORMATS[given.get('format') or 'default'][1]
            answer.headers['Content-Disposition'] = f'attachment; filename="profile.{extension}"'
            return answer
        elif 'plot' in given:
            metric = given.get('metric') or 'nc'
            if metric not in METRICS:
                raise HTTPBadRequest(request=req, body=f'Unknown metric {metric!r}')
            picture = as_bars(self._stats(req, which), view_of(req, given), metric)
            return Response(request=req, body=picture, content_type='image/svg+xml')
        report = b'no profile yet'
        if self.profiles.chosen(which):
            report = FORMATS['default'][2](self._stats(req, which), view_of(req, given))
        page = index_page(self._path, self.profiles.ids(), given,
                          report.decode('utf-8', 'replace'))
        return Response(request=req, body=page, content_type='text/html; charset=utf-8')


def parameters(req: Request) -> dict[str, str]:
    """Return the parameters of the query and of a form."""
    given = {name: wsgi_to_str(value) for name, value in req.params.items()}
    if req.method == 'POST' and (req.content_length or 0) <= FORM_BYTES_MAX:
        form = Request.blank('/?' + req.body.decode('latin-1'))
        given.update((name, wsgi_to_str(value)) for name, value in form.params.items())
    return {name: value for name, value in given.items() if name in FORM}


def view_of(req: Request, given: dict[str, str], only: str = '') -> View:
    """Return the view that parameters ask for. Raises HTTPBadRequest."""
    sort, limit = given.get('sort') or 'time', given.get('limit') or '-1'
    only = only or given.get('nfl_filter', '')
    try:
        if sort not in SORTS:
            raise ValueError(f'Unknown sort {sort!r}')
        re.compile(only)
        return View(sort, int(limit), bool(given.get('fulldirs')), only)
    except (ValueError, re.error) as problem:
        raise HTTPBadRequest(request=req, body=str(problem), content_type='text/plain')


def index_page(path: str, ids: Iterable[str], given: dict[str, str], report: str) -> str:
    """Return the page with the form."""
    def select(name: str, choices: Iterable[str]) -> str:
        options = ''.join(
            f'<option{" selected" if given.get(name) == choice else ""}>{escape(choice)}</option>'
            for choice in choices)
        return f'<label>{name} <select name="{name}">{options}</select></label> '

    def text(name: str) -> str:
        return (f'<label>{name} <input name="{name}" size="8" '
                f'value="{escape(given.get(name, ""))}"></label> ')

    fields = (select('profile', (CURRENT, ALL, *ids)) + select('sort', SORTS) + text('limit')
              + text('nfl_filter') + '<label>fulldirs <input type="checkbox" name="fulldirs"'
              + f'{" checked" if given.get("fulldirs") else ""}></label> '
              + select('format', FORMATS) + select('metric', METRICS))
    buttons = ''.join(f'<button name="{name}" value="1">{name}</button> '
                      for name in ('query', 'download', 'plot', 'clear'))
    return (f'<!DOCTYPE html><html><head><title>profile</title></head><body>'
            f'<form method="post" action="{escape(path)}">{fields}{buttons}</form>'
            f'<pre>{escape(report)}</pre></body></html>')


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#xprofile`."""
    section = read_section(XProfileOptions, global_conf, local_conf, 'xprofile')
    return lambda app: XProfile(app, section.options, section.logger)
