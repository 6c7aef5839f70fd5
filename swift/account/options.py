"""Options of the account server. Layer 3. Source: sheet 03 §26.1, §26.2."""
from swift.common.config.common import DatabaseServerOptions
from swift.common.config.options import Integer


class AccountServerOptions(DatabaseServerOptions, section='app:account-server'):
    """The account server."""

    bind_port = Integer(6202, 'Port to listen on.')
