"""Functions that expressions may call besides JSONata's own.

They keep the meaning they had in the system whose mappings people bring along; ``append`` is
JSONata's own. Undefined arguments arrive as None, JSON null as the engine's null value.
"""

from collections.abc import Callable
from typing import Any

from jsonata import Functions, Jsonata, Utils

from shared.clock import SystemClock


def now_iso() -> str:
    """Return the moment of evaluation as ISO 8601 in UTC with milliseconds."""
    return SystemClock().now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def coalesce(*values: Any) -> Any:
    """Return the first value that is neither null nor undefined, else null."""
    return next((value for value in values if not _is_absent(value)), Utils.NULL_VALUE)


def length(value: Any = None) -> int:
    """Return the length of a string or array, 0 for anything else."""
    return len(value) if isinstance(value, str | list) else 0


def to_string(value: Any = None) -> Any:
    """Return a value as JSONata's ``$string`` does, but null and undefined as an empty string.

    An integer keeps all its digits, where ``$string`` keeps fifteen: identifiers are that long.
    """
    if _is_absent(value):
        return ""
    if type(value) is int:
        return str(value)
    return Functions.string(value, False)  # noqa: FBT003 - not ours


def _is_absent(value: Any) -> bool:
    return value is None or value is Utils.NULL_VALUE


_IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "nowIso": now_iso,
    "coalesce": coalesce,
    "len": length,
    "toString": to_string,
}

#: Variable name to function, as the engine binds them.
BINDINGS = {name: Jsonata.JLambda(function) for name, function in _IMPLEMENTATIONS.items()}

#: Functions that may be called without the dollar sign.
BARE_NAMES = frozenset(BINDINGS) | {"append"}
