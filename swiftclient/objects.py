"""Requests to an object, with bodies that stream both ways.

Source: the client sheet, section 1.6.
"""

import warnings
from urllib.parse import quote

from swiftclient.exchange import (
    Asked,
    Target,
    connected,
    exchange,
    finished,
    log_exchange,
    request_headers,
)
from swiftclient.headers import resp_header_dict, store_response
from swiftclient.object_body import ObjectBody
from swiftclient.streams import BLOCK_SIZE, LengthWrapper, ReadableToIterable, iter_wrapper


def get_object(url, token, container, name, http_conn=None, resp_chunk_size=None,
               query_string=None, response_dict=None, headers=None, service_token=None):
    """Return (headers, body): octets, or with `resp_chunk_size` something to read and iterate.

    Such a body must be read to its end, or closed, before `http_conn` is used again.
    """
    headers = request_headers(token, service_token, headers, token_wins=True)
    target = Target(url, container, name, query_string or '')
    parsed, conn, ours = connected(http_conn, target)
    place = parsed, target.path_below(parsed.path)
    try:
        conn.request('GET', place[1], '', headers)
        resp = conn.getresponse()
        if not 200 <= resp.status < 300:
            finished(resp, 'GET', place, headers, Asked('Object GET', response_dict))  # raises
        log_exchange('GET', place, headers, resp, None)  # what is stored is nobody's business
        store_response(resp, response_dict)
        if resp_chunk_size:
            body = ObjectBody(resp, resp_chunk_size, conn if ours else None)
            ours = False  # but the body's
        else:
            body = resp.read()
    finally:
        if ours:
            conn.close()
    return resp_header_dict(resp), body


def head_object(url, token, container, name, http_conn=None, service_token=None, headers=None,
                query_string=None):
    """Return the headers of an object."""
    resp, _ = exchange('HEAD', Target(url, container, name, query_string or ''), http_conn,
                       request_headers(token, service_token, headers, token_wins=True),
                       Asked('Object HEAD'))
    return resp_header_dict(resp)


def put_object(url, token=None, container=None, name=None, contents=None, content_length=None,
               etag=None, chunk_size=None, content_type=None, headers=None, http_conn=None,
               proxy=None, query_string=None, response_dict=None, service_token=None):
    """Store an object and return its ETag.

    `contents`: octets, text, a readable or an iterable of octets. With `content_length` exactly
    that many bytes of a readable are sent, else all of it in blocks of `chunk_size`. Without
    container and name `url` is the object's own.
    """
    headers = request_headers(token, service_token, headers, token_wins=True)
    if etag:
        headers['ETag'] = etag.strip('"')
    if content_length is not None:
        headers['Content-Length'] = str(content_length)
    else:
        told = [value for key, value in headers.items() if key.lower() == 'content-length']
        content_length = int(told[-1]) if told else None
    if content_type is not None:
        headers['Content-Type'] = content_type
    if not contents:
        headers['Content-Length'] = '0'
    data = _sendable(contents, content_length, chunk_size)
    asked = Asked('Object PUT', response_dict)
    target = Target(url, container, name, query_string or '', proxy)
    parsed, conn, ours = connected(http_conn, target)
    place = parsed, target.path_below(parsed.path)
    try:
        if isinstance(data, LengthWrapper | ReadableToIterable):
            conn.putrequest(place[1], headers=headers, data=data)
        else:
            conn.request('PUT', place[1], data, headers)
        resp, _ = finished(conn.getresponse(), 'PUT', place, headers, asked)
    finally:
        if ours:
            conn.close()
    return resp.getheader('etag', '').strip('"')


def _sendable(contents, content_length, chunk_size):
    """Return what the connection sends; a wrapper of the caller's own stays what it is."""
    if isinstance(contents, ReadableToIterable | LengthWrapper):
        return contents
    if hasattr(contents, 'read'):
        if content_length is not None:
            return LengthWrapper(contents, content_length, md5=False)
        return ReadableToIterable(contents, chunk_size or BLOCK_SIZE, md5=False)
    if chunk_size is not None:
        warnings.warn(f'{type(contents)} object has no "read" method, ignoring chunk_size',
                      stacklevel=3)
    if contents is None or isinstance(contents, str | bytes | list | tuple | dict) \
            or not hasattr(contents, '__iter__'):
        return contents
    return iter_wrapper(contents)


def post_object(url, token, container, name, headers, http_conn=None, response_dict=None,
                service_token=None):
    """Replace the metadata of an object."""
    exchange('POST', Target(url, container, name), http_conn,
             request_headers(token, service_token, headers), Asked('Object POST', response_dict))


def copy_object(url, token, container, name, destination=None, headers=None,
                fresh_metadata=None, http_conn=None, response_dict=None, service_token=None):
    """Copy an object within the cluster, to /container/object; without destination onto itself."""
    headers = request_headers(token, service_token, headers, token_wins=True)
    headers['Destination'] = quote(destination) if destination is not None else \
        f'/{quote(container)}/{quote(name)}'
    if fresh_metadata is not None:
        headers = {key: value for key, value in headers.items()
                   if key.lower() != 'x-fresh-metadata'}
        headers['X-Fresh-Metadata'] = 'true' if fresh_metadata else 'false'
    exchange('COPY', Target(url, container, name), http_conn, headers,
             Asked('Object COPY', response_dict))


def delete_object(url, token=None, container=None, name=None, http_conn=None, headers=None,
                  proxy=None, query_string=None, response_dict=None, service_token=None):
    """Delete an object; without container and name `url` is its own."""
    exchange('DELETE', Target(url, container, name, query_string or '', proxy), http_conn,
             request_headers(token, service_token, headers, token_wins=True),
             Asked('Object DELETE', response_dict))
