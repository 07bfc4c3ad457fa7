"""From evaluated expressions to the typed fields of an action, with every fault named at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from pydantic import ValidationError

from shared.errors import ExpressionError
from shared.expressions.plain import MISSING, Expression, parse_expression
from worker.actions.fields import ActionFields, field_types, unclearable_fields
from worker.outcome import Reject, Retry

_LONGEST_SHOWN = 200
#: Reasons that are about the moment and not about the expression.
_PASSING_REASONS = frozenset({"busy", "crashed", "starved"})


@dataclass(frozen=True, slots=True)
class MappingFault:
    """Why one field could not be filled."""

    field: str
    #: ``required``, ``not_mapped``, an expression error's reason, or the broken rule's name.
    rule: str
    reason: str
    expression: str | None = None
    #: Zero-based character offset in the expression.
    position: int | None = None
    #: The value met, as shortened JSON.
    value: str | None = None

    def details(self) -> dict[str, Any]:
        """Return what is known, for the delivery's outcome."""
        known = {slot: getattr(self, slot) for slot in self.__slots__}
        return {name: item for name, item in known.items() if item is not None}


@lru_cache(maxsize=16_384)
def _parsed(text: str) -> Expression:
    return parse_expression(text)


def wanted_expressions(
    model: type[ActionFields], field_mapping: Mapping[str, str]
) -> dict[str, Expression]:
    """Return the expressions of the fields that the action has; others are not evaluated."""
    return {
        name: _parsed(text) for name, text in field_mapping.items() if name in model.model_fields
    }


def passing_fault(results: Mapping[str, object]) -> Retry | None:
    """Return a retry where the sandbox, not an expression, was at fault."""
    for error in results.values():
        if isinstance(error, ExpressionError) and error.reason in _PASSING_REASONS:
            return Retry(str(error), f"expression_{error.reason}")
    return None


def fill_fields(
    model: type[ActionFields],
    expressions: Mapping[str, Expression],
    results: Mapping[str, object],
) -> ActionFields | Reject:
    """Return an action's typed fields, or why some cannot be filled.

    What an expression does not find leaves its field unset. Null, and an empty text outside JSON
    fields, clear an optional field.
    """
    given = {
        name: _cleared(model, name, value)
        for name, value in results.items()
        if value is not MISSING and not isinstance(value, ExpressionError)
    }
    faults = [
        *_expression_faults(results),
        *_absences(model, expressions, results, given),
        *_clearings(model, expressions, results, given),
    ]
    faulty = {fault.field for fault in faults}
    try:
        fields = model.model_validate({n: v for n, v in given.items() if n not in faulty})
    except ValidationError as error:
        faults += _validation_faults(error, faulty, expressions, results)
    else:
        if not faults:
            return fields
    return _mapping_failed(faults)


def _cleared(model: type[ActionFields], name: str, value: object) -> object:
    return None if value == "" and field_types(model)[name].name != "json" else value


def _expression_faults(results: Mapping[str, object]) -> Iterator[MappingFault]:
    for name, error in results.items():
        if isinstance(error, ExpressionError):
            yield MappingFault(
                field=name,
                rule=error.reason or error.code,
                reason=str(error),
                expression=error.expression or None,
                position=error.position,
            )


def _absences(
    model: type[ActionFields],
    expressions: Mapping[str, Expression],
    results: Mapping[str, object],
    given: Mapping[str, object],
) -> Iterator[MappingFault]:
    for name, field in model.model_fields.items():
        if not field.is_required() or given.get(name) is not None:
            continue
        if name not in expressions:
            yield MappingFault(name, "not_mapped", "is required and has no expression")
        elif not isinstance(results[name], ExpressionError):
            met = "nothing" if results[name] is MISSING else _shown(results[name])
            yield MappingFault(
                field=name,
                rule="required",
                reason=f"is required, but the expression gave {met}",
                expression=expressions[name].text,
            )


def _clearings(
    model: type[ActionFields],
    expressions: Mapping[str, Expression],
    results: Mapping[str, object],
    given: Mapping[str, object],
) -> Iterator[MappingFault]:
    for name in given.keys() & unclearable_fields(model):
        if given[name] is None and not model.model_fields[name].is_required():
            yield MappingFault(
                field=name,
                rule="not_nullable",
                reason=f"cannot be cleared, but the expression gave {_shown(results[name])}",
                expression=expressions[name].text,
            )


def _validation_faults(
    error: ValidationError,
    faulty: set[str],
    expressions: Mapping[str, Expression],
    results: Mapping[str, object],
) -> Iterator[MappingFault]:
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(item["loc"][0])
        if name in faulty:
            continue
        yield MappingFault(
            field=name,
            rule=item["type"],
            reason=item["msg"].removeprefix("Value error, "),
            expression=expressions[name].text,
            value=_shown(results[name]),
        )


def _mapping_failed(faults: list[MappingFault]) -> Reject:
    first = faults[0].details()
    return Reject(
        reason="mapping failed: " + "; ".join(f"{fault.field} {fault.reason}" for fault in faults),
        code="mapping_failed",
        details={
            **{key: first[key] for key in ("field", "expression", "position") if key in first},
            "faults": [fault.details() for fault in faults],
        },
    )


def _shown(value: object) -> str:
    """Return a value as JSON, cut to a length that fits into a message."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        text = type(value).__name__
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
