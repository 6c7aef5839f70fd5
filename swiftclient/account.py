"""Requests to an account, and the question what a cluster can do.

Source: the client sheet, section 1.6.
"""

from urllib.parse import quote

import swiftclient.client
from swiftclient.exceptions import ClientException
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


def all_pages(page_after, delimiter, *markers) -> tuple:
    """Return (headers of the first page, entries of all pages), page by page until an empty one.

    `page_after` takes the markers, one of names and for containers one of versions.
    """
    first_headers, entries = page = page_after(*markers)
    while page[1]:
        last = page[1][-1]
        name = last.get('name', last.get('subdir')) if delimiter else last['name']
        before, markers = markers, (name, last.get('version_id'))[:len(markers)]
        if markers == before:
            raise ClientException(f'Listing does not go on after {name!r}')
        page = page_after(*markers)
        entries.extend(page[1])
    return first_headers, entries


def get_account(url, token, marker=None, limit=None, prefix=None, end_marker=None,
                http_conn=None, full_listing=False, service_token=None, headers=None,
                delimiter=None):
    """Return (headers, list of containers); with `full_listing` all pages in one list."""
    headers = {**request_headers(token, service_token, headers), 'Accept-Encoding': 'gzip'}
    if full_listing:
        def page_after(marker):
            return swiftclient.client.get_account(
                url, token, marker, limit, prefix, end_marker, http_conn, headers=headers,
                delimiter=delimiter)
        return all_pages(page_after, delimiter, marker)
    query = listing_query(limit=limit, marker=marker, prefix=prefix, delimiter=delimiter,
                          end_marker=end_marker)
    resp, body = exchange('GET', Target(url, query=query), http_conn, headers,
                          Asked('Account GET'))
    return listing_of(resp, body)


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
