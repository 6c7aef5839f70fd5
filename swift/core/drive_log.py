"""What a kernel log says about failing drives, and what is done to /etc/fstab about it.

Pure (layer 0). Lines come newest first; the reading ends at one that is older than wanted or that
a boot wrote, because what failed before was looked after since. Lines without a time that we
understand are skipped. Source: sheet 07 §11.
"""
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

DEFAULT_PATTERNS = (r'\berror\b.*\b(sd[a-z]{1,2}\d?)\b', r'\b(sd[a-z]{1,2}\d?)\b.*\berror\b')
# Lines that a kernel writes when it starts.
BOOT_BANNERS = ('[    0.000000]', 'KERNEL supported cpus:', 'BIOS-provided physical RAM map:')
_MONTHS = ('Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec')
_SYSLOG_TIME = re.compile(r'([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d)\b')
_ISO_TIME = re.compile(r'\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?')
# Clocks may be a little wrong; a line from further ahead is from last year.
_AHEAD_MAX = timedelta(days=1)


def compile_patterns(texts: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Return the patterns; the first group of each is the kernel's name of a drive.

    Raises ValueError for one that is no regular expression or has no group.
    """
    found = []
    for text in texts:
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise ValueError('bad regular expression %r: %s' % (text, error)) from None
        if not pattern.groups:
            raise ValueError('no group for the device in %r' % text)
        found.append(pattern)
    return tuple(found)


def line_time(line: str, now: datetime) -> datetime | None:
    """Return the time at the start of a log line, None if there is none.

    ``now`` has the zone in which times without one are meant. Syslog does not write the year: it
    is the last one in which the time is not in the future.
    """
    match = _ISO_TIME.match(line)
    if match:
        try:
            found = datetime.fromisoformat(match.group().replace(',', '.'))
        except ValueError:
            return None
        return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)
    match = _SYSLOG_TIME.match(line)
    if not match or match.group(1) not in _MONTHS:
        return None
    month = _MONTHS.index(match.group(1)) + 1
    day, hour, minute, second = (int(text) for text in match.groups()[1:])
    for year in (now.year + 1, now.year, now.year - 1):
        try:
            found = datetime(year, month, day, hour, minute, second, tzinfo=now.tzinfo)
        except ValueError:                              # 29 February of another year
            continue
        if found <= now + _AHEAD_MAX:
            return found
    return None


@dataclass(slots=True)
class ErrorCount:
    """Errors per drive; ``is_over`` once older lines are of no interest."""
    patterns: Sequence[re.Pattern[str]]
    now: datetime
    window: timedelta
    errors: dict[str, int] = field(default_factory=dict)
    is_over: bool = False

    def read(self, lines: Iterable[str]) -> None:
        """Count what some lines, newest first, say."""
        for line in lines:
            if self.is_over:
                return
            self._read_line(line)

    def _read_line(self, line: str) -> None:
        if any(banner in line for banner in BOOT_BANNERS):
            self.is_over = True
            return
        time = line_time(line, self.now)
        if time is None:
            return
        if time <= self.now - self.window:
            self.is_over = True
            return
        for device in set(self._devices(line)):
            self.errors[device] = self.errors.get(device, 0) + 1

    def _devices(self, line: str) -> Iterator[str]:
        for pattern in self.patterns:
            for match in pattern.finditer(line):
                if match.group(1):
                    yield match.group(1)


def comment_fstab(text: str, mount_point: str) -> str:
    """Return /etc/fstab without the line that mounts something at ``mount_point``."""
    lines = text.splitlines(keepends=True)
    return ''.join('#' + line if _mount_point_of(line) == mount_point else line for line in lines)


def _mount_point_of(line: str) -> str | None:
    words = line.split()
    if len(words) < 2 or words[0].startswith('#'):
        return None
    return unescape(words[1])


def unescape(text: str) -> str:
    """Return a path as mount tables mean it: they write spaces and such in octal."""
    return re.sub(r'\\([0-7]{3})', lambda match: chr(int(match.group(1), 8)), text)


def partition_names(text: str) -> dict[tuple[int, int], str]:
    """Return the kernel's names of block devices by their numbers, from /proc/partitions."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 4 and words[0].isdigit():
            found[int(words[0]), int(words[1])] = words[3]
    return found
