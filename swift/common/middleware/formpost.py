"""formpost: uploads by forms of web pages, whose owners signed them, without a token.

Layer 2, just left of authentication. The page of somebody who knows a key has

    <form action="/v1/a/c[/prefix]" method="POST" enctype="multipart/form-data">

with the fields of core/upload_form.py before its files. Each file becomes an object whose name is
the prefix and the name of the file, by a pre-authorised PUT that reads straight from the form as it
comes. What the fields say is checked again before each file. Of what went wrong only a count of
files and their absence are told by a redirect, and only when the form is signed: nobody can have
us send browsers where no owner wanted them.

    400 text/plain  a form that cannot be read, bad numbers, a file that is too large
    401             expired, or not signed by a key
    else            the status of the last PUT, or 303 to `redirect`

A file that turns out to be too large, or cut off, is not stored; those before it stay. POSTs of
forms to other places than accounts pass. Source: sheet 05 §19.2.

Cost for other requests: a look at the method, for POSTs one at the content type.
"""
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from swift.common.clock import SYSTEM, Clock
from swift.common.config.options import Options
from swift.common.errors import ClientDisconnect, ClientReadTimeout
from swift.common.metrics import Statsd
from swift.common.sections import read_section
from swift.common.signing import Digests, register_digests, signing_keys
from swift.common.subrequest import make_pre_authed_env
from swift.common.swob import (
    HTTPBadRequest,
    HTTPClientDisconnect,
    HTTPException,
    HTTPRequestTimeout,
    HTTPSeeOther,
    HTTPUnauthorized,
    Request,
    Response,
    wsgi_to_bytes,
    wsgi_to_str,
)
from swift.core.constraints import valid_api_version
from swift.core.headers import HeaderMap
from swift.core.mime import BrokenMime, MimeReader
from swift.core.tempurl_sig import form_message, matches, parse_signature
from swift.core.upload_form import (
    FIELD_BYTES_MAX,
    FIELDS,
    STRIPPED,
    FormLimits,
    FormRefused,
    boundary_of,
    parse_disposition,
    redirect_page,
    redirect_target,
    upload_path,
)

SOURCE = 'FP'
AGENT = '%(orig)s FormPost'
TOO_LARGE = 'max_file_size exceeded'
CUT_OFF = 'unexpected end of the form'
BAD_START = 'invalid starting boundary'
TOO_MANY = 'max file count exceeded'
NO_FILES = 'no files to process'
EXPIRED = 'Form Expired'
NOT_SIGNED = 'Invalid Signature'
BAD_REQUEST = '400 Bad Request'


class FormPostOptions(Options, section='filter:formpost'):
    allowed_digests = Digests('sha1 sha256 sha512',
                              'Digests that forms may be signed with. sha1 is deprecated.')


class FileInput:
    """The `wsgi.input` of a PUT: one file of a form. `problem` says why it could not be read."""

    def __init__(self, reader: MimeReader, limit: int):
        self._reader = reader
        self._left = limit
        self.problem: str | None = None

    def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes, b'' at the end; the rest without a size."""
        if size is None or size < 0:
            return b''.join(iter(lambda: self.read(1 << 16), b''))
        try:
            data = self._reader.read(size)
        except BrokenMime:
            raise self._refused(CUT_OFF) from None
        self._left -= len(data)
        if data and self._left < 0:
            raise self._refused(TOO_LARGE)
        return data

    def _refused(self, problem: str) -> HTTPException:
        # The proxy makes an answer of it, and stores nothing.
        self.problem = problem
        return HTTPBadRequest(body=f'FormPost: {problem}', content_type='text/plain')


class FormPost:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, digests: Sequence[str], metrics: Statsd,
                 clock: Clock = SYSTEM):
        self.app = app
        self.digests = digests
        self.metrics = metrics
        self.clock = clock

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        if env['REQUEST_METHOD'] != 'POST' or not env.get('CONTENT_TYPE'):
            return self.app(env, start_response)
        boundary = boundary_of(env['CONTENT_TYPE'])
        if boundary is None:
            return self.app(env, start_response)
        segments = env['PATH_INFO'].split('/', 4)
        if len(segments) < 3 or segments[0] or not valid_api_version(segments[1]):
            return self.app(env, start_response)
        container = segments[3] if len(segments) > 3 else ''
        try:
            response = Upload(self, env, segments[2], container).run(boundary)
        except FormRefused as problem:
            response = HTTPBadRequest(body=f'FormPost: {problem}', content_type='text/plain')
        except HTTPException as refusal:
            response = refusal
        except ClientReadTimeout:
            response = HTTPRequestTimeout(request=Request(env))
        except ClientDisconnect:
            response = HTTPClientDisconnect(request=Request(env))
        return response(env, start_response)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a form got: the status line for the client, a message, the body of a failed PUT."""

    status: str
    message: str = ''
    body: bytes = b''

    @property
    def is_success(self) -> bool:
        return self.status.startswith('2')


