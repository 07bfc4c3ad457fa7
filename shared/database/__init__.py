"""Pools, named queries and migrations."""
