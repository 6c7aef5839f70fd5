"""Daemons: from the command line to the object that runs for ever.

Layer 4.
"""
from swift.cli.siblings import run_each
from swift.common import green


def object_updater() -> int:
    """Run the object updater."""
    # First of all: modules imported from here on must see the green standard library.
    green.patch()
    from swift.common.daemon import run_daemon
    from swift.obj.updater import ObjectUpdater
    return run_each(lambda argv: run_daemon(ObjectUpdater, 'object-updater', argv))


def object_replicator() -> int:
    """Run the object replicator."""
    green.patch()
    from swift.common.daemon import run_daemon
    from swift.obj.replicator import ObjectReplicator, add_arguments
    return run_each(lambda argv: run_daemon(ObjectReplicator, 'object-replicator', argv,
                                            add_arguments))


def container_updater() -> int:
    """Run the container updater."""
    green.patch()
    from swift.common.daemon import run_daemon
    from swift.container.updater import ContainerUpdater
    return run_each(lambda argv: run_daemon(ContainerUpdater, 'container-updater', argv))


def container_sync() -> int:
    """Run the container sync daemon."""
    green.patch()
    from swift.common.daemon import run_daemon
    from swift.container.sync import ContainerSync
    return run_each(lambda argv: run_daemon(ContainerSync, 'container-sync', argv))


def account_reaper() -> int:
    """Run the account reaper."""
    green.patch()
    from swift.account.reaper import AccountReaper
    from swift.common.daemon import run_daemon
    return run_each(lambda argv: run_daemon(AccountReaper, 'account-reaper', argv))


def object_expirer() -> int:
    """Run the object expirer."""
    green.patch()
    from swift.common.daemon import run_daemon
    from swift.obj.expirer import ObjectExpirer, add_arguments
    return run_each(lambda argv: run_daemon(ObjectExpirer, 'object-expirer', argv, add_arguments))


def container_reconciler() -> int:
    """Run the container reconciler."""
    green.patch()
    from swift.common.daemon import run_daemon
    from swift.container.reconciler import ContainerReconciler
    return run_each(lambda argv: run_daemon(ContainerReconciler, 'container-reconciler', argv))


def object_auditor() -> int:
    """Run the object auditor."""
    green.patch()
    from swift.common.daemon import run_daemon
    from swift.obj.auditor import ObjectAuditor, add_arguments
    return run_each(lambda argv: run_daemon(ObjectAuditor, 'object-auditor', argv, add_arguments))


def container_auditor() -> int:
    """Run the container auditor."""
    green.patch()
    from swift.common.daemon import run_daemon
    from swift.container.auditor import ContainerAuditor
    return run_each(lambda argv: run_daemon(ContainerAuditor, 'container-auditor', argv))


def account_auditor() -> int:
    """Run the account auditor."""
    green.patch()
    from swift.account.auditor import AccountAuditor
    from swift.common.daemon import run_daemon
    return run_each(lambda argv: run_daemon(AccountAuditor, 'account-auditor', argv))


def account_replicator() -> int:
    """Run the account replicator."""
    green.patch()
    from swift.account.replicator import AccountReplicator
    return _database_replicator(AccountReplicator)


def container_replicator() -> int:
    """Run the container replicator."""
    green.patch()
    from swift.container.replicator import ContainerReplicator
    return _database_replicator(ContainerReplicator)


def _database_replicator(daemon_class: type) -> int:
    from swift.common.daemon import run_daemon
    from swift.common.db.replication.daemon import add_arguments
    return run_each(lambda argv: run_daemon(daemon_class, daemon_class.options_class.section, argv,
                                            add_arguments))
