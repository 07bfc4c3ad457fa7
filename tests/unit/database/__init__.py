"""Mirrors shared/database."""
