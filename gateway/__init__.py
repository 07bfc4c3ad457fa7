"""The receiver: verifies, limits, records and publishes; never runs a handler."""
