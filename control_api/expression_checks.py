"""Expressions of configuration, checked in sandbox processes before the bodies around them.

A hostile text takes seconds to compile: this program's event loop must not wait for that. The
models of bodies look up here what is wrong with an expression that they meet.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.errors import ExpressionError, Transient
from shared.expressions.compiler import check_expression
from shared.expressions.plain import parse_expression
from shared.expressions.sandbox import Sandbox

#: Time for one call of the sandbox.
_CHECK_SECONDS = 5.0
_EXPRESSIONS_PER_CALL = 64
#: Reasons that are about the moment, not about the expression.
_PASSING_REASONS = frozenset({"busy", "crashed", "starved"})


class ExpressionsBusy(Transient):
    """Every process that checks expressions is busy."""

    code = "expressions_busy"


class Asked(NamedTuple):
    """An expression, and whether it has to give the same for the same body every time."""

    text: str
    is_deterministic: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of expressions; others are checked in this process when they are met."""

    errors: Mapping[Asked, ExpressionError | None] = field(default_factory=dict)

    def demand(self, text: str, *, is_deterministic: bool) -> None:
        """Check an expression.

        Raises:
            ExpressionError: It may not be saved.
        """
        asked = Asked(text, is_deterministic)
        if asked not in self.errors:
            check_expression(text, deterministic=is_deterministic)
        elif (error := self.errors[asked]) is not None:
            raise error


@dataclass(frozen=True, slots=True)
class ExpressionChecks:
    """Checks expressions in a sandbox; without one, they are checked where they are met."""

    sandbox: Sandbox | None

    async def check(self, documents: Iterable[object]) -> Checked:
        """Return what is known of the expressions of webhooks' bodies, however faulty those are.

        Raises:
            ExpressionsBusy: The sandbox has no time for them now.
        """
        if self.sandbox is None:
            return Checked()
        wanted = {asked for document in documents for asked in expressions_in(document)}
        errors: dict[Asked, ExpressionError | None] = dict.fromkeys(wanted)
        rest = [asked for asked in wanted if not parse_expression(asked.text).is_plain]
        for is_deterministic in (False, True):
            texts = sorted(text for text, kind in rest if kind is is_deterministic)
            for start in range(0, len(texts), _EXPRESSIONS_PER_CALL):
                batch = texts[start : start + _EXPRESSIONS_PER_CALL]
                found = await self._errors(self.sandbox, batch, is_deterministic=is_deterministic)
                errors |= {Asked(text, is_deterministic): error for text, error in found.items()}
        return Checked(errors)

    async def fault_of(self, text: str, *, is_deterministic: bool) -> ExpressionError | None:
        """Return why an expression may not be saved, None where it may.

        Raises:
            ExpressionsBusy: There is no sandbox, or it has no time now.
        """
        if self.sandbox is None:
            raise ExpressionsBusy
        found = await self._errors(self.sandbox, [text], is_deterministic=is_deterministic)
        return found.get(text)

    async def _errors(
        self, sandbox: Sandbox, texts: list[str], *, is_deterministic: bool
    ) -> dict[str, ExpressionError]:
        found = await sandbox.check(
            {text: text for text in texts},
            deterministic=is_deterministic,
            timeout_seconds=_CHECK_SECONDS,
        )
        reasons = {error.reason for error in found.values()}
        if passing := reasons & _PASSING_REASONS:
            raise ExpressionsBusy(f"expressions cannot be checked now ({passing.pop()})")
        if "timeout" not in reasons or len(texts) == 1:
            return found
        # One of them took the time of those behind it: each has its own now.
        alone: dict[str, ExpressionError] = {}
        for text in texts:
            alone |= await self._errors(sandbox, [text], is_deterministic=is_deterministic)
        return alone


def expressions_in(document: object) -> Iterator[Asked]:
    """Yield the expressions of a webhook's body, as far as it has the form of one."""
    webhook = _object(document)
    mapping = _object(_object(webhook.get("handler_config")).get("field_mapping"))
    yield from (
        Asked(text, is_deterministic=False) for text in mapping.values() if isinstance(text, str)
    )
    ordering = _object(webhook.get("ordering"))
    for source in (_object(webhook.get("idempotency_source")), _object(ordering.get("source"))):
        text = source.get("value")
        if source.get("type") == "jsonata" and isinstance(text, str):
            yield Asked(text.strip(), is_deterministic=True)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
