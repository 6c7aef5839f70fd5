"""HTTP dates: whole seconds since 1970 to text and back.

Layer 0. Writes the one form that RFC 9110 allows (`Sun, 06 Nov 1994 08:49:37 GMT`); reads it, the
two older forms, and near misses that clients send (no weekday, another zone). The standard
library's readers live in modules that do I/O, and are slower.
"""
import re
from datetime import datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1)
_DAYS = ('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')
_MONTHS = ('Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec')
_MONTH_NUMBER = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}

_CLOCK = r'(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?'
_DAY_FIRST = re.compile(
    r'(?:[a-z]+,?\s+)?(?P<day>\d{1,2})[ -]+(?P<month>[a-z]{3})[a-z]*[ -]+(?P<year>\d{2}|\d{4})\s+'
    + _CLOCK + r'(?:\s*(?P<zone>[a-z]+|[+-]\d{4}))?\s*\Z', re.ASCII | re.IGNORECASE)
_ASCTIME = re.compile(
    r'[a-z]+\s+(?P<month>[a-z]{3})\s+(?P<day>\d{1,2})\s+' + _CLOCK
    + r'\s+(?P<year>\d{4})(?P<zone>)\s*\Z', re.ASCII | re.IGNORECASE)


# Dates repeat: Date within a second, Last-Modified of popular objects.
@lru_cache(maxsize=1024)
def format_http_date(seconds: int) -> str:
    """Return the date of a number of whole seconds since 1970."""
    moment = _EPOCH + timedelta(seconds=seconds)
    return (f'{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} '
            f'{moment.year:04d} {moment.hour:02d}:{moment.minute:02d}:{moment.second:02d} GMT')


def parse_http_date(text: str | None) -> int | None:
    """Return the whole seconds since 1970 that a date means, or None if it is no date.

    A name of a zone is read as GMT, as HTTP requires; a numeric one is applied.
    """
    # The longest date has about 40 characters; the limit keeps the patterns from working long.
    if not text or len(text) > 64:
        return None
    text = text.strip()
    match = _DAY_FIRST.match(text) or _ASCTIME.match(text)
    if not match:
        return None
    month = _MONTH_NUMBER.get(match['month'].lower())
    if not month:
        return None
    year = int(match['year'])
    if len(match['year']) == 2:
        year += 2000 if year < 69 else 1900
    try:
        # A leap second is the second after it.
        second = int(match['second'] or 0)
        moment = datetime(year, month, int(match['day']), int(match['hour']),
                          int(match['minute']), min(second, 59))
    except ValueError:
        return None
    since = moment - _EPOCH
    seconds = since.days * 86400 + since.seconds + (1 if second == 60 else 0)
    zone = match['zone'] or ''
    if zone[:1] in ('+', '-') and zone:
        offset = int(zone[1:3]) * 3600 + int(zone[3:]) * 60
        seconds -= -offset if zone[0] == '-' else offset
    return seconds
