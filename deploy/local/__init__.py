"""Runs the whole system on one machine: for `make run`, the demo and the end-to-end tests."""
