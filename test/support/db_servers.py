"""Account and container servers called directly, without sockets."""
import os
from typing import NamedTuple

from swift.account.options import AccountServerOptions
from swift.account.server import make_app as make_account_app
from swift.common.clock import ManualClock
from swift.common.cluster import Cluster
from swift.common.request import Request
from swift.container.options import ContainerServerOptions
from swift.container.server import make_app as make_container_app
from swift.core.policy import PolicyCollection, StoragePolicy
from swift.core.wsgi_text import str_to_wsgi, wsgi_to_str
from test.support.logs import RecordingLogger

POLICIES = PolicyCollection((StoragePolicy(0, 'gold', is_default=True), StoragePolicy(1, 'silver'),
                             StoragePolicy(2, 'ec42')))


class Answer(NamedTuple):
    """What a server answered; header names as sent."""

    status: int
    reason: str
    headers: dict
    body: bytes


class FakePool:
    """Answers requests of a server from a list of statuses or errors; keeps what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def request(self, address, method, target, headers, body=b'', *, conn_timeout, timeout):
        self.asked.append((address, method, target, dict(headers)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return FakeResponse(answer)


class FakeResponse:
    """An answer without a body."""

    def __init__(self, status):
        self.status = status

    def read(self, size=-1):
        return b''

    def close(self):
        pass


class Client:
    """Calls one server. `devices` is its devices directory, with the device sda1."""

    def __init__(self, kind, devices, pool=None, policies=POLICIES, salt=b'', **options):
        os.makedirs(os.path.join(devices, 'sda1'), exist_ok=True)
        conf = {'devices': str(devices), 'mount_check': 'false', 'fallocate_reserve': '0',
                'log_requests': 'false', **options}
        cluster = Cluster.of(str(devices), prefix=salt, suffix=b'changeme', policies=policies)
        self.logger = RecordingLogger()
        self.clock = ManualClock()
        if kind == 'account':
            self.app = make_account_app(AccountServerOptions.parse(conf), cluster, self.logger,
                                        self.clock)
        else:
            self.app = make_container_app(ContainerServerOptions.parse(conf), cluster,
                                          self.logger, self.clock, pool or FakePool())

    def __call__(self, method, path, headers=(), body=None):
        env = Request.blank(path, body=body).environ
        env['REQUEST_METHOD'] = method
        for name, value in dict(headers).items():
            env['HTTP_' + name.upper().replace('-', '_')] = str_to_wsgi(str(value))
        got = []
        content = b''.join(self.app(env, lambda *answer: got.append(answer)))
        (status, sent), = got
        code, _, reason = status.partition(' ')
        return Answer(int(code), reason,
                      {name: wsgi_to_str(value) for name, value in sent}, content)

    def close(self):
        self.app.close()
