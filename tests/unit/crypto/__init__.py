"""Mirrors shared/crypto."""
