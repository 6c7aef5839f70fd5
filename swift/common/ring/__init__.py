"""Ring files: loading, lookup, building."""
