"""The container server, its database, and the container daemons."""
