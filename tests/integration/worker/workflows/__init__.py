"""Workflows on a real ledger and a real engine."""
