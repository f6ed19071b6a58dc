"""Watching the system itself: processes, status, metrics, and what must always be true."""