class Upload:
    """One form on its way through: its fields so far, its files, where to go afterwards."""

    def __init__(self, owner: FormPost, env: dict, account: str, container: str):
        self.owner = owner
        self.env = env
        self.account = account
        self.container = container
        self.path = env['PATH_INFO']
        self.fields: dict[str, bytes] = {}
        self.file_count = 0
        # Set by nothing but fields that were found to be signed.
        self.redirect = b''
        self.kept_headers: dict[str, str] = {}

    def run(self, boundary: str) -> Response:
        """Take in the whole form; return the answer. Raises FormRefused, HTTPException."""
        source = self.env['wsgi.input']
        try:
            reader = MimeReader(getattr(source, 'read_some', source.read), boundary)
            part = reader.next_part()
        except BrokenMime:
            part = None
        if part is None:
            raise FormRefused(BAD_START)
        try:
            outcome = self._take_parts(reader, part)
        except BrokenMime:
            if self.file_count:
                raise FormRefused(CUT_OFF) from None
            return self._answer(Outcome(BAD_REQUEST, NO_FILES))
        if outcome is None:
            outcome = Outcome(BAD_REQUEST, NO_FILES)
            self._is_signed()
        return self._answer(outcome)

    def _take_parts(self, reader: MimeReader, part: HeaderMap | None) -> Outcome | None:
        """Return the outcome of the last file, or of the first that failed; None without files."""
        outcome = None
        while part is not None:
            disposition = parse_disposition(part.get('Content-Disposition') or '')
            filename = disposition.get('filename')
            name = disposition.get('name', '').lower()
            if filename:
                outcome = self._take_file(reader, filename, part)
                if not outcome.is_success:
                    return outcome
            elif name in FIELDS and filename is None:
                self.fields[name] = _field_value(reader)
            part = reader.next_part()
        return outcome

    def _take_file(self, reader: MimeReader, filename: str, part: HeaderMap) -> Outcome:
        """Store a file. Raises FormRefused, or the 401."""
        limits = FormLimits.of(self.fields)
        if limits.expires < self.owner.clock.time():
            raise _unauthorized(self.env, EXPIRED)
        if not self._is_signed():
            raise _unauthorized(self.env, NOT_SIGNED)
        if self.file_count >= limits.max_file_count:
            return Outcome(BAD_REQUEST, TOO_MANY)
        self.file_count += 1
        source = FileInput(reader, limits.max_file_size)
        put = Request(self._put_env(limits, filename, part, source))
        response = put.get_response(self.owner.app)
        body = response.body
        if source.problem:
            raise FormRefused(source.problem)
        self.kept_headers = {name: value for name, value in response.headers.items()
                             if name.startswith('Access-Control-')}
        return Outcome(response.status, body=b'' if response.is_success else body)

    def _put_env(self, limits: FormLimits, filename: str, part: HeaderMap,
                 source: FileInput) -> dict:
        env = make_pre_authed_env(self.env, 'PUT', upload_path(self.path, filename), AGENT, '',
                                  SOURCE)
        env['wsgi.input'] = source
        env['HTTP_TRANSFER_ENCODING'] = 'chunked'
        for field, key in (('content-type', 'CONTENT_TYPE'),
                           ('content-encoding', 'HTTP_CONTENT_ENCODING')):
            own = self.fields.get(field)
            value = own.decode('latin-1') if own else part.get(field)
            if value:
                env[key] = value
        if limits.delete_at is not None:
            env['HTTP_X_DELETE_AT'] = str(limits.delete_at)
        if limits.delete_after is not None:
            env['HTTP_X_DELETE_AFTER'] = str(limits.delete_after)
        return env

    def _is_signed(self) -> bool:
        """Tell whether the fields as they are now are signed; if so, believe their redirect."""
        signature = parse_signature(self.fields.get('signature', b'').decode('latin-1'),
                                    self.owner.digests)
        if signature is None or not self.container:
            return False
        keys = signing_keys(self.env, self.owner.app, wsgi_to_str(self.account),
                            wsgi_to_str(self.container), SOURCE)
        message = form_message(wsgi_to_bytes(self.path), self.fields)
        if not matches(signature, keys.of_account + keys.of_container, [message]):
            return False
        self.redirect = self.fields.get('redirect', b'')
        self.owner.metrics.increment(f'formpost.digests.{signature.algorithm}')
        return True

    def _answer(self, outcome: Outcome) -> Response:
        if self.redirect:
            target = redirect_target(self.redirect, int(outcome.status[:3]), outcome.message)
            page = redirect_page(target)
            answer = HTTPSeeOther(request=Request(self.env), body=page, location=target)
            # Compat: the page has no type.
            del answer.headers['Content-Type']
        else:
            body = outcome.body or outcome.status.encode('latin-1')
            if outcome.message:
                body += b'\r\nFormPost: ' + outcome.message.title().encode()
            answer = Response(request=Request(self.env), status=outcome.status, body=body,
                              content_type='text/plain')
        answer.headers.update(self.kept_headers)
        return answer


def _field_value(reader: MimeReader) -> bytes:
    value = b''
    while len(value) < FIELD_BYTES_MAX and (data := reader.read(FIELD_BYTES_MAX)):
        value += data
    return value[:FIELD_BYTES_MAX].rstrip(STRIPPED)


def _unauthorized(env: dict, text: str) -> HTTPException:
    return HTTPUnauthorized(request=Request(env), body=f'FormPost: {text}',
                            headers={'Www-Authenticate': 'Swift realm="unknown"'})


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#formpost`."""
    section = read_section(FormPostOptions, global_conf, local_conf, 'proxy-server', 'formpost')
    digests = register_digests('formpost', section.options.allowed_digests, section.logger)
    metrics = Statsd.from_options(section.conf, tail='proxy-server', logger=section.logger)
    return lambda app: FormPost(app, digests, metrics)
