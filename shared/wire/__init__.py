"""Versioned formats that cross a process border."""
