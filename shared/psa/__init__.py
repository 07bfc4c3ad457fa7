"""Repositories of the PSA store, which the bundled actions write."""
