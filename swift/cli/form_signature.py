"""swift-form-signature: sign an upload form for the formpost filter, and print one (layer 4).

    swift-form-signature [--digest NAME] PATH REDIRECT MAX_FILE_SIZE MAX_FILE_COUNT SECONDS KEY

PATH is /v1/account/container[/prefix] as it will be in the form's action, before quoting; REDIRECT
may be empty. Prints the expiry, the signature and an HTML form. Exit codes: 0, or 1 with the reason
on standard error. Source: sheet 07 section 14, sheet 05 section 19.2.
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from html import escape
from typing import TextIO
from urllib.parse import quote

from swift.common.clock import SYSTEM, Clock
from swift.core.names import split_path
from swift.core.tempurl_sig import DIGESTS, form_message, sign

DESCRIPTION = 'Sign a form by which people without an account upload files.'
# The number that a value must reach, and what is said when it does not.
LEAST = {
    'max_file_size': (0, 'a <max_file_size> value greater than or equal to 0'),
    'max_file_count': (1, 'a positive <max_file_count> value'),
    'seconds': (1, 'a positive <seconds> value'),
}
HIDDEN = ('redirect', 'max_file_size', 'max_file_count', 'expires', 'signature')


class Parser(argparse.ArgumentParser):
    """Ends with exit code 1 for a wrong command line, as scripts expect of this program."""

    def error(self, message: str) -> None:
        self.print_usage(sys.stderr)
        self.exit(1, f'{self.prog}: {message}\n')


def parser() -> Parser:
    made = Parser(prog='swift-form-signature', description=DESCRIPTION)
    made.add_argument('--digest', choices=DIGESTS, default='sha1',
                      help='digest to sign with; the cluster must allow it (default: %(default)s)')
    for name, text in (
            ('path', 'where files go: /v1/account/container[/prefix]'),
            ('redirect', 'URL that browsers are sent to afterwards, or an empty text'),
            ('max_file_size', 'largest file, in bytes'),
            ('max_file_count', 'number of files of one upload'),
            ('seconds', 'how long the form can be used'),
            ('key', 'Temp-URL-Key of the account or container')):
        made.add_argument(name, help=text)
    return made


def problem(args: argparse.Namespace) -> str | None:
    """Return what is wrong with the values, or None."""
    for name, (least, wanted) in LEAST.items():
        text = getattr(args, name)
        if not text.isascii() or not text.removeprefix('-').isdigit() or int(text) < least:
            return f'Please use {wanted}.'
    try:
        split_path(args.path, 3, 4, True)
    except ValueError:
        return '<path> must point to a container at least.'
    return None


def form(path: str, fields: dict[str, str], file_count: int) -> str:
    """Return an HTML form with these fields and that many files."""
    # Names of objects are UTF-8, whatever the page is that the form is pasted into.
    lines = ['<form action="%s"' % escape(quote(path)), '      method="POST"',
             '      accept-charset="UTF-8"', '      enctype="multipart/form-data">']
    lines += ['  <input type="hidden" name="%s" value="%s" />' % (name, escape(fields[name]))
              for name in HIDDEN]
    lines += ['  <input type="file" name="file%d" /><br />' % number
              for number in range(1, file_count + 1)]
    return '\n'.join([*lines, '  <input type="submit" />', '</form>'])


# A form may allow thousands of files; nobody wants as many inputs.
SHOWN_INPUTS_MAX = 10


def main(argv: Sequence[str] | None = None, out: TextIO | None = None,
         clock: Clock = SYSTEM) -> int:
    """Run the program; return its exit code."""
    args = parser().parse_args(argv)
    complaint = problem(args)
    if complaint:
        print(complaint, file=sys.stderr)
        return 1
    fields = {'redirect': args.redirect, 'max_file_size': args.max_file_size,
              'max_file_count': args.max_file_count,
              'expires': str(int(clock.time()) + int(args.seconds))}
    encoded = {name: value.encode('utf-8', 'surrogateescape') for name, value in fields.items()}
    message = form_message(args.path.encode('utf-8', 'surrogateescape'), encoded)
    fields['signature'] = sign(args.key, message, args.digest)
    inputs = min(int(args.max_file_count), SHOWN_INPUTS_MAX)
    print(f'  Expires: {fields["expires"]}\nSignature: {fields["signature"]}\n\n'
          + form(args.path, fields, inputs), file=out or sys.stdout)
    return 0
