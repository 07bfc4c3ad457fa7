"""Names of JSON types, for people who read previews."""

from collections.abc import Mapping
from types import MappingProxyType, NoneType

_NAMES: Mapping[type, str] = MappingProxyType(
    {
        bool: "boolean",
        int: "number",
        float: "number",
        str: "string",
        dict: "object",
        list: "array",
        NoneType: "null",
    }
)


def type_of(value: object) -> str:
    """Return the JSON type of a value; ``undefined`` where an expression found nothing."""
    return _NAMES.get(type(value), "undefined")
