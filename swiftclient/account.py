"""Requests to an account, and the question what a cluster can do.

Source: the client sheet, section 1.6.
"""

from urllib.parse import quote

import swiftclient.client
from swiftclient.exchange import Asked, Target, exchange, request_headers
from swiftclient.headers import resp_header_dict
from swiftclient.utils import parse_api_response

HTTP_NO_CONTENT = 204


def listing_query(extra: str | None = None, limit=None, **texts) -> str:
    """Return the query of a listing; what is empty is left out."""
    query = ['format=json']
    if limit:
        query.append('limit=%d' % limit)
    query += [f'{name}={quote(value)}' for name, value in texts.items() if value]
    if extra:
        query.append(extra.lstrip('?'))
    return '&'.join(query)


def listing_of(resp, body: bytes) -> tuple:
    """Return (headers, entries) of a listing."""
    headers = resp_header_dict(resp)
    if resp.status == HTTP_NO_CONTENT:
        return headers, []
    return headers, parse_api_response(headers, body)


def last_name(entries: list[dict], delimiter) -> str:
    """Return the marker of the next page."""
    last = entries[-1]
    return last.get('name', last.get('subdir')) if delimiter else last['name']


def get_account(url, token, marker=None, limit=None, prefix=None, end_marker=None,
                http_conn=None, full_listing=False, service_token=None, headers=None,
                delimiter=None):
    """Return (headers, list of containers); with `full_listing` all pages in one list."""
    headers = {**request_headers(token, service_token, headers), 'Accept-Encoding': 'gzip'}
    if full_listing:
        return _whole_account(url, token, http_conn, marker, headers=headers, limit=limit,
                              prefix=prefix, end_marker=end_marker, delimiter=delimiter)
    query = listing_query(limit=limit, marker=marker, prefix=prefix, delimiter=delimiter,
                          end_marker=end_marker)
    resp, body = exchange('GET', Target(url, query=query), http_conn, headers,
                          Asked('Account GET'))
    return listing_of(resp, body)


def _whole_account(url, token, http_conn, marker, **options) -> tuple:
    get = swiftclient.client.get_account
    first_headers, entries = page = get(url, token, marker, http_conn=http_conn, **options)
    while page[1]:
        marker = last_name(page[1], options['delimiter'])
        page = get(url, token, marker, http_conn=http_conn, **options)
        entries.extend(page[1])
    return first_headers, entries


def head_account(url, token, http_conn=None, headers=None, service_token=None):
    """Return the headers of an account."""
    resp, _ = exchange('HEAD', Target(url), http_conn,
                       request_headers(token, service_token, headers), Asked('Account HEAD'))
    return resp_header_dict(resp)


def post_account(url, token, headers, http_conn=None, response_dict=None, service_token=None,
                 query_string=None, data=None):
    """Change an account's metadata, or send it a request of its own kind such as bulk-delete.

    Returns (headers, body).
    """
    resp, body = exchange('POST', Target(url, query=query_string or ''), http_conn,
                          request_headers(token, service_token, headers),
                          Asked('Account POST', response_dict), data)
    return {name.lower(): value for name, value in resp_header_dict(resp).items()}, body


def get_capabilities(http_conn):
    """Return what the cluster tells of itself; `http_conn` leads to its /info."""
    parsed, _ = http_conn
    resp, body = exchange('GET', Target(parsed.geturl()), http_conn,
                          {'Accept-Encoding': 'gzip'}, Asked('Capabilities GET'))
    return parse_api_response(resp_header_dict(resp), body)
