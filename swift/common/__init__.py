"""Layer 1: how bytes, processes, rings, databases, caches and configuration move."""
