"""What a profile says, as text, JSON, CSV, spreadsheet or picture (layer 1, pure but for pstats).

A profile is what the standard library keeps: for each function (file, line, name) the number of
primitive calls and of all calls, the seconds in it and the seconds in it and below.
"""
import csv
import io
import json
import pstats
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

SORTS = ('time', 'cumulative', 'calls', 'pcalls', 'name', 'file', 'line', 'nfl', 'module')
COLUMNS = ('ncalls', 'pcalls', 'tottime', 'cumtime', 'file', 'line', 'function')
METRICS = ('nc', 'cc', 'tt', 'ct')
PLOT_WIDTH, PLOT_BAR = 900, 22


@dataclass(frozen=True, slots=True)
class View:
    """What of a profile is shown, and in which order."""

    sort: str = 'time'
    limit: int = 20             # rows; negative = all
    full_paths: bool = False
    only: str = ''              # regular expression over `file:line(function)`


class Row(NamedTuple):
    """One function."""

    ncalls: int
    pcalls: int
    tottime: float
    cumtime: float
    file: str
    line: int
    function: str


def prepared(stats: pstats.Stats, view: View) -> pstats.Stats:
    """Return the profile with its paths cut and its functions in order."""
    if not view.full_paths:
        stats.strip_dirs()
    return stats.sort_stats(view.sort)


def _selection(view: View) -> list:
    chosen: list = [view.only] if view.only else []
    return chosen if view.limit < 0 else [*chosen, view.limit]


def rows(stats: pstats.Stats, view: View) -> list[Row]:
    """Return the functions that a view shows, in its order."""
    prepared(stats, view)
    _width, functions = stats.get_print_list(_selection(view))
    found = []
    for function in functions:
        primitive, calls, own, cumulative, _callers = stats.stats[function]
        found.append(Row(calls, primitive, own, cumulative, *function))
    return found


def as_text(stats: pstats.Stats, view: View) -> bytes:
    """Return the report that Python's own tools print."""
    out = io.StringIO()
    stats.stream = out
    prepared(stats, view).print_stats(*_selection(view))
    return out.getvalue().encode('utf-8', 'surrogateescape')


def as_json(stats: pstats.Stats, view: View) -> bytes:
    shown = [row._asdict() for row in rows(stats, view)]
    return json.dumps({'functions': shown, 'total_calls': stats.total_calls,
                       'primitive_calls': stats.prim_calls, 'total_time': stats.total_tt}).encode()


def as_csv(stats: pstats.Stats, view: View) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(COLUMNS)
    writer.writerows(rows(stats, view))
    return out.getvalue().encode('utf-8', 'surrogateescape')


def as_ods(stats: pstats.Stats, view: View) -> bytes:
    """Return a spreadsheet (OpenDocument)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as ods:
        # Programs look for this file first, and uncompressed.
        ods.writestr('mimetype', ODS_TYPE)
        ods.writestr('META-INF/manifest.xml', _MANIFEST, zipfile.ZIP_DEFLATED)
        ods.writestr('content.xml', _sheet([COLUMNS, *rows(stats, view)]), zipfile.ZIP_DEFLATED)
    return out.getvalue()


ODS_TYPE = 'application/vnd.oasis.opendocument.spreadsheet'
_URN = 'urn:oasis:names:tc:opendocument:xmlns:'
_MANIFEST = (
    f'<?xml version="1.0" encoding="UTF-8"?><m:manifest xmlns:m="{_URN}manifest:1.0">'
    f'<m:file-entry m:full-path="/" m:media-type="{ODS_TYPE}"/>'
    '<m:file-entry m:full-path="content.xml" m:media-type="text/xml"/></m:manifest>')


def _sheet(lines: Iterable[Iterable]) -> str:
    def cell(value: object) -> str:
        kind = (f'o:value-type="float" o:value="{value}"' if isinstance(value, int | float)
                else 'o:value-type="string"')
        return f'<t:table-cell {kind}><x:p>{escape(str(value))}</x:p></t:table-cell>'

    body = ''.join(f'<t:table-row>{"".join(map(cell, line))}</t:table-row>' for line in lines)
    return ('<?xml version="1.0" encoding="UTF-8"?>'
            f'<o:document-content xmlns:o="{_URN}office:1.0" xmlns:t="{_URN}table:1.0" '
            f'xmlns:x="{_URN}text:1.0" o:version="1.2"><o:body><o:spreadsheet>'
            f'<t:table t:name="profile">{body}</t:table></o:spreadsheet></o:body>'
            '</o:document-content>')


def as_bars(stats: pstats.Stats, view: View, metric: str) -> bytes:
    """Return a picture (SVG): a bar for each function shown."""
    shown = rows(stats, view)
    values = [row[METRICS.index(metric)] for row in shown]
    most = max(values, default=0) or 1
    bars = []
    for place, (row, value) in enumerate(zip(shown, values, strict=True)):
        y = place * PLOT_BAR
        name = escape(f'{row.file}:{row.line}({row.function}) {value:.6g}')
        bars.append(f'<rect x="0" y="{y}" width="{PLOT_WIDTH * value / most:.1f}" '
                    f'height="{PLOT_BAR - 4}" fill="#9bd"/><text x="4" y="{y + 14}" '
                    f'font-size="12" font-family="monospace">{name}</text>')
    height = max(1, len(shown)) * PLOT_BAR
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{PLOT_WIDTH}" height="{height}">'
            f'{"".join(bars)}</svg>').encode()


# name -> (content type, extension, function)
FORMATS = {'default': ('text/plain; charset=utf-8', 'txt', as_text),
           'json': ('application/json', 'json', as_json),
           'csv': ('text/csv', 'csv', as_csv), 'ods': (ODS_TYPE, 'ods', as_ods)}
