"""Previews of expressions, and expressions checked in sandbox processes on save."""

import time
from typing import Any

import pytest

from control_api.access import Services
from control_api.expression_checks import Asked, ExpressionChecks, ExpressionsBusy, expressions_in
from shared.database.pool import Connection
from shared.domain.identifiers import uuid7
from shared.expressions.sandbox import Sandbox
from tests.integration.control_api.conftest import Tenant, insert_delivery
from tests.integration.control_api.sandboxed import sandboxed
from tests.integration.control_api.test_webhooks import PATH, webhook_body

EVALUATE = "/api/v1/expressions/evaluate"
_PAYLOAD = {"device": {"id": 7, "tags": ["a", "b"]}, "empty": None}


async def test_previews_when_evaluated(services: Services, acme: Tenant) -> None:
    """Values come with their type and time; a fault with reason and position, and no error."""
    async with sandboxed(services, acme) as (tenant,):

        async def preview(expression: str, **more: object) -> dict[str, Any]:
            body = {"expression": expression, "payload": _PAYLOAD, **more}
            found: dict[str, Any] = (await tenant.post(EVALUATE, body, expect=200))["data"]
            assert found.pop("expression") == expression
            assert found.pop("duration_ms") >= 0
            return found

        def value(result: object, result_type: str, *, is_plain: bool) -> dict[str, Any]:
            return {
                "result": result,
                "result_type": result_type,
                "is_plain": is_plain,
                "fault": None,
            }

        assert await preview("device.id") == value(7, "number", is_plain=True)
        assert await preview("empty") == value(None, "null", is_plain=True)
        assert await preview("device.name") == value(None, "undefined", is_plain=True)
        assert await preview("$") == value(_PAYLOAD, "object", is_plain=True)
        joined = await preview("$join(device.tags, '-')")
        assert joined == value("a-b", "string", is_plain=False)
        assert await preview("device.id > 3") == value(True, "boolean", is_plain=False)
        assert await preview("device.tags") == value(["a", "b"], "array", is_plain=True)
        syntax = await preview("device.(")
        assert syntax["fault"]["reason"] == "syntax"
        assert syntax["fault"]["position"] == 8
        assert syntax["result_type"] is None
        assert (await preview("$uppercase(device)"))["fault"]["reason"] == "evaluation"
        assert (await preview("$now()", deterministic=True))["fault"]["reason"] == "forbidden"
        assert (await preview("$now()"))["fault"] is None
        assert (await preview("$eval('1')"))["fault"]["reason"] == "forbidden"


async def test_preview_when_it_never_ends(services: Services, acme: Tenant) -> None:
    """An endless expression is cut off in time, and the API goes on answering meanwhile."""
    endless = "($f := function($n) { $f($n) }; $f(1))"
    async with sandboxed(services, acme) as (tenant,):
        fault = (await tenant.post(EVALUATE, {"expression": endless}, expect=200))["data"]["fault"]
        assert fault["reason"] in {"timeout", "starved", "evaluation", "memory"}
        ok = await tenant.post(EVALUATE, {"expression": "$sum([1, 2])"}, expect=200)
        assert ok["data"]["result"] == 3


async def test_preview_when_on_a_delivery(
    services: Services, acme: Tenant, rival: Tenant, superuser: Connection
) -> None:
    """The body of a delivery will do; a foreign one is 404, one that is no JSON refused."""
    ours = await insert_delivery(superuser, tenant_id=acme.tenant_id)
    broken = await insert_delivery(superuser, tenant_id=acme.tenant_id, request_body=b"{")
    async with sandboxed(services, acme, rival) as (tenant, other):
        body: dict[str, Any] = {"expression": "event.id", "delivery_id": str(ours)}
        assert (await tenant.post(EVALUATE, body, expect=200))["data"]["result"] == "e1"
        await other.post(EVALUATE, body, expect=404)
        body["delivery_id"] = str(broken)
        error = await tenant.post(EVALUATE, body, expect=422)
        assert (error["errors"][0]["field"], error["errors"][0]["rule"]) == (
            "delivery_id",
            "json",
        )
        await tenant.post(EVALUATE, body | {"payload": None}, expect=422)
        await tenant.post(EVALUATE, {"expression": ""}, expect=422)


async def test_faults_when_checked_in_the_sandbox(services: Services, acme: Tenant) -> None:
    """Saving tells of faulty expressions as ever: path and position, all of them at once."""
    mapping = {"external_id": "device.(", "name": "$now()", "status": "$eval('1')"}
    body = webhook_body(
        idempotency_source={"type": "jsonata", "value": " $now() "},
        ordering={"type": "key", "source": {"type": "jsonata", "value": "a.("}},
        handler_config={"action": "upsertAssetByExternalId", "field_mapping": mapping},
    )
    async with sandboxed(services, acme) as (tenant,):
        error = await tenant.post(PATH, body, expect=422)
    told = {fault["field"]: fault["message"] for fault in error["errors"]}
    assert set(told) == {
        "handler_config.field_mapping.external_id",
        "handler_config.field_mapping.status",
        "idempotency_source.value",
        "ordering.source.value",
    }
    assert "(at character 8)" in told["handler_config.field_mapping.external_id"]
    assert "varies" in told["idempotency_source.value"]


async def test_save_when_an_expression_takes_long_to_compile(
    services: Services, acme: Tenant
) -> None:
    """A hostile text does not stop the event loop, and those beside it are judged all the same."""
    hostile = "(" * 3000 + "1" + ")" * 3000
    asked = [Asked(hostile, is_deterministic=False), Asked("a.(", is_deterministic=False)]
    document = {"handler_config": {"field_mapping": dict(enumerate(text for text, _ in asked))}}
    async with Sandbox(size=1, queue_seconds=20) as sandbox:
        checked = await ExpressionChecks(sandbox).check([document])
    assert {key: error is None for key, error in checked.errors.items()}[asked[1]] is False
    second = checked.errors[asked[1]]
    assert second is not None
    assert second.reason == "syntax"


async def test_checks_when_there_is_no_sandbox() -> None:
    """Nothing is evaluated then, and it is said so."""
    started = time.monotonic()
    with pytest.raises(ExpressionsBusy):
        await ExpressionChecks(None).fault_of("a.(", is_deterministic=False)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    "document", [None, 7, [], {"handler_config": 1}, {"ordering": {"source": []}}]
)
def test_expressions_when_the_body_is_anything(document: object) -> None:
    """What has no form of a webhook has no expressions."""
    assert list(expressions_in(document)) == []


async def test_foreign_delivery_when_previewed(acme: Tenant) -> None:
    """An id that nothing has is 404 before anything is evaluated."""
    body = {"expression": "a", "delivery_id": str(uuid7())}
    await acme.post(EVALUATE, body, expect=404)
