"""Layer 4: programs; each parses arguments, calls the library and prints."""
