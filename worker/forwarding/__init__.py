"""Requests to HTTP targets that others name: checked, signed, bounded."""
