"""What is answered to a request that never reaches the application (layer 1, pure but for the id).

Two shapes (sheet 04 section 18, golden scenarios ``http-server``): limits and bad lengths get an
empty HTTP/1.0 answer; bad start lines an HTML page that names the message, with a transaction
id. Client text in them is ASCII-escaped and HTML-escaped.
"""
from __future__ import annotations

import secrets
from html import escape

from swift.common.http.message import encode_head
from swift.common.http.wire import BadRequest


def new_transaction_id(now: float) -> str:
    """Return ``tx``, 21 random hex digits, ``-``, ten of the time. Sheet 04 section 2.3."""
    return f'tx{secrets.token_hex(11)[:21]}-{int(now):010x}'


def render(refusal: BadRequest, date_line: str, now: float) -> bytes:
    """Return the whole answer."""
    if not refusal.page:
        return encode_head([f'HTTP/1.0 {refusal.status} {refusal.reason}', 'Content-Length: 0',
                            'Connection: close'])
    message = escape(refusal.reason)
    body = (f'<!DOCTYPE html>\n<html><head><title>{refusal.status}</title></head>'
            f'<body><h1>Error {refusal.status}</h1><p>{message}</p></body></html>\n').encode()
    txid = new_transaction_id(now)
    return encode_head([
        f'HTTP/1.1 {refusal.status} {refusal.reason}',
        'Content-Type: text/html;charset=utf-8', f'Content-Length: {len(body)}',
        f'X-Trans-Id: {txid}', f'X-Openstack-Request-Id: {txid}', date_line,
        'Connection: close']) + body
