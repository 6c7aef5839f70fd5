"""What came out of a bulk operation so far, whether it goes on, and the report about it.

Pure (layer 0). One tally for deletes and one for extractions; both are told each outcome and
render the document of operation_report. Verdicts, worst first:

    refused          what the request itself was answered (411, 413 ...)
    too many errors  400, and no further work is begun
    a 5xx among them 502
    errors           400
    nothing done     400
    all well         200 (deletes), 201 (extractions)

Errors are listed in the order of the work, in whatever order it was finished: two runs over the
same state give the same report. Source: sheet 05 sections 1.8, 14.2 and 15.
"""
from dataclasses import dataclass, field

from swift.core.constraints import Refusal
from swift.core.names import quote
from swift.core.operation_report import render_report

BAD_REQUEST = '400 Bad Request'
BAD_GATEWAY = '502 Bad Gateway'
UNAUTHORIZED = '401 Unauthorized'
REASONS = {401: UNAUTHORIZED, 406: '406 Not Acceptable', 411: '411 Length Required',
           413: '413 Request Entity Too Large', 400: BAD_REQUEST}


@dataclass(slots=True)
class _Errors:
    """Errors by the number of the item that had them."""

    limit: int
    items: list[tuple[int, str, str]] = field(default_factory=list)
    has_server_error: bool = False

    def add(self, number: int, name: str, status: str) -> None:
        self.items.append((number, name, status))
        self.has_server_error |= status.startswith('5')

    @property
    def are_too_many(self) -> bool:
        return len(self.items) >= self.limit

    @property
    def verdict(self) -> str:
        return BAD_GATEWAY if self.has_server_error else BAD_REQUEST

    def listed(self) -> list[tuple[str, str]]:
        return [(name, status) for _number, name, status in sorted(
            self.items, key=lambda item: item[0])]


class DeleteTally:
    """Outcomes of deletions."""

    def __init__(self, failures_max: int):
        self.deleted = self.not_found = 0
        self._errors = _Errors(failures_max)
        self._refusal: tuple[str, str] | None = None

    def refuse(self, refusal: Refusal) -> None:
        """The request cannot be carried out at all."""
        self._refusal = REASONS[refusal.status], refusal.body

    def note(self, number: int, name: str, status: str) -> None:
        """Item `number`, called `name`, was answered with a status line."""
        if status.startswith('2'):
            self.deleted += 1
        elif status.startswith('404'):
            self.not_found += 1
        else:
            self.fail(number, name, status)

    def fail(self, number: int, name: str, problem: str) -> None:
        """Item `number` cannot be deleted."""
        self._errors.add(number, quote(name), problem)

    @property
    def is_over(self) -> bool:
        """True when nothing more may be begun."""
        return self._errors.are_too_many

    def verdict(self) -> tuple[str, str]:
        """Return final status and body."""
        if self._refusal:
            return self._refusal
        if self.is_over:
            return BAD_REQUEST, 'Max delete failures exceeded'
        if self._errors.items:
            return self._errors.verdict, ''
        if not self.deleted and not self.not_found:
            return BAD_REQUEST, 'Invalid bulk delete.'
        return '200 OK', ''

    def render(self, media_type: str) -> bytes:
        """Return the document."""
        status, body = self.verdict()
        return render_report(media_type, {
            'Number Deleted': self.deleted, 'Number Not Found': self.not_found,
            'Response Body': body, 'Response Status': status}, self._errors.listed(), 'delete')


class ExtractTally:
    """Outcomes of an extraction."""

    def __init__(self, failures_max: int):
        self.created = 0
        self._errors = _Errors(failures_max)
        self._stopped: tuple[str, str] | None = None

    def stop(self, status: int, body: str = '') -> None:
        """Nothing more is begun, and this is the verdict."""
        if self._stopped is None:
            self._stopped = REASONS[status], body

    def note(self, number: int, shown_name: str, status: str) -> None:
        """Member `number` was answered with a status line."""
        if status.startswith('2'):
            self.created += 1
            return
        self._errors.add(number, shown_name, status)
        if status.startswith('401'):
            self.stop(401)

    @property
    def is_over(self) -> bool:
        """True when nothing more may be begun."""
        return self._stopped is not None or self._errors.are_too_many

    def verdict(self) -> tuple[str, str]:
        """Return final status and body."""
        if self._stopped:
            return self._stopped
        if self._errors.items:
            return self._errors.verdict, ''
        if not self.created:
            return BAD_REQUEST, 'Invalid Tar File: No Valid Files'
        return '201 Created', ''

    def render(self, media_type: str) -> bytes:
        """Return the document."""
        status, body = self.verdict()
        return render_report(media_type, {
            'Number Files Created': self.created, 'Response Body': body,
            'Response Status': status}, self._errors.listed(), 'extract')
