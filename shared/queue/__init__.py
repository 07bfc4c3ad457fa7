"""The queue port and its two adapters."""
