"""catch_errors: transaction ids, the last line of defence, and honest body lengths.

Layer 2, the first filter of a pipeline. Every answer gets X-Trans-Id and X-Openstack-Request-Id.
Whatever escapes the rest of the pipeline before the answer has begun becomes a bare 500. A body
longer or shorter than its Content-Length would make the next answer on the connection unreadable,
or the client wait for ever: the surplus is not sent, and an error is raised that makes the server
close the connection. Source: sheet 05 §2.

Cost: about 4 µs; a body that is a list of the right length is passed through untouched.
"""
from collections.abc import Callable, Iterable, Iterator

from swift.common import log
from swift.common.clock import SYSTEM, Clock
from swift.common.config.options import Options, Text
from swift.common.errors import SwiftError
from swift.common.green import Timeout
from swift.common.sections import read_section
from swift.common.swob import close_if_possible, sender_of
from swift.core.trans_id import generate_trans_id, trans_id_suffix

ERROR_BODY = b'An error occurred'


class CatchErrorsOptions(Options, section='filter:catch_errors'):
    trans_id_suffix = Text('', 'Appended to transaction ids, for instance a site name.')


class WrongBodyLength(SwiftError):
    """An application sent more or fewer bytes than it announced."""

    def __init__(self, announced: int, sent: int):
        self.announced = announced
        self.sent = sent
        super().__init__(f'announced {announced} bytes of body, '
                         f'{"more" if sent > announced else "only"} {sent} came')


class CatchErrorsMiddleware:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: CatchErrorsOptions, logger: log.Logger,
                 clock: Clock = SYSTEM):
        self.app = app
        self.logger = logger
        self._suffix = options.trans_id_suffix
        self._clock = clock

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        suffix = trans_id_suffix(self._suffix, env.get('HTTP_X_TRANS_ID_EXTRA'))
        trans_id = generate_trans_id(suffix, self._clock.time())
        env['swift.trans_id'] = trans_id
        log.set_transaction(trans_id)
        started: list = []
        written: list[bytes] = []

        def start(status, headers, exc_info=None):
            started[:] = (status, headers)
            return written.append

        body = None
        try:
            body = self.app(env, start)
            if not started or written:
                body = _begin(body, started, written)
        except (Exception, Timeout):
            # Request boundary: whatever it is, the client gets an answer and the log the reason.
            self.logger.exception('Error: An error occurred')
            close_if_possible(body)
            started[:] = '500 Internal Error', [('Content-Type', 'text/plain'),
                                                ('Content-Length', str(len(ERROR_BODY)))]
            body = [ERROR_BODY] if env['REQUEST_METHOD'] != 'HEAD' else []
        status, headers = started
        headers = [*headers, ('X-Trans-Id', trans_id), ('X-Openstack-Request-Id', trans_id)]
        length = 0 if env['REQUEST_METHOD'] == 'HEAD' else announced_length(headers)
        start_response(status, headers)
        if length is None:
            return body
        if isinstance(body, (list, tuple)) and sum(map(len, body)) == length:
            return body
        return ExactBody(body, length)


def _begin(body: Iterable[bytes], started: list, written: list) -> Iterable[bytes]:
    """Read until the application has started its answer; return a body that has it all."""
    iterator = iter(body)
    first = written
    while not started:
        chunk = next(iterator, None)
        assert chunk is not None, 'the application did not start its response'
        first.append(chunk)
    return _Resumed(first, iterator, body)


class _Resumed:
    """A body of which some chunks were read in advance."""

    def __init__(self, first: list[bytes], rest: Iterator[bytes], body: Iterable[bytes]):
        self._first = first
        self._rest = rest
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        while self._first:
            yield self._first.pop(0)
        yield from self._rest

    def close(self) -> None:
        close_if_possible(self._body)


def announced_length(headers: list[tuple[str, str]]) -> int | None:
    """Return the Content-Length of an answer; None if there is not exactly one good one."""
    values = [value for name, value in headers
              if len(name) == 14 and name.lower() == 'content-length']
    if len(values) != 1 or not (values[0].isascii() and values[0].isdigit()):
        return None
    return int(values[0])


class ExactBody:
    """Passes on `length` bytes of a body and raises WrongBodyLength if it has more or fewer."""

    def __init__(self, body: Iterable[bytes], length: int):
        self._body = body
        self._length = length

    def __iter__(self) -> Iterator[bytes]:
        left = self._length
        for chunk in self._body:
            left -= len(chunk)
            if left < 0:
                if len(chunk) + left:
                    yield chunk[:left]
                raise WrongBodyLength(self._length, self._length - left)
            yield chunk
        if left:
            raise WrongBodyLength(self._length, self._length - left)

    def sender(self, sock_fd: int) -> Callable[[], int] | None:
        """What the body offers to send itself with (see http/answer.py), watched as well."""
        send = sender_of(self._body, sock_fd)
        if send is None:
            return None
        left = self._length

        def watched() -> int:
            nonlocal left
            left -= (sent := send())
            if left < 0:
                raise WrongBodyLength(self._length, self._length - left)
            return sent
        return watched

    def close(self) -> None:
        close_if_possible(self._body)


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#catch_errors`."""
    section = read_section(CatchErrorsOptions, global_conf, local_conf, 'catch-errors')
    return lambda app: CatchErrorsMiddleware(app, section.options, section.logger)
