"""Audit watchers that come with the object server (entry points `swift.object_audit_watcher`)."""
