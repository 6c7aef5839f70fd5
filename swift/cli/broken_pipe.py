"""Ending quietly when the reader of our output has gone, as in ``program | head`` (layer 4)."""
from __future__ import annotations

import os
import sys
from typing import TextIO


def silence(out: TextIO) -> None:
    """Send what is left for ``out`` nowhere, so that flushing it at exit cannot fail again."""
    if out is sys.stdout:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)
