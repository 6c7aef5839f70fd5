"""A body that keeps its connection alive while work is under way, and ends with the result.

Layer 1. Operations that last (bulk, large manifests, copies) have sent their status line before
they know how they end: white space goes out every `pause_s` seconds, then a document
(core.operation_report). The work runs in a green thread of its own, begins with the first read,
and ends with close(), should the client go away.

    Heartbeat(work, pause_s)                        [beat beat ... separator] document
    Heartbeat(work, pause_s, at_once=True)          beat [beat ...] separator document

The environ of the request needs `eventlet.minimum_write_chunk_size` = 0, or the beats are
collected: flushed() sets it. Source: sheet 05 section 1.8.
"""
from collections.abc import Callable, Iterator, Sequence

from swift.common import green
from swift.common.swob import Request, Response
from swift.core.accept import Accept

BLANK = b' '
CHUNK_SIZE = 'eventlet.minimum_write_chunk_size'
REPORT_TYPES = ('text/plain', 'application/json', 'application/xml', 'text/xml')
SEPARATOR = b'\r\n\r\n'
_XML_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_REFUSED_TYPE = 'text/html; charset=UTF-8'


def report_type(env: dict, offered: Sequence[str] = REPORT_TYPES) -> str | None:
    """Return the media type of the report that a request asks for; None if it wants another."""
    try:
        return Accept(env.get('HTTP_ACCEPT', '')).best_match(offered)
    except ValueError:
        return None


def bulk_response(req: Request, media_type: str | None, work: Callable[[], bytes],
                  pause_s: float) -> Response:
    """Return the answer to a bulk operation: 200, white space if it lasts, the report."""
    flushed(req.environ)
    is_xml = (media_type or '').endswith('/xml')
    response = Response(request=req, app_iter=Heartbeat(
        work, pause_s, first_beat=_XML_DECLARATION if is_xml else BLANK, separator=SEPARATOR))
    response.headers['Content-Type'] = media_type or _REFUSED_TYPE
    return response


def flushed(env: dict) -> None:
    """Have every chunk of the answer sent at once."""
    env[CHUNK_SIZE] = 0


class Heartbeat:
    """See the module docstring. What `work` raises, reading raises."""

    def __init__(self, work: Callable[[], bytes], pause_s: float, *, at_once: bool = False,
                 first_beat: bytes = BLANK, separator: bytes = b'',
                 on_close: Callable[[], None] | None = None):
        self._work = work
        self._pause_s = pause_s
        self._beat = first_beat
        self._separator = separator
        self._on_close = on_close
        self._owes_beat = at_once
        self._has_beaten = False
        self._outcome = green.Queue()
        self._task = None
        self._reported = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._reported:
            raise StopIteration
        if self._task is None:
            self._task = green.spawn(self._run)
        if self._owes_beat:
            self._owes_beat = False
            return self._next_beat()
        try:
            document, problem = self._outcome.get(timeout=self._pause_s)
        except green.QueueEmpty:
            return self._next_beat()
        self._reported = True
        if problem is not None:
            raise problem
        return self._separator + document if self._has_beaten else document

    def _next_beat(self) -> bytes:
        self._has_beaten = True
        beat, self._beat = self._beat, BLANK
        return beat

    def _run(self) -> None:
        try:
            outcome = self._work(), None
        except (Exception, green.Timeout) as problem:
            # Not handled here: handed to whoever reads the body, which is the request's own thread.
            outcome = b'', problem
        self._outcome.put(outcome)

    def close(self) -> None:
        """Give up what is under way."""
        if self._task is not None:
            self._task.kill()
        if self._on_close is not None:
            self._on_close()
