"""Deliveries, tests, replays and samples through the API, on real PostgreSQL."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.clock import SystemClock
from shared.database.pool import Connection
from shared.domain.identifiers import uuid7
from tests.integration.control_api.conftest import Tenant, insert_delivery
from tests.integration.control_api.test_webhooks import PATH, REFERENCE, webhook_body


@pytest.fixture
async def webhook_id(acme: Tenant) -> UUID:
    made = await acme.post(PATH, REFERENCE, expect=201)
    return UUID(made["data"]["inbound_webhook_id"])


async def test_delivery_when_read(acme: Tenant, superuser: Connection, webhook_id: UUID) -> None:
    """The whole record is shown, the list leaves out headers and body."""
    delivery_id = await insert_delivery(
        superuser,
        tenant_id=acme.tenant_id,
        webhook_id=webhook_id,
        idempotency_key="e1",
        handler_outcome='{"action": "upsert"}',
        duration_ms=1.5,
        secret_id=UUID(int=7),
    )
    path = f"{PATH}/{webhook_id}/deliveries"
    shown = (await acme.get(f"{path}/{delivery_id}"))["data"]
    assert shown["request_body"] == {"event": {"id": "e1"}}
    assert shown["request_body_encoding"] == "json"
    assert shown["request_headers"]["content-type"] == "application/json"
    assert shown["user_agent"] == "rmm/1"
    assert shown["source_ip"] == "203.0.113.9"
    assert shown["handler_outcome"] == {"action": "upsert"}
    assert shown["inbound_webhook_id"] == str(webhook_id)
    assert shown["tenant"] == str(acme.tenant_id)
    assert shown["request_body_bytes"] == 23
    assert shown["secret_id"] == str(UUID(int=7))
    assert shown["event_type"] is None
    listed = (await acme.get(path))["data"]
    left_out = {
        "request_body",
        "request_body_encoding",
        "request_headers",
        "user_agent",
        "attempts",
        "workflow_run",
        "explanations",
        "replays",
        "links",
    }
    assert listed == [{name: shown[name] for name in shown.keys() - left_out}]
    assert (await acme.get(f"/api/v1/deliveries/{delivery_id}"))["data"] == shown


@pytest.mark.parametrize(
    ("body", "shown", "encoding"),
    [
        (None, None, None),
        (b"{oops", {"raw": "{oops"}, "text"),
        (b"\xff\x00", {"raw": "/wA="}, "base64"),
        (b'{"n": 12345678901234567890123}', {"n": 12345678901234567890123}, "json"),
        (b'["\\u0000"]', ["\x00"], "json"),
        (b"[" * 300 + b"]" * 300, ..., "json"),
    ],
)
async def test_body_when_shown(
    acme: Tenant, superuser: Connection, body: bytes | None, shown: object, encoding: str | None
) -> None:
    """JSON is passed on unchanged, however large its numbers or deep its nesting; the rest raw."""
    delivery_id = await insert_delivery(superuser, tenant_id=acme.tenant_id, request_body=body)
    response = await acme.http.get(f"/api/v1/deliveries/{delivery_id}")
    assert response.json()["data"]["request_body_encoding"] == encoding
    if shown is ...:
        assert body is not None
        assert body in response.content
    else:
        assert response.json()["data"]["request_body"] == shown


async def test_pages_when_deliveries_arrive_meanwhile(
    acme: Tenant, superuser: Connection, webhook_id: UUID
) -> None:
    """Every delivery that was there is shown once, newest first, in spite of new ones."""
    row = {"tenant_id": acme.tenant_id, "webhook_id": webhook_id}
    ids = sorted([str(await insert_delivery(superuser, **row)) for _ in range(7)], reverse=True)
    seen: list[str] = []
    params: dict[str, str] = {}
    for more in (True, True, False):
        page = await acme.get(f"{PATH}/{webhook_id}/deliveries", {"limit": "3"} | params)
        seen += [delivery["delivery_id"] for delivery in page["data"]]
        params = {"cursor": page["meta"]["next_cursor"]}
        assert (page["meta"]["next_cursor"] is not None) is more
        await insert_delivery(superuser, **row)
    assert seen == ids


async def test_filters_when_listing(acme: Tenant, superuser: Connection, webhook_id: UUID) -> None:
    """Status and inclusive times narrow a list; a bare end date includes its whole day."""
    row = {"tenant_id": acme.tenant_id, "webhook_id": webhook_id}
    noon = SystemClock().now().replace(hour=12, minute=0, second=0, microsecond=0)
    for days, status in ((0, "dispatched"), (1, "failed"), (2, "failed")):
        await _insert_at(superuser, noon - timedelta(days=days), **row, dispatch_status=status)
    yesterday = (noon - timedelta(days=1)).date().isoformat()

    async def count(**params: str) -> int:
        of_webhook = (await acme.get(f"{PATH}/{webhook_id}/deliveries", params))["data"]
        assert (await acme.get("/api/v1/deliveries", params))["data"] == of_webhook
        return len(of_webhook)

    assert await count() == 3
    assert await count(status="failed") == 2
    assert await count(date_from=yesterday) == 2
    assert await count(date_from=yesterday, date_to=yesterday) == 1
    assert await count(date_to=noon.isoformat(), date_from=noon.isoformat()) == 1
    assert await count(status="pending") == 0


async def _insert_various(superuser: Connection, row: dict[str, object]) -> list[UUID]:
    """Insert deliveries that differ in what lists can be filtered by."""
    differences: list[dict[str, object]] = [
        {"auth_status": "rejected_ip", "dispatch_status": "failed", "response_status": 401}
        | {"request_body": None, "handler_outcome": '{"error": "rejected_ip"}'},
        {"idempotency_key": "evt/1", "request_body": b'{"type": "orders\\/create"}'},
        {"request_headers": b"x-github-event: push\r\n", "is_test": True},
        {"source_address": "2001:db8::7", "is_replay": True},
        {"source_address": "unknown", "request_body": b'{"name": "M\\u00fcller GmbH"}'},
        {
            "dispatch_status": "failed",
            "handler_outcome": '{"error": "a \\u0000 in it", "code": "lookup_miss",'
            ' "external_id": "d-17"}',
        },
        {"request_body": b'\xff{"name": "M\xc3\xbcller"' + b"x" * 20_000},
    ]
    return [await insert_delivery(superuser, **row | one) for one in differences]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"auth_status": "rejected_ip"}, [0]),
        ({"idempotency_key": "evt/1"}, [1]),
        ({"event_type": "orders/create"}, [1]),
        ({"event_type": "push"}, [2]),
        ({"event_type": "pus"}, []),
        ({"is_test": "true"}, [2]),
        ({"is_replay": "true", "is_test": "false"}, [3]),
        ({"source_ip": "2001:db8::/32"}, [3]),
        ({"source_ip": "unknown"}, [4]),
        ({"source_ip": "203.0.113.0/24", "status": "failed"}, [0, 5]),
        ({"outcome": "lookup_miss"}, [5]),
        ({"outcome": "rejected_ip"}, [0]),
        ({"external_id": "d-17"}, [5]),
        ({"text": "m\u00fcller gmbh"}, [4]),
        ({"text": "M\u00fcller"}, [4]),
        ({"text": '"type": "ORDERS'}, [1]),
        ({"text": "%%"}, []),
    ],
)
async def test_list_when_narrowed(
    acme: Tenant,
    superuser: Connection,
    webhook_id: UUID,
    params: dict[str, str],
    expected: list[int],
) -> None:
    """Each filter finds what it names and nothing else, by webhook and across them."""
    made = await _insert_various(
        superuser, {"tenant_id": acme.tenant_id, "webhook_id": webhook_id}
    )
    wanted = sorted((str(made[number]) for number in expected), reverse=True)
    for path in ("/api/v1/deliveries", f"{PATH}/{webhook_id}/deliveries"):
        page = await acme.get(path, params)
        assert [delivery["delivery_id"] for delivery in page["data"]] == wanted
        assert page["meta"] == {
            "next_cursor": None,
            "limit": 25,
            "is_partial": False,
            "scanned_to": None,
        }


@pytest.mark.parametrize(
    ("params", "field", "rule"),
    [
        ({"text": "a"}, "text", "min_length"),
        ({"text": "a\0b"}, "text", "pattern"),
        ({"source_ip": "10.0.0.1/8"}, "source_ip", "network"),
        ({"is_test": "perhaps"}, "is_test", "type"),
        ({"auth_status": "trusted"}, "auth_status", "enum"),
        ({"status": "lost"}, "status", "enum"),
        ({"limit": 101}, "limit", "maximum"),
        ({"limit": 0}, "limit", "minimum"),
        ({"cursor": "AAAA"}, "cursor", "cursor"),
        ({"cursor": "ümlaut"}, "cursor", "cursor"),
        ({"date_from": "yesterday"}, "date_from", "type"),
        ({"date_from": "0001-01-01T00:00:00+14:00"}, "date_from", "range"),
        ({"stauts": "failed"}, "stauts", "unknown_field"),
    ],
)
async def test_parameters_when_faulty(
    acme: Tenant, params: dict[str, Any], field: str, rule: str
) -> None:
    """A faulty or misspelt parameter is refused, never passed over."""
    error = await acme.get("/api/v1/deliveries", params, expect=422)
    assert [(fault["field"], fault["rule"]) for fault in error["errors"]] == [(field, rule)]


async def test_requests_for_unknown_webhooks_when_listed(
    acme: Tenant, superuser: Connection
) -> None:
    """A refused request that belongs to no webhook is visible across webhooks."""
    delivery_id = await insert_delivery(
        superuser,
        tenant_id=acme.tenant_id,
        auth_status="rejected_no_auth",
        dispatch_status="failed",
        response_status=401,
        request_body=None,
    )
    listed = (await acme.get("/api/v1/deliveries"))["data"]
    assert [delivery["delivery_id"] for delivery in listed] == [str(delivery_id)]
    assert listed[0]["inbound_webhook_id"] is None


async def test_deliveries_when_their_webhook_is_deleted(
    acme: Tenant, superuser: Connection, webhook_id: UUID
) -> None:
    """They stay readable, and can no longer be replayed."""
    delivery_id = await insert_delivery(superuser, tenant_id=acme.tenant_id, webhook_id=webhook_id)
    await acme.delete(f"{PATH}/{webhook_id}", expect=204)
    path = f"{PATH}/{webhook_id}/deliveries"
    assert len((await acme.get(path))["data"]) == 1
    await acme.get(f"{path}/{delivery_id}")
    await acme.post(f"{path}/{delivery_id}/replay", expect=404)


async def test_delivery_when_of_another_webhook(
    acme: Tenant, superuser: Connection, webhook_id: UUID
) -> None:
    """A delivery is found under its own webhook alone."""
    other = await acme.post(PATH, webhook_body(slug="other"), expect=201)
    delivery_id = await insert_delivery(superuser, tenant_id=acme.tenant_id, webhook_id=webhook_id)
    path = f"{PATH}/{other['data']['inbound_webhook_id']}/deliveries/{delivery_id}"
    await acme.get(path, expect=404)
    await acme.post(f"{path}/replay", expect=404)


async def test_test_when_posted(acme: Tenant, superuser: Connection, webhook_id: UUID) -> None:
    """A test is a pending delivery in the outbox, flagged, without credentials."""
    body = {
        "body": {"event": {"id": "t"}},
        "headers": {
            "X-Kind": "a",
            "Authorization": "Bearer x",
            "x-rmm-signature": "s",
            "x-gitlab-token": "t",
        },
    }
    made = (await acme.post(f"{PATH}/{webhook_id}/test", body, expect=202))["data"]
    assert made["is_test"]
    assert not made["is_replay"]
    assert made["dispatch_status"] == "pending"
    assert made["response_status"] == 202
    assert made["request_body"] == {"event": {"id": "t"}}
    assert made["request_headers"] == {"content-type": "application/json", "x-kind": "a"}
    assert made["request_path"] == "/api/inbound/acme/rmm-device-updates"
    await assert_queued(superuser, made["delivery_id"])
    assert await superuser.fetchval("select count(*) from postern.idempotency_keys") == 0


async def test_test_when_the_webhook_is_off(acme: Tenant, superuser: Connection) -> None:
    """A webhook that is switched off runs neither tests nor replays."""
    made = await acme.post(PATH, webhook_body(is_active=False), expect=201)
    webhook_id = made["data"]["inbound_webhook_id"]
    delivery_id = await insert_delivery(superuser, tenant_id=acme.tenant_id, webhook_id=webhook_id)
    await acme.post(f"{PATH}/{webhook_id}/test", expect=409)
    await acme.post(f"{PATH}/{webhook_id}/deliveries/{delivery_id}/replay", expect=409)
    assert await superuser.fetchval("select count(*) from postern.outbox") == 0


async def test_test_when_its_body_is_faulty(acme: Tenant, webhook_id: UUID) -> None:
    """Unknown fields and headers that are none are faults."""
    body = {"boddy": 1, "headers": {"a b": "x", "c": 5, "d": "x\r\nauthorization: y"}}
    error = await acme.post(f"{PATH}/{webhook_id}/test", body, expect=422)
    assert {fault["field"] for fault in error["errors"]} == {
        "boddy",
        "headers.a b",
        "headers.c",
        "headers.d",
    }


async def test_replay_when_allowed(acme: Tenant, superuser: Connection, webhook_id: UUID) -> None:
    """A replay repeats the exact request as a new pending delivery, its key not claimed."""
    body = b'{"event": {"id": "e1"},  "n": 1.0}'
    source = await insert_delivery(
        superuser,
        tenant_id=acme.tenant_id,
        webhook_id=webhook_id,
        request_body=body,
        idempotency_key="e1",
        dispatch_status="failed",
        webhook_version=1,
    )
    await acme.put(f"{PATH}/{webhook_id}", REFERENCE)
    path = f"{PATH}/{webhook_id}/deliveries/{source}/replay"
    first = (await acme.post(path, expect=202))["data"]
    second = (await acme.post(path, expect=202))["data"]
    assert first["delivery_id"] != second["delivery_id"]
    assert first["is_replay"]
    assert first["replayed_from"] == str(source)
    assert first["idempotency_key"] == "e1"
    assert first["webhook_version"] == 2
    assert first["dispatch_status"] == "pending"
    await assert_queued(superuser, first["delivery_id"])
    stored = await superuser.fetchval(
        "select request_body from postern.deliveries where delivery_id = $1", first["delivery_id"]
    )
    assert stored == body
    assert await superuser.fetchval("select count(*) from postern.idempotency_keys") == 0


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            {"auth_status": "rejected_signature", "response_status": 401, "request_body": None},
            "never authenticated",
        ),
        ({"dispatch_status": "pending"}, "still being handled"),
        ({"dispatch_status": "duplicate"}, "repeats delivery"),
        ({"dispatch_status": "failed", "response_status": 400}, "not valid JSON"),
    ],
)
async def test_replay_when_refused(
    acme: Tenant,
    superuser: Connection,
    webhook_id: UUID,
    overrides: dict[str, object],
    told: str,
) -> None:
    """What was rejected, is under way, is a duplicate or unreadable is not replayed."""
    source = await insert_delivery(
        superuser, tenant_id=acme.tenant_id, webhook_id=webhook_id, **overrides
    )
    path = f"{PATH}/{webhook_id}/deliveries/{source}/replay"
    assert told in (await acme.post(path, expect=409))["detail"]
    assert await superuser.fetchval("select count(*) from postern.outbox") == 0


async def test_replay_when_it_was_limited(
    acme: Tenant, superuser: Connection, webhook_id: UUID
) -> None:
    """A request refused for its rate alone was genuine: an admin may still run it."""
    source = await insert_delivery(
        superuser,
        tenant_id=acme.tenant_id,
        webhook_id=webhook_id,
        dispatch_status="failed",
        response_status=429,
    )
    await acme.post(f"{PATH}/{webhook_id}/deliveries/{source}/replay", expect=202)


async def test_replay_when_by_filter(
    acme: Tenant, rival: Tenant, superuser: Connection, webhook_id: UUID
) -> None:
    """What failed with a code is replayed, the oldest first, and nothing that cannot be."""
    row: dict[str, object] = {"tenant_id": acme.tenant_id, "webhook_id": webhook_id}
    outcome = '{"code": "lookup_miss", "error": "no \\u0000 there"}'
    failed = row | {"dispatch_status": "failed", "handler_outcome": outcome}
    made = [await insert_delivery(superuser, **failed, ordering_key="k") for _ in range(3)]
    await insert_delivery(superuser, **row)
    await insert_delivery(superuser, **row, dispatch_status="pending")
    await insert_delivery(superuser, **row, dispatch_status="failed", handler_outcome="{}")
    await insert_delivery(superuser, **failed | {"auth_status": "rejected_ip"})
    await insert_delivery(superuser, **failed | {"response_status": 400})
    await insert_delivery(superuser, **failed | {"webhook_id": None})
    await insert_delivery(superuser, **failed | {"tenant_id": rival.tenant_id})
    path = f"{PATH}/{webhook_id}/deliveries/replay"
    body = {"code": "lookup_miss", "date_from": "2020-01-01", "limit": 2}
    answered = (await acme.post(path, body, expect=202))["data"]
    assert (answered["count"], answered["limit_reached"]) == (2, True)
    body["limit"] = 10
    assert (await acme.post(path, body, expect=202))["data"]["count"] == 3
    for shown, source in zip(answered["delivery_ids"], sorted(made), strict=False):
        replay = (await acme.get(f"/api/v1/deliveries/{shown}"))["data"]
        assert replay["replayed_from"] == str(source)
        assert (replay["dispatch_status"], replay["ordering_key"]) == ("pending", "k")
        await assert_queued(superuser, shown)
    places = "select delivery_id from postern.ordered_deliveries order by position"
    placed = [str(place["delivery_id"]) for place in await superuser.fetch(places)]
    assert placed[:2] == answered["delivery_ids"]


async def test_replay_by_filter_when_faulty(acme: Tenant, webhook_id: UUID) -> None:
    """Every fault of a filter is told."""
    body = {"status": "pending", "limit": 1001, "date_to": "soon", "state": "x"}
    path = f"{PATH}/{webhook_id}/deliveries/replay"
    error = await acme.post(path, body, expect=422)
    assert {fault["field"] for fault in error["errors"]} == {
        "status",
        "limit",
        "date_to",
        "state",
    }


async def test_attempts_when_read(acme: Tenant, superuser: Connection, webhook_id: UUID) -> None:
    """Every attempt is shown with its time, duration and outcome, the last one included."""
    delivery_id = await insert_delivery(
        superuser,
        tenant_id=acme.tenant_id,
        webhook_id=webhook_id,
        dispatch_status="failed",
        retry_count=1,
        handler_outcome='{"code": "attempts_exhausted"}',
        duration_ms=2000,
        completed_at=SystemClock().now(),
    )
    await superuser.execute(
        "insert into postern.delivery_attempts values ($1, $2, 0, now(), 1.5, $3)",
        acme.tenant_id,
        delivery_id,
        '{"code": "transient"}',
    )
    attempts = (await acme.get(f"/api/v1/deliveries/{delivery_id}"))["data"]["attempts"]
    assert [(each["attempt"], each["outcome"]["code"]) for each in attempts] == [
        (0, "transient"),
        (1, "attempts_exhausted"),
    ]
    assert [each["duration_ms"] for each in attempts] == [1.5, 2000]
    assert all(each["started_at"] for each in attempts)


async def test_sample_when_armed(acme: Tenant, superuser: Connection, webhook_id: UUID) -> None:
    """The first accepted request after arming is kept; what else arrives is passed over."""
    path = f"{PATH}/{webhook_id}"
    row = {"tenant_id": acme.tenant_id, "webhook_id": webhook_id}
    await insert_delivery(superuser, **row, request_body=b'"before"')
    armed = (await acme.post(f"{path}/capture-sample", expect=200))["data"]
    assert armed["sample"] is None
    assert armed["sample_capture_expires_at"] is not None
    await insert_delivery(superuser, **row, auth_status="rejected_ip", response_status=401)
    await insert_delivery(superuser, **row, dispatch_status="failed", response_status=429)
    await insert_delivery(superuser, **row, dispatch_status="duplicate")
    await insert_delivery(superuser, **row, is_test=True)
    waiting = (await acme.get(path))["data"]
    assert waiting["sample"] is None
    assert waiting["sample_capture_expires_at"] is not None
    first, second = sorted([uuid7(), uuid7()])
    await insert_delivery(superuser, **row, delivery_id=second, request_body=b'{"first": false}')
    await insert_delivery(superuser, **row, delivery_id=first, request_body=b'{"first": true}')
    shown = (await acme.get(path))["data"]
    assert shown["sample"]["body"] == {"first": True}
    assert shown["sample"]["headers"]["user-agent"] == "rmm/1"
    assert shown["sample_capture_expires_at"] is None
    assert shown["version"] == 1
    again = (await acme.post(f"{path}/capture-sample", expect=200))["data"]
    assert again["sample"] is None
    await insert_delivery(superuser, **row, request_body=b'"second"')
    assert (await acme.get(path))["data"]["sample"]["body"] == "second"


async def test_sample_when_asked_for_after_the_window(
    acme: Tenant, superuser: Connection, webhook_id: UUID
) -> None:
    """A request of the window is kept even when nobody looks in time; a later one is not."""
    path = f"{PATH}/{webhook_id}"
    row = {"tenant_id": acme.tenant_id, "webhook_id": webhook_id}
    await acme.post(f"{path}/capture-sample", expect=200)
    await superuser.execute(
        "update postern.webhooks set sample_armed_at = now() - interval '10 minutes',"
        " sample_expires_at = now() - interval '5 minutes'"
    )
    late = await insert_delivery(superuser, **row, request_body=b'"late"')
    within = await _insert_at(superuser, SystemClock().now() - timedelta(minutes=7), **row)
    sample = (await acme.get(path))["data"]["sample"]
    assert sample["delivery_id"] == str(within) != str(late)


async def test_sample_when_the_window_ends_empty(
    acme: Tenant, superuser: Connection, webhook_id: UUID
) -> None:
    """The wait ends by itself."""
    path = f"{PATH}/{webhook_id}"
    await acme.post(f"{path}/capture-sample", expect=200)
    await superuser.execute(
        "update postern.webhooks set sample_armed_at = now() - interval '10 minutes',"
        " sample_expires_at = now() - interval '5 minutes'"
    )
    assert (await acme.get(path))["data"]["sample_capture_expires_at"] is None
    assert await superuser.fetchval("select sample_armed_at from postern.webhooks") is None


async def test_sample_when_cleared(acme: Tenant, superuser: Connection, webhook_id: UUID) -> None:
    """Clearing drops the sample and ends the wait."""
    path = f"{PATH}/{webhook_id}"
    row = {"tenant_id": acme.tenant_id, "webhook_id": webhook_id}
    await acme.post(f"{path}/capture-sample", expect=200)
    await insert_delivery(superuser, **row)
    assert (await acme.get(path))["data"]["sample"] is not None
    await acme.delete(f"{path}/capture-sample", expect=200)
    assert (await acme.get(path))["data"]["sample"] is None
    await acme.post(f"{path}/capture-sample", expect=200)
    await acme.delete(f"{path}/capture-sample", expect=200)
    await insert_delivery(superuser, **row)
    assert (await acme.get(path))["data"]["sample"] is None


async def _insert_at(superuser: Connection, moment: datetime, **row: object) -> UUID:
    """Insert a delivery of a moment, with an id of that moment."""
    stamp = int(moment.timestamp() * 1000).to_bytes(6, "big")
    delivery_id = UUID(bytes=stamp + uuid7().bytes[6:])
    return await insert_delivery(superuser, delivery_id=delivery_id, received_at=moment, **row)


async def assert_queued(superuser: Connection, delivery_id: str) -> None:
    """Check that the delivery waits in the outbox, due now."""
    due = await superuser.fetch(
        "select available_at <= now() as due, attempt from postern.outbox where delivery_id = $1",
        delivery_id,
    )
    assert [tuple(row.values()) for row in due] == [(True, 0)]
