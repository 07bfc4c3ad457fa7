"""Evaluation of a set of expressions over one body: short way first, sandbox for the rest."""

from collections.abc import Hashable, Mapping

from shared.expressions.plain import UNDECIDED, Expression
from shared.expressions.sandbox import Sandbox


class Evaluator:
    """Evaluates expressions; plain ones at once, the others bounded in a sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def evaluate(
        self,
        expressions: Mapping[str, Expression],
        document: object,
        body: bytes,
        *,
        timeout_seconds: float,
        owner: Hashable = None,
    ) -> dict[str, object]:
        """Return each expression's value, ``MISSING`` or an ``ExpressionError``, by its name.

        Args:
            expressions: What to evaluate, by field name.
            document: The body as parsed by orjson.
            body: The same body as it came.
            timeout_seconds: Wall clock for everything that needs the sandbox, together.
            owner: Whose they are, as for ``Sandbox.evaluate``.
        """
        results = {name: item.lookup(document) for name, item in expressions.items()}
        rest = {
            name: expressions[name].text for name, value in results.items() if value is UNDECIDED
        }
        if rest:
            results.update(
                await self._sandbox.evaluate(
                    rest, body, timeout_seconds=timeout_seconds, owner=owner
                )
            )
        return results
