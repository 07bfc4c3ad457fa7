"""A delivery in full: its explanations, its body as bytes, its replays."""

from uuid import UUID

import pytest

from shared.clock import SystemClock
from shared.database.pool import Connection
from tests.integration.control_api.conftest import Tenant, insert_delivery
from tests.integration.control_api.test_webhooks import PATH, REFERENCE, webhook_body


@pytest.fixture
async def webhook_id(acme: Tenant) -> UUID:
    made = await acme.post(PATH, REFERENCE, expect=201)
    return UUID(made["data"]["inbound_webhook_id"])


@pytest.fixture
def row(acme: Tenant, webhook_id: UUID) -> dict[str, object]:
    return {"tenant_id": acme.tenant_id, "webhook_id": webhook_id}


async def _explained(acme: Tenant, delivery_id: UUID) -> list[dict[str, str]]:
    shown = (await acme.get(f"/api/v1/deliveries/{delivery_id}"))["data"]
    told: list[dict[str, str]] = shown["explanations"]
    assert all(text for one in told for text in one.values())
    return told


@pytest.mark.parametrize(
    ("overrides", "what", "why", "to_do"),
    [
        ({}, "handled at the first attempt", "reported success", "Nothing"),
        ({"retry_count": 2}, "handled at attempt 3", "reported success", "Nothing"),
        (
            {"handler_outcome": '{"message": "asset created"}'},
            "handled",
            "asset created",
            "Nothing",
        ),
        ({"dispatch_status": "pending"}, "waits for a worker", "recorded", "workers run"),
        (
            {"dispatch_status": "failed", "handler_outcome": '{"code": "lookup_miss"}'},
            "failed for good",
            "(lookup_miss)",
            "replay",
        ),
        (
            {
                "dispatch_status": "failed",
                "handler_outcome": '{"code": "new_kind", "error": "no \\u0000 here"}',
            },
            "failed for good",
            "(new_kind)",
            "replay the delivery",
        ),
        (
            {
                "dispatch_status": "failed",
                "response_status": 429,
                "handler_outcome": '{"error": "rate_limited", "limit_per_minute": 60}',
            },
            "refused with 429",
            "limit of 60 a minute",
            "rate_limit_per_minute",
        ),
        (
            {
                "dispatch_status": "failed",
                "response_status": 400,
                "handler_outcome": '{"error": "invalid_json", "detail": "line {1}"}',
            },
            "refused with 400",
            "line {1}",
            "cannot be replayed",
        ),
        (
            {
                "auth_status": "rejected_signature",
                "dispatch_status": "failed",
                "response_status": 401,
                "request_body": None,
            },
            "can never be replayed",
            "signature",
            "rotate",
        ),
        (
            {
                "webhook_id": None,
                "auth_status": "rejected_no_auth",
                "dispatch_status": "failed",
                "response_status": 401,
            },
            "refused with 401",
            "no active webhook",
            "address",
        ),
    ],
)
async def test_explanation_when_read(
    acme: Tenant,
    superuser: Connection,
    row: dict[str, object],
    *,
    overrides: dict[str, object],
    what: str,
    why: str,
    to_do: str,
) -> None:
    """A delivery says what became of it, why, and what to do."""
    delivery_id = await insert_delivery(superuser, **row | overrides)
    [told] = await _explained(acme, delivery_id)
    assert told["about"] == "delivery"
    assert what in told["what_happened"]
    assert why in told["why"]
    assert to_do in told["what_to_do"]


async def test_explanation_when_there_is_more_to_say(
    acme: Tenant, superuser: Connection, row: dict[str, object]
) -> None:
    """A duplicate names the first; a key that could not be taken is explained as well."""
    first = await insert_delivery(superuser, **row, idempotency_fault="timeout: too long")
    again = await insert_delivery(
        superuser, **row, dispatch_status="duplicate", duplicate_of=first
    )
    [_, key] = await _explained(acme, first)
    assert key["about"] == "idempotency_key"
    assert "timeout: too long" in key["why"]
    [told] = await _explained(acme, again)
    assert str(first) in told["why"]
    shown = (await acme.get(f"/api/v1/deliveries/{again}"))["data"]
    assert shown["links"]["duplicate_of"] == f"/api/v1/deliveries/{first}"


