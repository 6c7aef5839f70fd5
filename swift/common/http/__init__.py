"""The HTTP/1.1 engine: wire parser, server, client, connection pool."""
