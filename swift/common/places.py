"""Where the configuration of a cluster is: the one rule for servers, daemons and tools (layer 1).

What was chosen (an option of the command line, `swift_dir` of a section) beats the environment
variable SWIFT_DIR, which beats /etc/swift. swift-init hands its own root to what it starts.

Source: sheet 07 sections 28.1, 28.16.
"""
import os
from collections.abc import Mapping

DEFAULT_SWIFT_DIR = '/etc/swift'


def config_root(chosen: str | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the directory of swift.conf, rings and configurations."""
    return chosen or environ.get('SWIFT_DIR') or DEFAULT_SWIFT_DIR
