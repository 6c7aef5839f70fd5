"""Layer 0: every rule that can be decided without I/O, a clock or configuration."""
