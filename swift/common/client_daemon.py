"""What daemons have in common that act as clients: a pipeline of their own, and direct requests.

Layer 1. Subclasses say whose pipeline it is (client_path) and how they introduce themselves. It is
loaded at first use, so that a daemon with nothing to do needs no configuration of a proxy.
"""
from collections.abc import Mapping
from typing import Any, ClassVar

from swift.common.cluster import Cluster
from swift.common.daemon import Daemon
from swift.common.direct_client import DirectClient
from swift.common.http.pool import ConnectionPool
from swift.common.internal_client import InternalClient, global_conf_of
from swift.common.metrics import Statsd


class ClientDaemon(Daemon):
    """A daemon with an internal client. Tests give it one, and a pool."""

    agent: ClassVar[str]
    statsd_name: ClassVar[str]

    def __init__(self, conf: Mapping[str, str], logger: Any = None, *,
                 cluster: Cluster | None = None, pool: Any = None,
                 client: InternalClient | None = None, **parts: Any):
        super().__init__(conf, logger, **parts)
        options = self.options
        self.cluster = cluster or Cluster.load(options.swift_dir, logger=self.logger)
        self.statsd = Statsd.from_options(conf, tail=options.log_name or self.statsd_name,
                                          logger=self.logger)
        self.direct = DirectClient(pool or ConnectionPool(), clock=self.clock)
        self._client = client

    def client_path(self) -> str | None:
        """Return the path of the configuration that holds the pipeline."""
        raise NotImplementedError

    @property
    def client(self) -> InternalClient:
        """The internal client. Raises ConfigError when its pipeline cannot be loaded."""
        if self._client is None:
            path = self.client_path()
            self._client = InternalClient(
                path, self.agent, self.options.request_tries, use_replication_network=True,
                global_conf=global_conf_of(self.conf, self.options.swift_dir, path),
                sleep=self._sleep)
        return self._client
