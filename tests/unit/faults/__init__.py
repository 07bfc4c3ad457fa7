"""Unit tests of the fault check itself."""
