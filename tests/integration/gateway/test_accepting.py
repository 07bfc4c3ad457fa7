"""What becomes of a request that is accepted."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.integration.gateway.world import (
    SIGNATURE_HEADER,
    Ledger,
    answer,
    path_of,
    serving,
    signature,
)

_KEY = {"type": "jsonata", "value": "event.id"}
_BODY = b'{"event": {"id": "e-1"},  "device":\t{"hostname": "pc-1"}}'


async def test_request_when_accepted(ledger: Ledger) -> None:
    """Delivery, key and outbox row are there, of one transaction, with the exact bytes."""
    webhook_id = await ledger.insert_webhook(key=_KEY)
    async with serving(ledger) as gateway:
        before = datetime.now(UTC)  # noqa: TID251 - held against the gateway's own clock
        response = await gateway.post(_BODY, headers={"user-agent": "rmm/1", "cookie": "c=1"})
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        body = answer(response)
        assert list(body) == ["delivery_id"]
        row = await ledger.delivery(body["delivery_id"])
        assert row["webhook_id"] == webhook_id
        assert row["webhook_version"] == 1
        assert row["tenant_id"] == ledger.tenant_id
        assert (row["request_method"], row["request_path"]) == ("POST", path_of())
        assert row["request_body"] == _BODY
        assert row["source_address"] == "127.0.0.1"
        assert row["idempotency_key"] == "e-1"
        assert row["idempotency_fault"] is None
        assert (row["auth_status"], row["dispatch_status"]) == ("verified", "pending")
        assert row["response_status"] == 200
        assert abs(row["received_at"] - before) < timedelta(seconds=10)
        assert UUID(body["delivery_id"]).version == 7
        headers = row["request_headers"]
        assert b"user-agent: rmm/1\r\n" in headers
        assert b"cookie" not in headers
        assert SIGNATURE_HEADER.lower().encode() not in headers
        written = await ledger.pool.fetch(
            "select d.xmin::text, k.xmin::text, o.xmin::text from postern.deliveries d"
            " join postern.idempotency_keys k using (delivery_id)"
            " join postern.outbox o using (delivery_id) where d.delivery_id = $1",
            UUID(body["delivery_id"]),
        )
        assert len(written) == 1
        assert len(set(written[0])) == 1, "written by more than one transaction"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_request_when_method_differs(ledger: Ledger, method: str) -> None:
    """POST, PUT and PATCH are alike."""
    await ledger.insert_webhook()
    async with serving(ledger) as gateway:
        response = await gateway.post(b"{}", method=method)
        assert response.status_code == 200
        row = await ledger.delivery(answer(response)["delivery_id"])
        assert row["request_method"] == method


async def test_body_when_not_an_object(ledger: Ledger) -> None:
    """Any JSON is taken, byte for byte; nothing at all counts as null."""
    await ledger.insert_webhook(key=_KEY)
    async with serving(ledger) as gateway:
        bodies = [
            b"",
            b" null \n",
            b"[1, 2]",
            b'"text"',
            b"-0.0",
            b"18446744073709551616",
            b'{"a": "\\u0000"}',
            b'{"a":1,"a":2}',
            b"[" * 64 + b"]" * 64,
            b'{"big": ' + b"9" * 5000 + b"e-5000}",
            '{"caf\u00e9": "\U0001f600"}'.encode(),
        ]
        for body in bodies:
            response = await gateway.post(body)
            assert response.status_code == 200, (body[:40], response.text)
            row = await ledger.delivery(answer(response)["delivery_id"])
            assert row["request_body"] == body
            assert row["idempotency_key"] is None


async def test_query_when_no_credential(ledger: Ledger) -> None:
    """A query is kept with the path, as it was sent, but for what tells of a credential."""
    await ledger.insert_webhook()
    async with serving(ledger) as gateway:
        query = "?a=1&b=%2F&&c&token="
        response = await gateway.http.post(
            f"{path_of()}{query}x", content=b"{}", headers={SIGNATURE_HEADER: signature(b"{}")}
        )
        row = await ledger.delivery(answer(response)["delivery_id"])
        assert row["request_path"] == f"{path_of()}{query}***"
