"""What the processes of a cluster occupy, from /proc. All figures in MiB."""

from pathlib import Path

from test.support.saio import Saio

MIB_KIB = 1024


def processes(saio: Saio, program: str = '') -> list[int]:
    """Process ids of the cluster, or of one of its programs, managers and workers alike."""
    root = saio.layout.root.encode()
    found = []
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            words = (folder / 'cmdline').read_bytes().split(b'\0')
        except OSError:
            continue
        if any(word.startswith(root) for word in words[1:]) and (
            not program or any(word.endswith(b'/' + program.encode()) for word in words[:3])
        ):
            found.append(int(folder.name))
    return found


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]


def _kib(path: str, name: str) -> int:
    lines = Path(path).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ':'))


def proportional(pid: int) -> float:
    """Its own pages, and its share of those it shares; 0 when it has just ended."""
    try:
        return _kib(f'/proc/{pid}/smaps_rollup', 'Pss') / MIB_KIB
    except (OSError, StopIteration):
        return 0.0


def resident(pid: int) -> float:
    return _kib(f'/proc/{pid}/status', 'VmRSS') / MIB_KIB


def peak(pid: int) -> float:
    """The most that was resident since forget_peak()."""
    return _kib(f'/proc/{pid}/status', 'VmHWM') / MIB_KIB


def forget_peak(pid: int) -> None:
    Path(f'/proc/{pid}/clear_refs').write_text('5')
