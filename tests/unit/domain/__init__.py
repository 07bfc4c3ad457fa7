"""Mirrors shared/domain."""
