"""A logger that keeps its lines for assertions, and a metrics client that keeps datagrams."""
from swift.common import log


class ListSink:
    """Keeps (priority, text) of every line."""

    def __init__(self):
        self.lines = []

    def send(self, priority, text):
        self.lines.append((priority, text))

    def flush(self):
        pass

    def close(self):
        pass


class RecordingLogger(log.Logger):
    """A real Logger over a list: `lines()` are texts without the server name."""

    def __init__(self, server='test', level=log.DEBUG, **more):
        self.sink = ListSink()
        super().__init__(server, (self.sink,), level, **more)

    def lines(self, level=None):
        """Return the texts of all lines, or of those at one level."""
        start = len(self.server) + 2
        wanted = None if level is None else log.SEVERITIES[level]
        return [text[start:] for priority, text in self.sink.lines
                if wanted is None or priority % 8 == wanted]

    def clear(self):
        """Forget all lines."""
        self.sink.lines.clear()
