"""Connection: the requests of one user, with new tokens and further attempts where these help.

Source: the client sheet, section 1.7. A Connection is used by one thread at a time. Each method
does what the function of the same name does, which is looked up in `swiftclient.client`.
"""

from urllib.parse import urlparse

import swiftclient.client
from swiftclient import resuming, retry
from swiftclient.account import all_pages
from swiftclient.exceptions import ClientException
from swiftclient.keystone import APPLICATION_CREDENTIAL


class Connection:
    """`retries` more attempts after the first; between them `starting_backoff` seconds, doubled
    each time up to `max_backoff`. Authenticates when it is first used, unless `preauthurl` and
    `preauthtoken` are given. `timeout` is in seconds, for each wait.
    """

    def __init__(self, authurl=None, user=None, key=None, retries=5, preauthurl=None,
                 preauthtoken=None, starting_backoff=1, max_backoff=64, tenant_name=None,
                 os_options=None, auth_version='1', cacert=None, insecure=False, cert=None,
                 cert_key=None, ssl_compression=True, retry_on_ratelimit=True, timeout=None,
                 session=None, force_auth_retry=False):
        self.session = session
        self.authurl, self.user, self.key = authurl, user, key
        self.retries = retries
        self.http_conn = None
        self.attempts = 0
        self.starting_backoff, self.max_backoff = starting_backoff, max_backoff
        self.auth_version = auth_version
        self.os_options = dict(os_options or {})
        if tenant_name:
            self.os_options['tenant_name'] = tenant_name
        if preauthurl:
            self.os_options['object_storage_url'] = preauthurl
        self.url = preauthurl or self.os_options.get('object_storage_url')
        self.token = preauthtoken or self.os_options.get('auth_token')
        self.preauthurl, self.preauthtoken, self.tenant_name = preauthurl, preauthtoken, tenant_name
        self.service_auth = bool(self.os_options.get('service_username'))
        self.service_token = None
        self.cacert, self.insecure = cacert, insecure
        self.cert, self.cert_key = cert, cert_key
        self.ssl_compression = ssl_compression
        self.auth_end_time = 0
        self.retry_on_ratelimit = retry_on_ratelimit
        self.timeout = timeout
        self.force_auth_retry = force_auth_retry

    def __enter__(self) -> 'Connection':
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open; the next request opens it again."""
        if self.http_conn:
            self.http_conn[1].close()
            self.http_conn = None

    def get_auth(self):
        """Authenticate; keep and return (storage URL, token)."""
        self.url, self.token = swiftclient.client.get_auth(
            self.authurl, self.user, self.key, session=self.session,
            auth_version=self.auth_version, os_options=self.os_options,
            **self._connection_options())
        return self.url, self.token

    def get_service_auth(self):
        """Authenticate as the service of `os_options`; return (storage URL, token)."""
        options = self.os_options
        service_options = {'tenant_name': options.get('service_project_name'),
                           'region_name': options.get('region_name'),
                           'object_storage_url': options.get('object_storage_url')}
        return swiftclient.client.get_auth(
            self.authurl, options['service_username'], options.get('service_key'),
            session=self.session, auth_version=self.auth_version, os_options=service_options,
            **self._connection_options())

    def http_connection(self, url=None):
        """Return (parsed URL, HTTPConnection) for the storage URL, or another."""
        return swiftclient.client.http_connection(
            url or self.url, ssl_compression=self.ssl_compression, **self._connection_options())

    def _connection_options(self) -> dict:
        return {'cacert': self.cacert, 'insecure': self.insecure, 'cert': self.cert,
                'cert_key': self.cert_key, 'timeout': self.timeout}

    def _prepare(self) -> None:
        """Get what a request needs and is missing: URL, tokens, connection."""
        if not self.url or not self.token:
            self.get_auth()
            self.close()
        if self.service_auth and not self.service_token:
            # Compat: the service's idea of the storage URL wins.
            self.url, self.service_token = self.get_service_auth()
            self.close()
        self.auth_end_time = swiftclient.client.time()
        if not self.http_conn:
            self.http_conn = self.http_connection()

    def _retry(self, reset_func, func, *args, **kwargs):
        """Call `func` until it succeeds or trying again cannot help.

        `reset_func` is called between attempts, and may raise if there can be no other.
        """
        told = kwargs.pop('response_dict', None)
        backoff = self.starting_backoff
        auth_retried = False
        self.attempts = 0
        while True:
            self.attempts += 1
            answer = {} if told is not None else None
            if told is not None:
                kwargs['response_dict'] = answer
            try:
                self._prepare()
                return func(self.url, self.token, *args, http_conn=self.http_conn,
                            service_token=self.service_token, **kwargs)
            except (ClientException, OSError) as err:
                verdict = retry.judge(err, self.attempts, self.retries, self.retry_on_ratelimit)
                if verdict is retry.Verdict.NEW_TOKEN:
                    self._forget_tokens()
                    if auth_retried or not self._can_authenticate():
                        raise
                    auth_retried = True
                elif verdict is retry.Verdict.GIVE_UP:
                    raise
                elif verdict is retry.Verdict.NEW_CONNECTION:
                    self.close()
                pause = retry.delay(err, backoff, self.max_backoff)
            finally:
                retry.tell(told, answer)
            if self.force_auth_retry:
                self._forget_tokens()
            swiftclient.client.sleep(pause)
            backoff = min(backoff * 2, self.max_backoff)
            if reset_func:
                reset_func(func, *args, **kwargs)

    def _forget_tokens(self) -> None:
        self.url = self.token = self.service_token = None

    def _can_authenticate(self) -> bool:
        if self.session is not None:
            return bool(self.session.invalidate())
        if self.os_options.get('auth_type') == APPLICATION_CREDENTIAL:
            return bool(self.authurl)
        return bool(self.authurl and self.user and self.key)

    def head_account(self, headers=None):
        return self._retry(None, swiftclient.client.head_account, headers=headers)

    def get_account(self, marker=None, limit=None, prefix=None, end_marker=None,
                    full_listing=False, headers=None, delimiter=None):
        """Return (headers, list of containers). With `full_listing` each page has attempts of its
        own: a failure does not begin all over again.
        """
        def page_after(marker):
            return self._retry(None, swiftclient.client.get_account, marker=marker, limit=limit,
                               prefix=prefix, end_marker=end_marker, headers=headers,
                               delimiter=delimiter)
        return all_pages(page_after, delimiter, marker) if full_listing else page_after(marker)

    def post_account(self, headers, response_dict=None, query_string=None, data=None):
        return self._retry(None, swiftclient.client.post_account, headers,
                           query_string=query_string, data=data, response_dict=response_dict)

    def head_container(self, container, headers=None):
        return self._retry(None, swiftclient.client.head_container, container, headers=headers)

    def get_container(self, container, marker=None, limit=None, prefix=None, delimiter=None,
                      end_marker=None, version_marker=None, path=None, full_listing=False,
                      headers=None, query_string=None):
        """Return (headers, list of objects). With `full_listing` each page has attempts of its own,
        and, Compat, none gets the query string.
        """
        def page_after(marker, version_marker):
            return self._retry(
                None, swiftclient.client.get_container, container, marker=marker, limit=limit,
                prefix=prefix, delimiter=delimiter, end_marker=end_marker,
                version_marker=version_marker, path=path, headers=headers,
                query_string=None if full_listing else query_string)
        if full_listing:
            return all_pages(page_after, delimiter, marker, version_marker)
        return page_after(marker, version_marker)

    def put_container(self, container, headers=None, response_dict=None, query_string=None):
        return self._retry(None, swiftclient.client.put_container, container, headers=headers,
                           response_dict=response_dict, query_string=query_string)

    def post_container(self, container, headers, response_dict=None):
        return self._retry(None, swiftclient.client.post_container, container, headers,
                           response_dict=response_dict)

    def delete_container(self, container, response_dict=None, query_string=None, headers=None):
        return self._retry(None, swiftclient.client.delete_container, container,
                           response_dict=response_dict, query_string=query_string,
                           headers=headers or {})

    def head_object(self, container, obj, headers=None, query_string=None):
        return self._retry(None, swiftclient.client.head_object, container, obj, headers=headers,
                           query_string=query_string)

    def get_object(self, container, obj, resp_chunk_size=None, query_string=None,
                   response_dict=None, headers=None):
        """Return (headers, body). A body in chunks goes on after a broken connection."""
        headers_got, body = self._retry(
            None, swiftclient.client.get_object, container, obj, resp_chunk_size=resp_chunk_size,
            query_string=query_string, response_dict=response_dict, headers=headers)
        if resp_chunk_size and resuming.can_resume(headers, headers_got):
            again = resuming.Again(self, container, obj, query_string, headers or {})
            body = resuming.ResumingBody(body, headers_got, again)
        return headers_got, body

    def put_object(self, container, obj, contents, content_length=None, etag=None,
                   chunk_size=None, content_type=None, headers=None, query_string=None,
                   response_dict=None):
        """Store an object and return its ETag. Another attempt needs contents that can go back:
        octets or text, something with `seek` and `tell`, or with `reset`.
        """
        return self._retry(
            retry.way_back(contents, f'put_object({container!r}, {obj!r}, ...)'),
            swiftclient.client.put_object, container, obj, contents,
            content_length=content_length, etag=etag, chunk_size=chunk_size,
            content_type=content_type, headers=headers, query_string=query_string,
            response_dict=response_dict)

    def post_object(self, container, obj, headers, response_dict=None):
        return self._retry(None, swiftclient.client.post_object, container, obj, headers,
                           response_dict=response_dict)

    def copy_object(self, container, obj, destination=None, headers=None, fresh_metadata=None,
                    response_dict=None):
        return self._retry(None, swiftclient.client.copy_object, container, obj, destination,
                           headers, fresh_metadata, response_dict=response_dict)

    def delete_object(self, container, obj, query_string=None, response_dict=None, headers=None):
        return self._retry(None, swiftclient.client.delete_object, container, obj,
                           query_string=query_string, response_dict=response_dict,
                           headers=headers)

    def get_capabilities(self, url=None):
        """Return what the cluster of `url`, or of the account, tells of itself. Not retried."""
        target = self._map_url(url or self.url or self.get_auth()[0])
        if url is None and self.http_conn:
            return swiftclient.client.get_capabilities((urlparse(target), self.http_conn[1]))
        http_conn = self.http_connection(target)
        try:
            return swiftclient.client.get_capabilities(http_conn)
        finally:
            http_conn[1].close()

    def _map_url(self, url) -> str:
        """Return where the server that a URL leads to tells of itself."""
        public, parsed = swiftclient.client, urlparse(url)
        path = parsed.path
        if public.URI_PATTERN_VERSION.search(path):
            path = public.URI_PATTERN_VERSION.sub('/info', path)
        elif not public.URI_PATTERN_INFO.search(path):
            path += 'info' if path.endswith('/') else '/info'
        return parsed._replace(path=path).geturl()
