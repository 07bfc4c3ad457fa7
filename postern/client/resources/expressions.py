"""The resource expressions. Written by `make client` from docs/openapi.json."""

from postern.client import bodies, models
from postern.client.calls import Call, new_idempotency_key
from postern.client.transport import AsyncHttp, Http


class Expressions:
    """Calls of expressions."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def evaluate(
        self, body: bodies.EvaluateBody, *, idempotency_key: str | None = None
    ) -> models.EvaluationData:
        """Evaluate an expression on a payload or on a stored body, within a worker's limits.

        A faulty expression is no error of the request: its fault is in the answer.

        Needs the permission read.
        """
        call = Call(
            method="POST",
            template="/api/v1/expressions/evaluate",
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return self._http.fetch(call, models.EvaluationData)


class AsyncExpressions:
    """Calls of expressions."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def evaluate(
        self, body: bodies.EvaluateBody, *, idempotency_key: str | None = None
    ) -> models.EvaluationData:
        """Evaluate an expression on a payload or on a stored body, within a worker's limits.

        A faulty expression is no error of the request: its fault is in the answer.

        Needs the permission read.
        """
        call = Call(
            method="POST",
            template="/api/v1/expressions/evaluate",
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return await self._http.fetch(call, models.EvaluationData)
