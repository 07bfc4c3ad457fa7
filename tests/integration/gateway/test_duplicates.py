"""A repeat is a no-op, for as long as the window lasts and no longer."""

import asyncio
import dataclasses
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

import httpx
import orjson
import pytest

from tests.integration.gateway.world import TLS, Gateway, Ledger, answer, serving

#: A client looks through all its connections for each request: one of hundreds takes seconds, in
#: which the gateways beside it miss their deadlines.
_REQUESTS_OF_A_CLIENT = 20

_KEY = {"type": "jsonata", "value": "event.id"}


async def test_repeat_when_within_the_window(ledger: Ledger) -> None:
    """It answers 200 with the first id, is kept as a duplicate and never queued."""
    await ledger.insert_webhook(key=_KEY)
    async with serving(ledger) as gateway:
        first = answer(await gateway.post(_event("e-1")))
        responses = [await gateway.post(_event("e-1", note=number)) for number in range(3)]
    assert list(first) == ["delivery_id"]
    for response in responses:
        assert response.status_code == 200
        assert answer(response) == {"delivery_id": first["delivery_id"], "duplicate": True}
    rows = await ledger.deliveries()
    assert [row["dispatch_status"] for row in rows] == ["pending"] + ["duplicate"] * 3
    # Every repeat points to the first delivery, never to another repeat.
    assert {str(row["duplicate_of"]) for row in rows[1:]} == {first["delivery_id"]}
    assert all(row["completed_at"] is not None for row in rows[1:])
    assert [orjson.loads(row["request_body"])["note"] for row in rows[1:]] == [0, 1, 2]
    assert await ledger.count("outbox") == 1
    assert await ledger.count("idempotency_keys") == 1


async def test_window_when_repeated(ledger: Ledger) -> None:
    """The window begins with the first delivery and does not slide with repeats."""
    await ledger.insert_webhook(key=_KEY, window_seconds=600)
    async with serving(ledger) as gateway:
        first = answer(await gateway.post(_event("e-1")))
        ends = await ledger.pool.fetchval("select expires_at from postern.idempotency_keys")
        await gateway.post(_event("e-1"))
        again = await ledger.pool.fetchval("select expires_at from postern.idempotency_keys")
        assert again == ends
        received = (await ledger.delivery(first["delivery_id"]))["received_at"]
        assert 595 < (ends - received).total_seconds() < 605


async def test_repeat_when_the_window_is_over(ledger: Ledger) -> None:
    """An expired key, not yet swept, is taken by the next delivery, and a new window begins."""
    await ledger.insert_webhook(key=_KEY)
    async with serving(ledger) as gateway:
        first = answer(await gateway.post(_event("e-1")))
        await ledger.pool.execute("update postern.idempotency_keys set expires_at = now()")
        responses = await asyncio.gather(*(gateway.post(_event("e-1")) for _ in range(20)))
    answers = [answer(response) for response in responses]
    fresh = [found for found in answers if "duplicate" not in found]
    assert len(fresh) == 1
    assert fresh[0]["delivery_id"] != first["delivery_id"]
    assert {found["delivery_id"] for found in answers} == {fresh[0]["delivery_id"]}
    assert await ledger.count("outbox") == 2
    assert await ledger.count("idempotency_keys", "expires_at > now() + interval '23 h'") == 1


async def test_repeat_when_the_key_was_freed(ledger: Ledger) -> None:
    """After a failure the key is free: the sender's next try is a first delivery again."""
    await ledger.insert_webhook(key=_KEY)
    async with serving(ledger) as gateway:
        first = answer(await gateway.post(_event("e-1")))
        await ledger.pool.execute(
            "delete from postern.idempotency_keys where delivery_id = $1",
            UUID(first["delivery_id"]),
        )
        second = answer(await gateway.post(_event("e-1")))
    assert "duplicate" not in second
    assert second["delivery_id"] != first["delivery_id"]
    assert await ledger.count("outbox") == 2


