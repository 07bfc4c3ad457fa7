"""Previews of expressions on payloads."""

from time import perf_counter
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import JsonBody, Provided, Reader, Services
from control_api.answers import data
from control_api.authentication import Caller
from control_api.contents.envelope import Data
from control_api.contents.expressions import Evaluation
from control_api.documentation import documented
from control_api.faults import summary, validated
from control_api.json_types import type_of
from control_api.schemas import EvaluateBody
from shared.errors import ExpressionError, Fault, InvalidInput
from shared.expressions.plain import MISSING, UNDECIDED, parse_expression
from shared.ledger.deliveries import Deliveries
from shared.ledger.samples import Samples

router = APIRouter(prefix="/api/v1/expressions", tags=["expressions"])


@router.post("/evaluate")
@documented(
    answer=Data[Evaluation],
    body=EvaluateBody,
    faults={404: "there is no delivery or sample of this id"},
)
async def evaluate(services: Provided, caller: Reader, body: JsonBody) -> Response:
    """Evaluate an expression on a payload or on a stored body, within a worker's limits.

    A faulty expression is no error of the request: its fault is in the answer.
    """
    wanted = validated(EvaluateBody, body)
    payload, document = await _payload(services, caller, wanted)
    expression = parse_expression(wanted.expression)
    started = perf_counter()
    result = await _result(services, wanted, document=document, payload=payload)
    duration_ms = round((perf_counter() - started) * 1000, 3)
    fault = result if isinstance(result, ExpressionError) else None
    value = None if fault is not None or result is MISSING else result
    return data(
        {
            "expression": wanted.expression,
            "result": orjson.Fragment(orjson.dumps(value, default=str)),
            "result_type": None if fault is not None else type_of(result),
            "is_plain": expression.is_plain,
            "duration_ms": duration_ms,
            "fault": None if fault is None else fault_content(fault),
        }
    )


async def _result(
    services: Services, wanted: EvaluateBody, *, document: object, payload: bytes
) -> object:
    """Return the value, ``MISSING`` or the fault."""
    expression = parse_expression(wanted.expression)
    if (found := expression.lookup(document)) is not UNDECIDED:
        return found
    if wanted.deterministic and not expression.is_plain:
        checks = services.expression_checks
        fault = await checks.fault_of(wanted.expression, is_deterministic=True)
        if fault is not None:
            return fault
    results = await services.evaluator.evaluate(
        {"expression": expression},
        document,
        payload,
        timeout_seconds=services.expression_timeout_seconds,
    )
    return results["expression"]


async def _payload(
    services: Services, caller: Caller, wanted: EvaluateBody
) -> tuple[bytes, object]:
    """Return what the expression is evaluated on, as bytes and parsed."""
    body = await _stored_body(services, caller, wanted)
    if body is None:
        return orjson.dumps(wanted.payload), wanted.payload
    try:
        return body, orjson.loads(body)
    except orjson.JSONDecodeError as error:
        field = "delivery_id" if wanted.delivery_id else "sample_id"
        fault = Fault(field, "json", f"The body is no JSON: {error}")
        raise InvalidInput(summary([fault]), faults=[fault]) from error


async def _stored_body(services: Services, caller: Caller, wanted: EvaluateBody) -> bytes | None:
    """Return the body of the delivery or the sample; None where neither is named."""
    async with services.transaction(caller) as connection:
        if wanted.delivery_id is not None:
            deliveries = Deliveries(connection)
            delivery = await deliveries.get(caller.tenant_id, wanted.delivery_id)
            return delivery.request_body or b"null"
        if wanted.sample_id is not None and wanted.webhook_id is not None:
            samples = Samples(connection)
            sample = await samples.get(caller.tenant_id, wanted.webhook_id, wanted.sample_id)
            return sample.body or b"null"
    return None


def fault_content(error: ExpressionError) -> dict[str, Any]:
    """Return what is wrong with an expression."""
    return {
        "reason": error.reason or error.code,
        "message": str(error),
        "position": error.position,
    }
