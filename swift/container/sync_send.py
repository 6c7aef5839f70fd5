"""Sending the rows of one container to the cluster it is synchronised to (layer 3).

    removal       DELETE there, at the time of the removal
    live row      HEAD there -> newer or the same: nothing to do
                  GET here (newest replica, links and manifests as they are) -> PUT there

Requests are signed with the realm's key, or carry the container's key (core.sync_signature). What
the other side refuses is logged and counted as a failure; server errors are tried again.
"""
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from swift.common.errors import TransportError
from swift.common.http.remote import RemoteAnswer, RemoteClient
from swift.common.internal_client import InternalClient, UnexpectedResponse
from swift.core.headers import X_BACKEND_POLICY_INDEX
from swift.core.names import quote
from swift.core.row_merge import ObjectRecord
from swift.core.sync_plan import (
    Sent,
    has_already,
    headers_to_send,
    is_gone,
    is_version_link,
    row_times,
)
from swift.core.sync_signature import Signed
from swift.core.wsgi_text import wsgi_to_str

PAUSES_S = (1, 2, 4, 5, 5)
UNSIGNED_TIME = '0'


@dataclass(frozen=True, slots=True)
class Target:
    """Where a container is synchronised to. Without a realm key the container's key is shown."""

    account: str
    container: str
    policy_index: int
    url: str
    path: str                   # that of the URL
    user_key: str
    realm: str = ''
    realm_key: str = ''

    def auth_headers(self, method: str, name: str, timestamp: str) -> dict[str, str]:
        """Return what makes the other side take a request for an object."""
        if not self.realm_key:
            return {'X-Container-Sync-Key': self.user_key}
        nonce = uuid.uuid4().hex
        signed = Signed(method, f'{self.path}/{quote(name)}', timestamp, nonce)
        signature = signed.signature(self.realm_key, self.user_key)
        return {'X-Container-Sync-Auth': f'{self.realm} {nonce} {signature}'}

    def url_of(self, name: str) -> str:
        return f'{self.url}/{quote(name)}'


class Sender:
    """Sends rows; shared by all containers of a pass."""

    def __init__(self, client: Callable[[], InternalClient], remote: RemoteClient, logger: Any,
                 sleep: Callable[[float], None]):
        self._client = client
        self._remote = remote
        self._logger = logger
        self._sleep = sleep

    def send(self, target: Target, row: ObjectRecord) -> Sent:
        """Bring the other side to the state of a row."""
        try:
            data_time, meta_time = row_times(row.created_at)
            if row.deleted:
                return self._delete(target, row.name, data_time.internal)
            return self._put(target, row.name, meta_time)
        except (TransportError, UnexpectedResponse, ValueError) as error:
            self._logger.error('ERROR Syncing /%s/%s/%s to %s: %s', target.account,
                               target.container, row.name, target.url, error)
        except Exception:  # the item boundary of a daemon
            self._logger.exception('ERROR Syncing /%s/%s/%s to %s', target.account,
                                   target.container, row.name, target.url)
        return Sent.FAILED

    def _delete(self, target: Target, name: str, timestamp: str) -> Sent:
        def attempt() -> RemoteAnswer:
            return self._remote.request('DELETE', target.url_of(name), {
                'X-Timestamp': timestamp, **target.auth_headers('DELETE', name, timestamp)})

        answer = self._insist(attempt)
        if is_gone(answer.status):
            return Sent.DELETED
        return self._refused(target, name, answer)

    def _put(self, target: Target, name: str, wanted: Any) -> Sent:
        seen = self._remote.request('HEAD', target.url_of(name),
                                    target.auth_headers('HEAD', name, UNSIGNED_TIME))
        if seen.status // 100 == 2 and has_already(seen.headers.get('x-timestamp'), wanted):
            return Sent.NOTHING_TO_DO
        skipped = False

        def attempt() -> RemoteAnswer | None:
            nonlocal skipped
            answer = self._copy(target, name, wanted)
            skipped = answer is None
            return answer

        answer = self._insist(attempt)
        if skipped:
            return Sent.NOTHING_TO_DO
        if answer.status // 100 == 2:
            return Sent.PUT
        return self._refused(target, name, answer)

    def _copy(self, target: Target, name: str, wanted: Any) -> RemoteAnswer | None:
        """Read an object here and store it there; None for one that is not to be sent."""
        _status, found, body = self._client().get_object(
            target.account, target.container, name,
            {'X-Newest': 'true', X_BACKEND_POLICY_INDEX: str(target.policy_index)},
            params='symlink=get')
        try:
            if is_version_link(found):
                return None
            timestamp = found.get('X-Timestamp')
            if not has_already(timestamp, wanted):
                raise ValueError(f'the newest replica found is of {timestamp}, not of '
                                 f'{wanted.internal}')
            headers = headers_to_send((key, wsgi_to_str(value)) for key, value in found.items())
            headers.update(target.auth_headers('PUT', name, timestamp))
            return self._remote.request('PUT', target.url_of(name), headers, body)
        finally:
            getattr(body, 'close', lambda: None)()

    def _insist(self, attempt: Callable[[], RemoteAnswer | None]) -> RemoteAnswer | None:
        """Make a request, again after pauses while the other side fails. Raises TransportError."""
        for pause_s in PAUSES_S:
            try:
                answer = attempt()
            except TransportError as error:
                self._logger.debug('Trying again in %ss: %s', pause_s, error)
            else:
                if answer is None or answer.status < 500:
                    return answer
            self._sleep(pause_s)
        return attempt()

    def _refused(self, target: Target, name: str, answer: RemoteAnswer) -> Sent:
        said = {401: 'Unauth', 404: 'Not found'}.get(answer.status,
                                                     f'{answer.status} {answer.reason}')
        self._logger.info('%s /%s/%s/%s => %s', said, target.account, target.container, name,
                          target.url_of(name))
        return Sent.FAILED
