"""The object server, its files on disk, and the object daemons."""