async def test_explanation_when_it_is_held_or_parked_or_tried_again(
    acme: Tenant, superuser: Connection, row: dict[str, object]
) -> None:
    """What an unfinished delivery waits for is told apart."""
    pending = row | {"dispatch_status": "pending"}
    held = await insert_delivery(superuser, **pending)
    await superuser.execute(
        "insert into postern.circuit_breakers (tenant_id, webhook_id, failures, last_failed,"
        " opened_at, hold_seconds, probe_at) values ($1, $2, 10, $3, now(), 30,"
        " '2031-01-01T00:00:00Z')",
        *(acme.tenant_id, row["webhook_id"], held),
    )
    await superuser.execute(
        "insert into postern.outbox (tenant_id, delivery_id, available_at, held_for)"
        " values ($1, $2, now(), $3)",
        *(acme.tenant_id, held, row["webhook_id"]),
    )
    [told] = await _explained(acme, held)
    assert "circuit breaker" in told["why"]
    assert "2031-01-01" in told["what_to_do"]
    parked = await insert_delivery(superuser, **pending, ordering_key="k")
    await superuser.execute("update postern.ordered_deliveries set is_parked = true")
    [told] = await _explained(acme, parked)
    assert told["what_happened"] == "It waits for its turn."
    retried = await insert_delivery(
        superuser, **pending, retry_count=1, next_attempt_at=SystemClock().now()
    )
    [told] = await _explained(acme, retried)
    assert told["what_happened"].startswith("Attempt 1 failed")


@pytest.mark.parametrize(
    ("content_type", "shown_type"),
    [
        ("application/json; charset=utf-8", "application/json; charset=utf-8"),
        ("text/html", "text/html"),
        ("text/html, text/plain", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
async def test_body_when_downloaded(
    acme: Tenant,
    superuser: Connection,
    row: dict[str, object],
    *,
    content_type: str,
    shown_type: str,
) -> None:
    """It comes byte for byte, and no browser runs anything in it."""
    body = b'{"n": 1.0,\r\n "t": "\xff\x00<script>"}'
    headers = f"content-type: {content_type}\r\n".encode()
    delivery_id = await insert_delivery(
        superuser, **row, request_body=body, request_headers=headers
    )
    for prefix in ("/api/v1", f"{PATH}/{row['webhook_id']}"):
        response = await acme.http.get(f"{prefix}/deliveries/{delivery_id}/body")
        assert (response.status_code, response.content) == (200, body)
        assert response.headers["content-type"] == shown_type
        assert response.headers["content-disposition"].startswith("attachment;")
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in response.headers["content-security-policy"]


async def test_body_when_there_is_none(
    acme: Tenant, rival: Tenant, superuser: Connection, row: dict[str, object]
) -> None:
    """An empty body is empty; one that was not kept, or is another's, is not found."""
    empty = await insert_delivery(superuser, **row, request_body=b"")
    refused = await insert_delivery(superuser, **row, request_body=None)
    response = await acme.http.get(f"/api/v1/deliveries/{empty}/body")
    assert (response.status_code, response.content) == (200, b"")
    await acme.get(f"/api/v1/deliveries/{refused}/body", expect=404)
    await rival.get(f"/api/v1/deliveries/{empty}/body", expect=404)
    other = await acme.post(PATH, webhook_body(slug="other"), expect=201)
    other_id = other["data"]["inbound_webhook_id"]
    await acme.get(f"{PATH}/{other_id}/deliveries/{empty}/body", expect=404)
    shown = (await acme.get(f"/api/v1/deliveries/{refused}"))["data"]
    assert shown["links"]["body"] is None


async def test_replays_when_read(
    acme: Tenant, superuser: Connection, row: dict[str, object]
) -> None:
    """A delivery names its replays, the newest first, and each of them names it."""
    source = await insert_delivery(superuser, **row)
    path = f"{PATH}/{row['webhook_id']}/deliveries/{source}"
    made = [
        (await acme.post(f"{path}/replay", expect=202))["data"]["delivery_id"] for _ in range(2)
    ]
    shown = (await acme.get(path))["data"]
    assert [replay["delivery_id"] for replay in shown["replays"]] == sorted(made, reverse=True)
    assert {replay["dispatch_status"] for replay in shown["replays"]} == {"pending"}
    replay = (await acme.get(f"/api/v1/deliveries/{made[0]}"))["data"]
    assert replay["links"]["replayed_from"] == f"/api/v1/deliveries/{source}"
    assert replay["replays"] == []
