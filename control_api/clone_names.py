"""Names for copies."""

from collections.abc import Sequence
from itertools import count

_MAX_NAME_LENGTH = 255
_NAME_END = " (copy)"
#: Of 64 characters, these leave room for ``-copy-`` and five digits.
_MAX_STEM_LENGTH = 53


def clone_name(name: str) -> str:
    """Return the name of a copy."""
    return name[: _MAX_NAME_LENGTH - len(_NAME_END)] + _NAME_END


def slug_stem(slug: str) -> str:
    """Return what the slugs of copies begin with."""
    return f"{slug[:_MAX_STEM_LENGTH].rstrip('-')}-copy"


def clone_slug(slug: str, taken: Sequence[str]) -> str:
    """Return the first free slug of a copy: ``a-copy``, ``a-copy-2``, ..."""
    stem = slug_stem(slug)
    numbered = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    return next(candidate for candidate in numbered if candidate not in taken)
