"""Requests to a container.

Source: the client sheet, section 1.6.
"""

import swiftclient.client
from swiftclient.account import all_pages, listing_of, listing_query
from swiftclient.exchange import Asked, Target, exchange, request_headers
from swiftclient.headers import resp_header_dict


def get_container(url, token, container, marker=None, limit=None, prefix=None, delimiter=None,
                  end_marker=None, version_marker=None, path=None, http_conn=None,
                  full_listing=False, service_token=None, headers=None, query_string=None):
    """Return (headers, list of objects); with `full_listing` all pages in one list."""
    if full_listing:
        # Compat: the query string of the caller is not for all pages.
        def page_after(marker, version_marker):
            return swiftclient.client.get_container(
                url, token, container, marker, limit, prefix, delimiter, end_marker,
                version_marker, path, http_conn, service_token=service_token, headers=headers)
        return all_pages(page_after, delimiter, marker, version_marker)
    headers = {**request_headers(token, service_token, headers), 'Accept-Encoding': 'gzip'}
    query = listing_query(query_string, limit, marker=marker, prefix=prefix, delimiter=delimiter,
                          end_marker=end_marker, version_marker=version_marker, path=path)
    resp, body = exchange('GET', Target(url, container, query=query), http_conn, headers,
                          Asked('Container GET'))
    return listing_of(resp, body)


def head_container(url, token, container, http_conn=None, headers=None, service_token=None):
    """Return the headers of a container."""
    resp, _ = exchange('HEAD', Target(url, container), http_conn,
                       request_headers(token, service_token, headers), Asked('Container HEAD'))
    return resp_header_dict(resp)


def _without_body(token, service_token, headers) -> dict:
    headers = request_headers(token, service_token, headers)
    if 'content-length' not in (name.lower() for name in headers):
        headers['Content-Length'] = '0'
    return headers


def put_container(url, token, container, headers=None, http_conn=None, response_dict=None,
                  service_token=None, query_string=None):
    """Create a container, or change the metadata of one that is there."""
    exchange('PUT', Target(url, container, query=query_string or ''), http_conn,
             _without_body(token, service_token, headers), Asked('Container PUT', response_dict))


def post_container(url, token, container, headers, http_conn=None, response_dict=None,
                   service_token=None):
    """Change the metadata of a container."""
    exchange('POST', Target(url, container), http_conn,
             _without_body(token, service_token, headers), Asked('Container POST', response_dict))


def delete_container(url, token, container, http_conn=None, response_dict=None,
                     service_token=None, query_string=None, headers=None):
    """Delete an empty container."""
    exchange('DELETE', Target(url, container, query=query_string or ''), http_conn,
             request_headers(token, service_token, headers, token_wins=True),
             Asked('Container DELETE', response_dict))
