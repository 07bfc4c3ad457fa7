"""What at least two programs speak; imports nothing of theirs."""