async def test_key_when_webhooks_share_it(ledger: Ledger) -> None:
    """A key counts within its webhook alone."""
    await ledger.insert_webhook("one", key=_KEY)
    await ledger.insert_webhook("two", key=_KEY)
    async with serving(ledger) as gateway:
        answers = [answer(await gateway.post(_event("e-1"), slug=slug)) for slug in ("one", "two")]
    assert all("duplicate" not in found for found in answers)


@pytest.mark.parametrize(
    ("source", "requests", "keys"),
    [
        (
            {"type": "header", "value": "X-Event-Id"},
            [
                (b"{}", {"x-event-id": "h-1"}),
                (b'{"other": 1}', {"X-EVENT-ID": "h-1"}),
                (b"{}", {"x-event-id": ""}),
                (b"{}", {}),
            ],
            ["h-1", "h-1", None, None],
        ),
        (
            {"type": "jsonata", "value": "event.id"},
            [
                (b'{"event": {"id": "j-1"}}', {}),
                (b'{"event": {"id": " j-1\\n"}}', {}),
                (b'{"event": {"id": null}}', {}),
                (b'{"event": {}}', {}),
                (b'{"event": {"id": ""}}', {}),
                (b'{"event": {"id": 7}}', {}),
                (b'{"event": {"id": {"b": 1, "a": 2}}}', {}),
                (b'{"event": [{"id": "in array"}]}', {}),
                (b'{"event": {"id": "\\u0000"}}', {}),
                (b"", {}),
                (b"7", {}),
            ],
            ["j-1", "j-1", None, None, None, "7", '{"a":2,"b":1}', "in array", "\\u0000"]
            + [None] * 2,
        ),
        (
            {"type": "jsonata", "value": '$uppercase(event.id) & "-" & event.n'},
            [
                (b'{"event": {"id": "a", "n": 1}}', {}),
                (b'{"event": {"id": "A", "n": 1}}', {}),
                (b'{"event": {"id": "b", "n": 1}}', {}),
            ],
            ["A-1", "A-1", "B-1"],
        ),
    ],
)
async def test_key_when_taken(
    ledger: Ledger,
    source: Mapping[str, str],
    requests: list[tuple[bytes, Mapping[str, str]]],
    keys: list[str | None],
) -> None:
    """Headers, plain paths and whole expressions give keys; equal keys are one event."""
    await ledger.insert_webhook(key=source)
    async with serving(ledger) as gateway:
        answers = [answer(await gateway.post(body, headers=headers)) for body, headers in requests]
    rows = await ledger.deliveries()
    assert [row["idempotency_key"] for row in rows] == keys
    assert [row["idempotency_fault"] for row in rows] == [None] * len(keys)
    firsts: dict[str, object] = {}
    for found, key in zip(answers, keys, strict=True):
        if key is not None:
            assert firsts.setdefault(key, found["delivery_id"]) == found["delivery_id"]
    repeats = len([key for key in keys if key is not None]) - len(firsts)
    assert sum("duplicate" in found for found in answers) == repeats


async def test_key_when_expression_fails(ledger: Ledger) -> None:
    """The request is accepted within its deadline, not de-duplicated, and says why."""
    faults = {
        "$error('no id')": "evaluation: ",
        "event.id.(": "syntax: ",
        "1 + 'a'": "evaluation: ",
        "($f := function($n){$f($n + 1)}; $f(1))": "",
        "$join([1..5000000].$string($))": "",
        "$nonexistent(event)": "evaluation: ",
    }
    for number, expression in enumerate(faults):
        await ledger.insert_webhook(f"failing-{number}", key=_expression(expression))
    async with serving(ledger) as gateway:
        for number, fault in enumerate(faults.values()):
            started = asyncio.get_running_loop().time()
            slug = f"failing-{number}"
            responses = [await gateway.post(_event("e-1"), slug=slug) for _ in range(2)]
            assert asyncio.get_running_loop().time() - started < 2 * 1.0
            assert [response.status_code for response in responses] == [200, 200]
            for response in responses:
                row = await ledger.delivery(answer(response)["delivery_id"])
                assert row["dispatch_status"] == "pending"
                assert row["idempotency_key"] is None
                # Where the first had its process killed, the second may have found none ready.
                assert row["idempotency_fault"].startswith((fault, "busy: "))


