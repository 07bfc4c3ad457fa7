"""Background duties: relay, partitions, expiry."""
