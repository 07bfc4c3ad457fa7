"""A workflow of one's own."""