async def test_key_when_value_is_odd(ledger: Ledger) -> None:
    """Whatever an expression makes, the request is accepted, and the ones beside it too."""
    expressions = [
        '"\\ud83d"',
        "$substring(event.smile, 0, 1) & '\\ud83d'",
        "$string(1e300 * 1e300)",
        "$decodeUrl('%ED%A0%80')",
        "event.huge",
        "[event.huge, event.smile]",
        "$map([1..100], function($n){$n})",
    ]
    for number, expression in enumerate(expressions):
        await ledger.insert_webhook(f"odd-{number}", key=_expression(expression))
    await ledger.insert_webhook("beside", key=_KEY)
    body = orjson.dumps({"event": {"smile": "\U0001f600", "huge": 1e300}})
    async with serving(ledger) as gateway:
        responses = await asyncio.gather(
            *(gateway.post(body, slug=f"odd-{number}") for number in range(len(expressions))),
            *(gateway.post(_event(f"e-{number}"), slug="beside") for number in range(20)),
        )
    assert {response.status_code for response in responses} == {200}


def _expression(text: str) -> Mapping[str, str]:
    return {"type": "jsonata", "value": text}


async def test_twins_when_200_come_at_once(ledger: Ledger) -> None:
    """Over two gateways each event is queued once; every answer is 200 with the same id."""
    await ledger.insert_webhook(key=_KEY)
    events = [f"e-{number}" for number in range(3)]
    async with serving(ledger) as one, serving(ledger) as other:
        answers = await _send_twins([one, other], events, twin_count=200)
    for event in events:
        assert {response.status_code for response in answers[event]} == {200}
        bodies = [answer(response) for response in answers[event]]
        assert len({body["delivery_id"] for body in bodies}) == 1
        assert sum("duplicate" not in body for body in bodies) == 1
    assert await ledger.count("deliveries") == 200 * len(events)
    assert await ledger.count("deliveries", "dispatch_status = 'pending'") == len(events)
    assert await ledger.count("outbox") == len(events)
    pending = await ledger.pool.fetch(
        "select delivery_id from postern.deliveries where dispatch_status = 'pending'"
    )
    queued = await ledger.pool.fetch("select delivery_id from postern.outbox")
    assert set(pending) == set(queued)


async def test_twins_when_their_key_has_expired(ledger: Ledger) -> None:
    """Twins over two gateways that find an expired key agree on one of them."""
    await ledger.insert_webhook(key=_KEY)
    events = [f"e-{number}" for number in range(4)]
    async with serving(ledger) as one, serving(ledger) as other:
        await _send_twins([one], events, twin_count=1)
        await ledger.pool.execute("update postern.idempotency_keys set expires_at = now()")
        answers = await _send_twins([one, other], events, twin_count=40)
    for event in events:
        bodies = [answer(response) for response in answers[event]]
        assert len({body["delivery_id"] for body in bodies}) == 1
        assert sum("duplicate" not in body for body in bodies) == 1
    assert await ledger.count("outbox") == 2 * len(events)


@asynccontextmanager
async def _another_client(gateway: Gateway) -> AsyncIterator[Gateway]:
    async with httpx.AsyncClient(
        base_url=gateway.http.base_url, timeout=gateway.http.timeout, verify=TLS
    ) as client:
        yield dataclasses.replace(gateway, http=client)


async def _send_twins(
    gateways: list[Gateway], events: list[str], *, twin_count: int
) -> dict[str, list[httpx.Response]]:
    sent = [event for event in events for _ in range(twin_count)]
    random.Random(1).shuffle(sent)
    async with AsyncExitStack() as stack:
        senders = [
            await stack.enter_async_context(_another_client(gateway))
            for _ in range(0, len(sent), _REQUESTS_OF_A_CLIENT)
            for gateway in gateways
        ]
        responses = await asyncio.gather(
            *(
                senders[number % len(senders)].post(_event(event))
                for number, event in enumerate(sent)
            )
        )
    answers = defaultdict(list)
    for event, response in zip(sent, responses, strict=True):
        answers[event].append(response)
    return answers


def _event(event_id: str, **fields: object) -> bytes:
    return orjson.dumps({"event": {"id": event_id}, **fields})
