"""ClientException: an answer that is no success, or a request that cannot be made.

Source: the client sheet, section 1.2. The text of the exception is read by people and parsed by
scripts, so its layout is part of the interface.
"""

from urllib.parse import urlsplit

SHOWN_BODY_MAX = 60  # characters of a response body that the text quotes
TRANSACTION_HEADERS = ('X-Trans-Id', 'X-Openstack-Request-Id')


class ClientException(Exception):
    """Arguments are attributes of the same names; `transaction_id` is the server's, or None."""

    def __init__(
        self,
        msg,
        http_scheme='',
        http_host='',
        http_port='',
        http_path='',
        http_query='',
        http_status=None,
        http_reason='',
        http_device='',
        http_response_content='',
        http_response_headers=None,
    ):
        super().__init__(msg)
        self.msg = msg
        self.http_scheme = http_scheme
        self.http_host = http_host
        self.http_port = http_port
        self.http_path = http_path
        self.http_query = http_query
        self.http_status = http_status
        self.http_reason = http_reason
        self.http_device = http_device
        self.http_response_content = http_response_content
        self.http_response_headers = http_response_headers
        self.transaction_id = None
        for name in TRANSACTION_HEADERS if http_response_headers else ():
            if http_response_headers.get(name):
                self.transaction_id = http_response_headers.get(name)
                break

    @classmethod
    def from_response(cls, resp, msg=None, body=None) -> 'ClientException':
        """Describe a response; `body` defaults to its content, which is then read here."""
        url = urlsplit(resp.request.url)
        return cls(
            msg if msg is not None else f'{resp.status_code} {resp.reason}',
            http_scheme=url.scheme,
            http_host=url.hostname,
            http_port=url.port,
            http_path=url.path,
            http_query=url.query,
            http_status=resp.status_code,
            http_reason=resp.reason,
            http_device='',
            http_response_content=resp.content if body is None else body,
            http_response_headers=resp.headers,
        )

    def __str__(self) -> str:
        text = self._described()
        text = f'{self.msg}: {text}' if text else str(self.msg)
        return f'{text} (txn: {self.transaction_id})' if self.transaction_id else text

    def _described(self) -> str:
        """URL, status, reason, device and the beginning of the body, whichever are known."""
        text = f'{self.http_scheme}://' if self.http_scheme else ''
        text += str(self.http_host or '')
        text += f':{self.http_port}' if self.http_port else ''
        text += self.http_path or ''
        text += f'?{self.http_query}' if self.http_query else ''
        if self.http_status:
            text = f'{text} {self.http_status}' if text else str(self.http_status)
        if self.http_reason:
            text += f' {self.http_reason}' if text else f'- {self.http_reason}'
        if self.http_device:
            text = f'{text}: device {self.http_device}' if text else f'device {self.http_device}'
        content = self.http_response_content
        if content:
            shown = content[:SHOWN_BODY_MAX]
            note = '   ' if len(content) <= SHOWN_BODY_MAX else \
                f'  [first {SHOWN_BODY_MAX} chars of response] '
            text += f'{note}{shown}'
        return text
