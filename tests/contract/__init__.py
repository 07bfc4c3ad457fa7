"""One behaviour suite for all adapters."""
