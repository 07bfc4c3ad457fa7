"""What of a delivery a target receives."""

from collections.abc import Mapping

import pytest

from shared.domain.identifiers import DeliveryId, TenantId, WebhookId, uuid7
from tests.integration.worker.forwarding.target_server import (
    ReceivedRequest,
    answer,
    target_server,
)
from tests.integration.worker.world import build_forwarder
from worker.actions.context import ActionResult, OutboundContext
from worker.actions.forward import MAX_HEADERS, Forward, forward
from worker.actions.registry import ActionOutcome
from worker.outcome import Reject

_RECEIVED = b'{"a": 1.0}\n'


async def forwarded(
    fields: Mapping[str, object], content_type: str | None = "application/json; charset=utf-8"
) -> tuple[ActionOutcome, list[ReceivedRequest]]:
    """Forward a delivery to a target; return the outcome and what came there."""
    async with target_server(answer(200)) as target:
        context = OutboundContext(
            tenant_id=TenantId(uuid7()),
            webhook_id=WebhookId(uuid7()),
            delivery_id=DeliveryId(uuid7()),
            headers=[("Content-Type", content_type)] if content_type else [],
            body=_RECEIVED,
            forwarder=build_forwarder(),
        )
        model = Forward.model_validate({"url": target.url, **fields})
        outcome: ActionOutcome = await forward.run(context, model)
    return outcome, target.requests


@pytest.mark.parametrize(
    ("fields", "body", "content_type"),
    [
        ({}, _RECEIVED, "application/json; charset=utf-8"),
        ({"body": {"b": [1, None]}}, b'{"b":[1,null]}', "application/json"),
        ({"body": [1]}, b"[1]", "application/json"),
        ({"body": 0}, b"0", "application/json"),
        ({"body": "grüß"}, "grüß".encode(), "text/plain; charset=utf-8"),
        ({"body": ""}, b"", "text/plain; charset=utf-8"),
        ({"body": None}, b"", "application/json"),
        ({"body": "<a/>", "headers": {"content-TYPE": "text/xml"}}, b"<a/>", "text/xml"),
        ({"headers": {"Content-Type": "text/x"}}, _RECEIVED, "text/x"),
    ],
)
async def test_body_and_its_type(
    fields: Mapping[str, object], body: bytes, content_type: str
) -> None:
    """Bytes as received unless mapped; texts as they are, the rest as JSON; a given type wins."""
    outcome, (request,) = await forwarded(fields)
    assert isinstance(outcome, ActionResult)
    assert (request.body, request.headers["content-type"]) == (body, content_type)


@pytest.mark.parametrize("received", [None, "", "a\r\nX: y", "ä"])
async def test_type_that_cannot_be_sent_on(received: str | None) -> None:
    """A delivery without a usable content type is JSON, which every accepted body is."""
    _, (request,) = await forwarded({}, received)
    assert request.headers["content-type"] == "application/json"


async def test_number_of_headers() -> None:
    """Fifty go out, one more does not."""
    headers = {f"X-{number}": "y" for number in range(MAX_HEADERS)}
    _, (request,) = await forwarded({"headers": headers})
    assert request.headers["x-49"] == "y"
    outcome, requests = await forwarded({"headers": {**headers, "X-50": "y"}})
    assert isinstance(outcome, Reject)
    assert outcome.reason == "headers must be at most 50, are 51"
    assert requests == []
