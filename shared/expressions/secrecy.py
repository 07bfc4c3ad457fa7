"""Names that stand for secrets: what they name is never shown in a fault."""

import re

_SECRET = re.compile(
    r"passw|passphrase|secret|token|credential|authori[sz]ation|api[-_ ]?key|access[-_ ]?key"
    r"|private[-_ ]?key|cookie|signature|\bpwd\b|\bpin\b|\bcvv\b",
    re.IGNORECASE,
)


def names_secret(text: str) -> bool:
    """Return whether a key, or an expression by its text, names a secret."""
    return _SECRET.search(text) is not None
