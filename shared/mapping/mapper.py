"""One way from a body to typed fields for all who map: workers, previews and dry runs."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from shared.errors import ExpressionError
from shared.expressions.evaluator import Evaluator
from shared.expressions.plain import Expression, parse_expression
from shared.mapping.fields import ActionFields
from shared.mapping.filling import Filling, fill_fields

#: Reasons that are about the moment and not about the expression.
_PASSING_REASONS = frozenset({"busy", "crashed", "starved"})


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a field mapping gives over one body."""

    #: What each field's expression found: a JSON value, ``MISSING`` or an ``ExpressionError``.
    results: Mapping[str, object]
    filling: Filling

    @property
    def passing(self) -> ExpressionError | None:
        """The error for which the sandbox is to blame, not an expression: it may pass."""
        return passing_error(self.results)


class Mapper:
    """Evaluates field mappings and fills models.

    Args:
        evaluator: What evaluates.
        timeout_seconds: Wall clock for all expressions of a mapping together.
    """

    def __init__(self, evaluator: Evaluator, *, timeout_seconds: float) -> None:
        self._evaluator = evaluator
        self._timeout_seconds = timeout_seconds

    async def map(
        self,
        model: type[ActionFields],
        field_mapping: Mapping[str, str],
        *,
        document: object,
        body: bytes,
        owner: Hashable = None,
    ) -> Mapped:
        """Return what the mapping gives; its faults are part of that.

        Args:
            model: The target fields. What the mapping says of others is not evaluated.
            field_mapping: Field name to expression.
            document: The body as parsed by orjson.
            body: The same body as it came, empty for null.
            owner: The tenant, in whose turn it is evaluated.
        """
        expressions = wanted_expressions(model, field_mapping)
        results = await self._evaluator.evaluate(
            expressions,
            document,
            body or b"null",
            timeout_seconds=self._timeout_seconds,
            owner=owner,
        )
        return Mapped(results, fill_fields(model, expressions, results))

    async def map_each(
        self,
        mappings: Sequence[tuple[type[ActionFields], Mapping[str, str]]],
        *,
        document: object,
        body: bytes,
    ) -> list[Mapped]:
        """Return what each of several mappings gives over one body, for comparing them.

        An expression that they share is evaluated once: ``$now()`` is one moment in all of them.
        """
        wanted = [wanted_expressions(model, mapping) for model, mapping in mappings]
        distinct = {one.text: one for expressions in wanted for one in expressions.values()}
        found = await self._evaluator.evaluate(
            distinct, document, body or b"null", timeout_seconds=self._timeout_seconds
        )
        mapped = []
        for (model, _), expressions in zip(mappings, wanted, strict=True):
            results = {name: found[one.text] for name, one in expressions.items()}
            mapped.append(Mapped(results, fill_fields(model, expressions, results)))
        return mapped


def wanted_expressions(
    model: type[ActionFields], field_mapping: Mapping[str, str]
) -> dict[str, Expression]:
    """Return the expressions of the fields that the model has."""
    fields = model.model_fields
    return {name: _parsed(text) for name, text in field_mapping.items() if name in fields}


def passing_error(results: Mapping[str, object]) -> ExpressionError | None:
    """Return the first error of results that is about the moment, not about an expression."""
    for result in results.values():
        if isinstance(result, ExpressionError) and result.reason in _PASSING_REASONS:
            return result
    return None


@lru_cache(maxsize=16_384)
def _parsed(text: str) -> Expression:
    return parse_expression(text)
