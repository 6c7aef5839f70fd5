"""The line that says how far a long pass is."""
import io

from swift.cli.progress import Progress
from swift.common.clock import ManualClock


class Terminal(io.StringIO):
    def isatty(self):
        return True


def steps(out, total=None):
    clock = ManualClock()
    with Progress('Objects', total, out=out, clock=clock) as progress:
        for _turn in range(4):
            clock.advance(0.3)
            progress.step()
    return out.getvalue()


def test_terminal_sees_a_line_written_over_itself_and_none_at_the_end():
    assert steps(Terminal(), 4) == (
        '\r\x1b[KObjects: 2 of 4 (50%)\r\x1b[KObjects: 4 of 4 (100%)\r\x1b[K')


def test_unknown_total():
    assert steps(Terminal()) == '\r\x1b[KObjects: 2\r\x1b[KObjects: 4\r\x1b[K'


def test_files_and_pipes_get_nothing():
    assert steps(io.StringIO(), 4) == ''


def test_short_pass_shows_nothing():
    out = Terminal()
    with Progress('Objects', out=out, clock=ManualClock()) as progress:
        progress.step()
    assert out.getvalue() == ''
