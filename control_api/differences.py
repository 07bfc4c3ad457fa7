"""What differs between two contents, field by field: secrets masked, and bounded in size."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

_MASK = "***"
_MAX_FIELDS = 200
_MAX_VALUE_CHARACTERS = 500
_MAX_TOTAL_CHARACTERS = 16_384
_ABSENT = object()

#: A part of a field's name that says that its value opens something.
_SECRET_NAME = re.compile(
    r"(^|[_\-.])(secrets?|tokens?|passwords?|passphrase|passwd|pwd|credentials?|authorization|cookies?|jwt|"
    r"(api|private|access|signing|secret|master)[_-]?keys?)"
    # What tells about a credential and is none: secret_id, token_url, secret_changed, ...
    r"(?![_-](ids?|at|seconds|count|changed|replaced|prefix|header|type|name|url)\b)($|[_\-.])",
    re.IGNORECASE,
)
#: What a credential looks like wherever it stands: keys of ours and of others, authorization
#: headers, tokens, passwords and tokens in addresses, private keys, and long random-looking runs.
_CREDENTIALS = re.compile(
    r"pst_[\w-]{20,}|pso_[\w-]{20,}"
    r"|\b(?:sk|rk|pk|whsec|xox[abprs]|ghp|gho|ghs|github_pat|glpat|shpat)[_-][\w-]{10,}"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*"
    r"|(?i:\b(?:bearer|basic|token)\s+)[\w.~+/=-]{8,}"
    r"|(?<=://)[^/\s:@\"']+:[^/\s@\"']+(?=@)"
    r"|(?i:(?<=[?&]token=)|(?<=[?&]key=)|(?<=[?&]secret=)|(?<=[?&]api_key=)|(?<=[?&]signature=))[^&#\s\"']+"
    r"|-----BEGIN [A-Z ]+-----[\s\S]*"
    r"|\b[0-9a-fA-F]{32,}\b"
    r"|(?<![\w+/=-])(?=[\w+/-]*[a-z])(?=[\w+/-]*[A-Z])(?=[\w+/-]*[0-9])[\w+/-]{28,}=*"
)


def differences(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return ``{"fields": [{"field", "before", "after"}], "omitted"}``.

    A field that was not there before, or is no longer, has no ``before`` or ``after``. Objects are
    compared field by field, lists as a whole. ``omitted`` counts fields beyond the bounds.
    """
    fields: list[dict[str, Any]] = []
    room, omitted = _MAX_TOTAL_CHARACTERS, 0
    for path, old, new in _differing(before or {}, after or {}, ()):
        entry = _entry(path, old, new)
        room -= len(_text(entry))
        if room < 0 or len(fields) == _MAX_FIELDS:
            omitted += 1
        else:
            fields.append(entry)
    return {"fields": fields, "omitted": omitted}


def masked(value: Any, name: str = "") -> Any:
    """Return a value with everything in it masked that is, or looks like, a credential."""
    if _SECRET_NAME.search(name) and value is not None and not isinstance(value, bool):
        return _MASK
    if isinstance(value, Mapping):
        return {str(key): masked(item, str(key)) for key, item in value.items()}
    if isinstance(value, str):
        return _CREDENTIALS.sub(_MASK, value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [masked(item) for item in value]
    return value


def _differing(
    before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
        here = (*path, str(name))
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differing(old, new, here)
        elif old != new:
            yield here, old, new


def _entry(path: Sequence[str], old: Any, new: Any) -> dict[str, Any]:
    name = ".".join(path)
    sides = {"before": old, "after": new}
    return {
        "field": name[:_MAX_VALUE_CHARACTERS],
        **{
            side: _bounded(masked(value, name))
            for side, value in sides.items()
            if value is not _ABSENT
        },
    }


def _bounded(value: Any) -> Any:
    """Return a value as it is where it is short, else the beginning of its text."""
    text = value if isinstance(value, str) else _text(value)
    if len(text) <= _MAX_VALUE_CHARACTERS:
        return value
    return f"{text[:_MAX_VALUE_CHARACTERS]}…"


def _text(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()
