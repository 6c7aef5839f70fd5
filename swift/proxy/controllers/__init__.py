"""What the proxy answers for accounts, containers and objects."""
