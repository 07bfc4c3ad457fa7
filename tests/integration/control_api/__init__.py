"""The control API on a real PostgreSQL."""
