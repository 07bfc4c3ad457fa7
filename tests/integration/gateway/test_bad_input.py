"""Bodies that are no JSON, or more of it than is taken."""

import orjson

from tests.integration.gateway.world import Ledger, answer, eventually, serving

_INVALID = [
    b"{",
    b"{'a': 1}",
    b'{"a": NaN}',
    b"Infinity",
    b"1e999",
    b"01",
    b'{"a": 1,}',
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b"\x00",
    b'"\x00"',
    b'"a\nb"',
    b"{}{}",
    b"a=1&b=2",
    b"<xml/>",
    b" ",
    b"[" * 2000,
    bytes(range(256)),
]


async def test_body_when_not_json(ledger: Ledger) -> None:
    """400 invalid_json with the delivery's id; the row keeps the bytes and is never queued."""
    webhook_id = await ledger.insert_webhook(key={"type": "jsonata", "value": "event.id"})
    async with serving(ledger) as gateway:
        for body in _INVALID:
            response = await gateway.post(body)
            assert response.status_code == 400, body[:40]
            found = answer(response)
            assert found["error"] == "invalid_json"
            row = await ledger.delivery(found["delivery_id"])
            assert row["request_body"] == body
            assert row["webhook_id"] == webhook_id
            assert (row["auth_status"], row["dispatch_status"]) == ("verified", "failed")
            assert row["response_status"] == 400
            outcome = orjson.loads(row["handler_outcome"])
            assert outcome["error"] == "invalid_json"
            assert outcome["detail"] == found["detail"]
    assert await ledger.count("outbox") == 0
    assert await ledger.count("idempotency_keys") == 0


async def test_body_when_beyond_the_bounds(ledger: Ledger) -> None:
    """JSON that is too deep or has too many members is 400, and its bytes are kept."""
    await ledger.insert_webhook()
    numbers = range(10_001)
    async with serving(ledger) as gateway:
        for body, error in (
            (b"[" * 65 + b"]" * 65, "json_too_deep"),
            (b'{"a":' * 65 + b"1" + b"}" * 65, "json_too_deep"),
            (b"[" * 900 + b"]" * 900, "json_too_deep"),
            (b"{" + b",".join(b'"%d":1' % n for n in numbers) + b"}", "json_too_large"),
            (b"{" + b",".join(b'"%d" :\n1' % n for n in numbers) + b"}", "json_too_large"),
            (b"[" + b",".join(b'{"":1}' for _ in numbers) + b"]", "json_too_large"),
            (b"{" + b",".join(b'"":1' for _ in numbers) + b"}", "json_too_large"),
        ):
            response = await gateway.post(body)
            assert response.status_code == 400, body[:20]
            assert answer(response)["error"] == error
            row = await ledger.delivery(answer(response)["delivery_id"])
            assert row["request_body"] == body


async def test_body_when_just_within_the_bounds(ledger: Ledger) -> None:
    """What only looks like too much is taken."""
    await ledger.insert_webhook()
    async with serving(ledger) as gateway:
        for body in (
            b"[" * 64 + b"]" * 64,
            b'"' + b"[" * 5000 + b'"',
            b'"' + b":" * 60_000 + b'"',
            b"{" + b",".join(b'"%d":"::"' % n for n in range(10_000)) + b"}",
            b"[" + b",".join([b"[]"] * 20_000) + b"]",
            b'"' + b"\\\\" * 1000 + b'"',
        ):
            response = await gateway.post(body)
            assert response.status_code == 200, (body[:20], response.text)


async def test_body_when_malformed_and_wrongly_signed(ledger: Ledger) -> None:
    """Authentication comes first: the sender learns nothing, and no body is kept."""
    await ledger.insert_webhook()
    async with serving(ledger) as gateway:
        response = await gateway.post(b"{", secret="wrong")
        assert (response.status_code, response.content) == (401, b"")
        await eventually(lambda: _is_recorded(ledger))
    (row,) = await ledger.deliveries()
    assert row["request_body"] is None


async def test_body_when_malformed_beyond_the_limit(ledger: Ledger) -> None:
    """Malformed requests cost tokens as well-formed ones do."""
    await ledger.insert_webhook(per_minute=3)
    async with serving(ledger) as gateway:
        codes = [(await gateway.post(b"{")).status_code for _ in range(5)]
    assert codes == [400, 400, 400, 429, 429]


async def _is_recorded(ledger: Ledger) -> bool:
    return await ledger.count("deliveries") == 1
