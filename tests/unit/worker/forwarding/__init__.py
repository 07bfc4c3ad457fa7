"""Forwarding without a network."""
