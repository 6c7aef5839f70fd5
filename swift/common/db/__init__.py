"""Account and container databases: SQLite files with a pending log, shared by several processes.

Layer 1. schema (SQL text and migrations), connection (open, errors, chexor), files (which file of
a hash directory is the database), pending (the append log), broker (what both kinds of database
have in common), cache (open brokers), group (records of many requests in one append), service
(what the account and the container server have in common).
"""
