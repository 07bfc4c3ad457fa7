"""Signature schemes: pure functions over bytes."""
