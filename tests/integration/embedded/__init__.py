"""Mirrors shared/embedded."""
