"""Style of the web pages of containers.

Layer 0, text. The plain styles are those that programs have always got. The others are for
browsers: one column that fits a phone, sizes and dates below the names there; light or dark as the
reader has it; symbols drawn by the style alone, so that the rows stay as they are. Nothing is
loaded from anywhere.
"""

PLAIN_STYLE = '''\
  <style type="text/css">
   h1 {font-size: 1em; font-weight: bold;}
   th {text-align: left; padding: 0px 1em 0px 1em;}
   td {padding: 0px 1em 0px 1em;}
   a {text-decoration: none;}
  </style>
'''
DISABLED_STYLE = '''\
  <style type="text/css">
   h1 {font-size: 1em; font-weight: bold;}
   p {font-size: 2}
  </style>
'''


def _drawing(shapes: str) -> str:
    """Return an image of lines in a square of 24, to be used as a mask."""
    return ("url(\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' "
            "viewBox='0 0 24 24' fill='none' stroke='black' stroke-width='1.8' "
            f"stroke-linecap='round' stroke-linejoin='round'%3E{shapes}%3C/svg%3E\")")


def _path(data: str) -> str:
    return f"%3Cpath d='{data}'/%3E"


def _circle(x: str, y: str, radius: str) -> str:
    return f"%3Ccircle cx='{x}' cy='{y}' r='{radius}'/%3E"


_SHEET = 'M6 3h8l5 5v13H6zM14 3v5h5'
_DRAWINGS = {
    'file': _path(_SHEET),
    'text': _path(_SHEET + 'M9 13h6M9 17h6'),
    'folder': _path('M3 6h6l2 2h10v11H3z').replace('path', "path fill='black'"),
    'image': _path('M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4') + _circle('15.5', '9', '1.2'),
    'audio': _path('M9 18V6l11-2v12') + _circle('6.5', '18', '2.5') + _circle('17.5', '16', '2.5'),
    'video': _path('M3 6h12v12H3zM15 11l6-3v8l-6-3'),
    'up': _path('M12 19V5M6 11l6-6 6 6'),
    'down': _path('M12 5v14M6 13l6 6 6-6'),
}

_START = '''\
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <style>
   :root {
    color-scheme: light dark;
    --page: #f4f5f7; --sheet: #fff; --text: #1c2430; --quiet: #5b6675; --line: #e4e7ec;
    --link: #0b57c4; --hover: #f0f4fb; --folder: #c98a10;
   }
   @media (prefers-color-scheme: dark) {
    :root {
     --page: #14171c; --sheet: #1d2129; --text: #e4e8ee; --quiet: #9aa5b4; --line: #2c323c;
     --link: #8ab8ff; --hover: #262c37; --folder: #e2b04a;
    }
   }
   * {box-sizing: border-box;}
   body {
    margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 64rem;
    background: var(--page); color: var(--text);
    font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
   }
   h1 {
    margin: 0 0 1.25rem; font-size: 1.25rem; line-height: 1.35; font-weight: 600;
    overflow-wrap: anywhere;
   }
'''
_TABLE = '''\
   table {
    width: 100%; border-collapse: separate; border-spacing: 0; overflow: hidden;
    background: var(--sheet); border: 1px solid var(--line); border-radius: .75rem;
   }
   th, td {padding: .6rem 1rem; text-align: left;}
   td {border-top: 1px solid var(--line);}
   .colname {width: 100%; overflow-wrap: anywhere;}
   .colsize, .coldate {
    white-space: nowrap; color: var(--quiet); font-size: .875rem;
    font-variant-numeric: tabular-nums;
   }
   .colsize {text-align: right;}
   tr th {color: var(--quiet); font-size: .8125rem; font-weight: 600;}
   td.colname {padding: 0;}
   td.colname a {
    display: flex; align-items: center; gap: .75rem; padding: .6rem 1rem;
    color: var(--link); text-decoration: none;
   }
   td.colname a::before {
    content: ""; flex: none; width: 1.25rem; height: 1.25rem; background: var(--quiet);
    mask: var(--drawing) center / contain no-repeat;
   }
   tr.item:hover {background: var(--hover);}
   a:hover {text-decoration: underline;}
   a:focus-visible {outline: 2px solid var(--link); outline-offset: -2px; border-radius: .5rem;}
   tr.subdir a::before {background: var(--folder);}
   #listing:not(:has(.item)) {display: block;}
   #listing:not(:has(.item)) #heading {display: none;}
   #listing:not(:has(.item))::after {
    content: "Nothing here yet"; display: block; padding: 2.5rem 1rem; color: var(--quiet);
    text-align: center;
   }
   @media (max-width: 40rem) {
    body {padding: 1.25rem .75rem 3rem;}
    h1 {margin: 0 .25rem 1rem; font-size: 1.0625rem;}
    #heading {display: none;}
    table, tbody {display: block;}
    tr {display: flex; flex-wrap: wrap; align-items: baseline; position: relative;}
    tr + tr.item {border-top: 1px solid var(--line);}
    #heading + tr.item {border-top: 0;}
    td {border: 0;}
    td.colname {flex: 1 0 100%;}
    td.colname a {min-height: 3rem; padding: .625rem 1rem;}
    td.colname a::after {content: ""; position: absolute; inset: 0;}
    tr:not(.subdir, #parent, #more) td.colname a {align-items: start; padding-bottom: 1.75rem;}
    tr:not(.subdir, #parent, #more) td.colname a::before {margin-top: .125rem;}
    td.colsize, td.coldate {
     padding: 0 0 .625rem; margin-top: -1.5rem; font-size: .8125rem; pointer-events: none;
    }
    td.colsize {margin-left: 3rem;}
    td.coldate::before {content: "\\b7"; margin: 0 .5em;}
    .subdir .colsize, .subdir .coldate, #parent .colsize, #parent .coldate,
    #more .colsize, #more .coldate {display: none;}
   }
'''
_SYMBOLS = (('tr.item', 'file'), ('tr.type-text', 'text'), ('tr.type-image', 'image'),
            ('tr.type-audio', 'audio'), ('tr.type-video', 'video'), ('tr.subdir', 'folder'),
            ('#parent', 'up'), ('#more', 'down'))
_DISABLED = '''\
   body {max-width: 40rem;}
   h1:not(:first-child) {margin-top: 2rem;}
   p {color: var(--quiet);}
'''
_END = '  </style>\n'

BROWSER_STYLE = ''.join([
    _START, _TABLE,
    *(f'   {rows} {{--drawing: {_drawing(_DRAWINGS[name])};}}\n' for rows, name in _SYMBOLS),
    _END])
BROWSER_DISABLED_STYLE = _START + _DISABLED + _END
