"""Replication of account and container databases: the protocol, both sides of it, and the pass."""
