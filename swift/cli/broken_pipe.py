"""Ending quietly when the reader of our output has gone, as in ``program | head`` (layer 4).

A program that only shows something is done then: ``ends_quietly``. One that does something goes
on to the end without a word: ``say``.
"""
from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import TextIO


def silence(out: TextIO) -> None:
    """Send what is left for ``out`` nowhere, so that flushing it at exit cannot fail again."""
    if out is sys.stdout:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)


def say(text: str) -> None:
    """Print a line at once, to whoever still reads."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        silence(sys.stdout)


def ends_quietly(program: Callable[..., int]) -> Callable[..., int]:
    """Decorate a program that returns its exit code: 0 when its reader has gone."""
    @functools.wraps(program)
    def run(*args, **named) -> int:
        try:
            code = program(*args, **named)
            sys.stdout.flush()
        except BrokenPipeError:
            silence(sys.stdout)
            return 0
        return code
    return run
