"""How tools refuse what they were given: one line on standard error, exit code not 0 (layer 4).

    2    the command line is wrong
    1    it is right, but a file, a policy or a ring is not there or not usable
"""
from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable

from swift.common.cluster import Cluster
from swift.common.errors import ConfigError, RingError
from swift.core.policy import StoragePolicy

INTERRUPTED = 128 + 2                            # as by signal SIGINT


class Refused(Exception):
    """What was asked for cannot be done; the text says why."""


class Parser(argparse.ArgumentParser):
    """Complains in one line, without the usage text."""

    def error(self, message: str) -> None:
        self.exit(2, f'{self.prog}: {message}\n')


def positive(text: str) -> int:
    """Return a number of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def not_negative(text: str) -> int:
    """Return a number of at least 0."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number


# What argparse calls a value that such a function refuses.
positive.__name__ = 'positive number'
not_negative.__name__ = 'number'


def refuses_in_one_line(program: Callable[..., int]) -> Callable[..., int]:
    """Decorate a program: what it cannot use is one line on standard error and exit code 1.

    Interrupted at the keyboard it ends without a word, as shells expect.
    """
    @functools.wraps(program)
    def run(*args, **named) -> int:
        try:
            return program(*args, **named)
        except (Refused, ConfigError, RingError) as problem:
            print(' '.join(str(problem).split()), file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return INTERRUPTED
    return run


def policy_named(cluster: Cluster, name: str | None) -> StoragePolicy:
    """Return a policy by name or alias, the default one without a name. Raises Refused."""
    if not name:
        return cluster.policies.default
    policy = cluster.policies.get_by_name(name)
    if policy is None:
        raise Refused(f"No policy named '{name}'")
    return policy
