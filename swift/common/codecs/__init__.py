"""Byte formats shared with other implementations, one module per format, golden-tested."""
