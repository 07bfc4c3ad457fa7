"""Turns what pydantic found wrong into faults with field, rule, value and message."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.errors import Fault, InvalidInput

Model = TypeVar("Model", bound=BaseModel)

#: pydantic's error type to our stable rule name; types that are not here keep their own.
_RULES = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "string_too_short": "min_length",
    "string_too_long": "max_length",
    "too_short": "min_length",
    "too_long": "max_length",
    "string_pattern_mismatch": "pattern",
    "greater_than_equal": "minimum",
    "less_than_equal": "maximum",
    "literal_error": "one_of",
    "model_type": "type",
    "model_attributes_type": "type",
}
#: auth_config and options themselves: what should be an object may be a misplaced secret. An
#: address that is refused may have a password in it.
_SECRET_FIELDS = frozenset({"secret", "token", "auth_config", "options", "public_url"})
_SHOWN_CHARACTERS = 200


def faults_of(errors: Iterable[Mapping[str, Any]], *, prefix: str = "") -> list[Fault]:
    """Return the faults of pydantic's error list; ``prefix`` leads every field."""
    return [
        Fault(
            field=field_path(prefix, *error["loc"]),
            rule=(rule := _rule_of(error["type"])),
            message=error["msg"],
            value=_shown(error["loc"], rule, error.get("input")),
        )
        for error in errors
    ]


def validate(
    model: type[Model],
    raw: object,
    faults: list[Fault],
    *,
    prefix: str = "",
    context: object = None,
) -> Model | None:
    """Return ``raw`` as ``model``, or None after adding what is wrong with it to ``faults``.

    ``context`` is handed to the model's validators.
    """
    try:
        return model.model_validate(raw, context=context)
    except ValidationError as error:
        found: Sequence[Mapping[str, Any]] = error.errors(include_url=False)
        faults += faults_of(found, prefix=prefix)
        return None


def validated(model: type[Model], raw: object) -> Model:
    """Return ``raw`` as ``model``.

    Raises:
        InvalidInput: With every fault.
    """
    faults: list[Fault] = []
    found = validate(model, raw, faults)
    if found is None:
        raise InvalidInput(summary(faults), faults=faults)
    return found


def summary(faults: Sequence[Fault]) -> str:
    """Return one sentence about faults, for people who read the message alone."""
    first = f"{faults[0].field}: {faults[0].message}".removeprefix(": ")
    return first if len(faults) == 1 else f"{first} (and {len(faults) - 1} more, see details)"


def field_path(*parts: object) -> str:
    """Join the parts of a path with dots, leaving out what is empty."""
    return ".".join(str(part) for part in parts if part not in {"", "[key]"})


def _rule_of(kind: str) -> str:
    if kind.endswith(("_type", "_parsing")):
        return _RULES.get(kind, "type")
    return _RULES.get(kind, kind)


def _shown(location: Sequence[object], rule: str, value: object) -> object:
    """Return the value for showing: only plain ones, and none that may be a secret.

    An unknown field may be a misspelt secret; where a field is missing, pydantic hands over the
    object around it.
    """
    hidden = rule in {"required", "unknown_field"} or not _SECRET_FIELDS.isdisjoint(location)
    if hidden or not isinstance(value, str | int | float):
        return None
    return value[:_SHOWN_CHARACTERS] if isinstance(value, str) else value
