"""JSONata behind one function, bounded."""
