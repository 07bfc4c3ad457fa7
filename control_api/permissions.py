"""What callers may do, and which roles of an issuer permit it."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import orjson


class Permission(StrEnum):
    """What a caller may do in a tenant."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    REPLAY = "replay"
    #: Keys and the audit trail.
    ADMIN = "admin"


def parse_permission_map(text: str) -> Mapping[str, Sequence[str]]:
    """Return what each role permits.

    Raises:
        ValueError: It is no JSON object of lists of permissions, or holds none.
    """
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error}") from None
    if not isinstance(parsed, dict) or not parsed:
        raise ValueError('want an object such as {"postern-admin": ["read", "admin"]}')
    for role, names in parsed.items():
        unknown = (
            [name for name in names if name not in list(Permission)]
            if isinstance(names, list)
            else [names]
        )
        if unknown:
            choices = ", ".join(Permission)
            raise ValueError(f"{role!r} permits {unknown[0]!r}, which is none of {choices}")
    return {str(role): list(names) for role, names in parsed.items()}
