"""From evaluated expressions to typed fields, with every fault named at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from shared.errors import ExpressionError
from shared.expressions.plain import MISSING, Expression
from shared.mapping.fields import ActionFields, field_types, required_fields, unclearable_fields
from shared.mapping.shown import shown

#: Stands for the field in a fault of the fields taken together.
TOGETHER = "*"


@dataclass(frozen=True, slots=True)
class MappingFault:
    """Why one field could not be filled."""

    field: str
    #: ``required``, ``not_mapped``, ``not_nullable``, an expression error's reason, or the name of
    #: the rule that the value breaks.
    rule: str
    reason: str
    expression: str | None = None
    #: Zero-based character offset in the expression.
    position: int | None = None
    #: The value met, as shortened JSON.
    value: str | None = None
    #: The type of the field in the catalogue, where the value does not fit it.
    wanted: str | None = None

    def details(self) -> dict[str, Any]:
        """Return what is known, for an outcome or an answer."""
        known = {slot: getattr(self, slot) for slot in self.__slots__}
        return {name: item for name, item in known.items() if item is not None}


@dataclass(frozen=True, slots=True)
class Filling:
    """What became of the fields of one model."""

    model: type[ActionFields]
    #: The typed fields; None where there are faults.
    fields: ActionFields | None
    #: Those of expressions first, then what is absent, cannot be cleared, does not fit.
    faults: tuple[MappingFault, ...]
    #: What was found for each field, before it became a value of the field's type.
    given: Mapping[str, object]

    def values(self) -> dict[str, object]:
        """Return the typed value of each field that was found and has no fault."""
        if self.fields is not None:
            return {name: getattr(self.fields, name) for name in self.given}
        faulty = {fault.field for fault in self.faults}
        return {
            name: _adapter(self.model, name).validate_python(value)
            for name, value in self.given.items()
            if name not in faulty
        }


def fill_fields(
    model: type[ActionFields],
    expressions: Mapping[str, Expression],
    results: Mapping[str, object],
) -> Filling:
    """Return an action's typed fields, or why some cannot be filled.

    What an expression does not find leaves its field unset. Null, and an empty text outside JSON
    fields, clear an optional field.

    Args:
        model: What to fill.
        expressions: By the names of fields of the model.
        results: For each of them a JSON value, ``MISSING`` or an ``ExpressionError``.
    """
    return _fill_at_once(model, results) or _Filler(model, expressions, results).fill()


def _fill_at_once(model: type[ActionFields], results: Mapping[str, object]) -> Filling | None:
    """Return the fields where nothing is special about any value: so it is nearly always."""
    given = {}
    for name, value in results.items():
        if value is None or value == "" or isinstance(value, ExpressionError):
            return None
        if value is not MISSING:
            given[name] = value
    if not given.keys() >= required_fields(model):
        return None
    try:
        return Filling(model, model.model_validate(given), (), given)
    except ValidationError:
        return None


class _Filler:
    def __init__(
        self,
        model: type[ActionFields],
        expressions: Mapping[str, Expression],
        results: Mapping[str, object],
    ) -> None:
        self._model = model
        self._expressions = expressions
        self._results = results
        self._types = field_types(model)
        self._given = {
            name: self._cleared(name, value)
            for name, value in results.items()
            if value is not MISSING and not isinstance(value, ExpressionError)
        }

    def fill(self) -> Filling:
        faults = [*self._expression_faults(), *self._absences(), *self._clearings()]
        faulty = {fault.field for fault in faults}
        fields = None
        try:
            fields = self._model.model_validate(
                {name: value for name, value in self._given.items() if name not in faulty}
            )
        except ValidationError as error:
            faults += self._misfits(error, faulty)
        return Filling(self._model, None if faults else fields, tuple(faults), self._given)

    def _cleared(self, name: str, value: object) -> object:
        return None if value == "" and self._types[name].name != "json" else value

    def _expression_faults(self) -> Iterator[MappingFault]:
        for name, error in self._results.items():
            if isinstance(error, ExpressionError):
                yield MappingFault(
                    field=name,
                    rule=error.reason or error.code,
                    reason=str(error),
                    expression=error.expression or None,
                    position=error.position,
                )

    def _absences(self) -> Iterator[MappingFault]:
        required = required_fields(self._model)
        for name in self._model.model_fields:
            if name not in required or self._given.get(name) is not None:
                continue
            if name not in self._expressions:
                yield MappingFault(name, "not_mapped", "is required and has no expression")
            elif not isinstance(result := self._results[name], ExpressionError):
                met = "nothing" if result is MISSING else shown(result)
                yield MappingFault(
                    field=name,
                    rule="required",
                    reason=f"is required, but the expression gave {met}",
                    expression=self._expressions[name].text,
                )

    def _clearings(self) -> Iterator[MappingFault]:
        for name in self._given.keys() & unclearable_fields(self._model):
            if self._given[name] is None and not self._model.model_fields[name].is_required():
                met = shown(self._results[name])
                yield MappingFault(
                    field=name,
                    rule="not_nullable",
                    reason=f"cannot be cleared, but the expression gave {met}",
                    expression=self._expressions[name].text,
                )

    def _misfits(self, error: ValidationError, faulty: set[str]) -> Iterator[MappingFault]:
        told = set(faulty)
        for item in error.errors(include_url=False, include_context=False, include_input=False):
            name = str(item["loc"][0]) if item["loc"] else TOGETHER
            if name not in told:
                told.add(name)
                yield self._misfit(name, item)

    def _misfit(self, name: str, error: ErrorDetails) -> MappingFault:
        reason = error["msg"].removeprefix("Value error, ")
        if name == TOGETHER:
            return MappingFault(name, error["type"], reason)
        text = self._expressions[name].text
        return MappingFault(
            field=name,
            rule=error["type"],
            reason=reason,
            expression=text,
            value=shown(self._results[name], source=text),
            wanted=self._types[name].shown(),
        )


@lru_cache(maxsize=4096)
def _adapter(model: type[ActionFields], name: str) -> TypeAdapter[Any]:
    field = model.model_fields[name]
    annotation: Any = field.annotation
    return TypeAdapter(Annotated[(annotation, *field.metadata)] if field.metadata else annotation)
