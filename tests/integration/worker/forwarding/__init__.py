"""Forwards to real servers on this machine."""
