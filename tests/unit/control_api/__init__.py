"""The control API's pure parts."""
