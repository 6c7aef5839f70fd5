"""The account server, its database, and the account daemons."""
