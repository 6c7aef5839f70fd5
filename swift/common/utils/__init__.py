"""Names that third-party filters import; each one lives in a module of its own."""
