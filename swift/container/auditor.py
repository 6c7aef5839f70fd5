"""container-auditor: finds damaged container databases. Layer 3. Sheet 03 §22.

Everything is in swift/common/db/auditor.py; a container has no rule of its own.
"""
from swift.common.config.options import Float
from swift.common.db.auditor import DatabaseAuditor, DatabaseAuditorOptions
from swift.container.backend import ContainerBroker


class ContainerAuditorOptions(DatabaseAuditorOptions, section='container-auditor'):
    """The daemon that checks container databases."""

    containers_per_second = Float(200, 'Most containers looked at per second; 0 = no limit.',
                                  at_least=0)


class ContainerAuditor(DatabaseAuditor):
    """The daemon."""

    options_class = ContainerAuditorOptions
    kind = 'container'
    broker_class = ContainerBroker
    rate_option = 'containers_per_second'
