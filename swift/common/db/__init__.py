"""SQLite databases of accounts and containers: schema, brokers, pending records."""
