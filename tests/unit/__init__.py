"""Tests without network or sleep."""
