"""The empty 401: the same for every reason, recorded without what was tried."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import httpx
import pytest

from gateway import metrics
from tests.integration.gateway.raw import connected
from tests.integration.gateway.world import (
    SECRET,
    SIGNATURE_HEADER,
    SLUG,
    TENANT,
    Ledger,
    eventually,
    path_of,
    serving,
    signature,
)

#: In every credential that is tried, so that a row or a log line that keeps one can be found.
_CANARY = "c4n4ryc4n4ryc4n4ry"


class _Refused(NamedTuple):
    """A request that is refused, and how it is recorded."""

    path: str
    headers: Mapping[str, str]
    auth_status: str | None
    is_known: bool = True


_HEX = signature(b"{}", _CANARY).removeprefix("sha256=")
_CASES = {
    "unknown tenant": _Refused("/api/inbound/nobody/any", {SIGNATURE_HEADER: _CANARY}, None),
    "unknown webhook": _Refused(
        f"/api/inbound/{TENANT}/nothing?token={_CANARY}",
        {SIGNATURE_HEADER: _CANARY, "authorization": f"Bearer {_CANARY}"},
        "rejected_signature",
        is_known=False,
    ),
    "inactive webhook": _Refused(
        path_of("inactive") + f"?token={_CANARY}",
        {SIGNATURE_HEADER: signature(b"{}") + _CANARY, "x-hub-signature": _CANARY},
        "rejected_signature",
        is_known=False,
    ),
    "deleted webhook": _Refused(
        path_of("deleted"), {SIGNATURE_HEADER: _CANARY}, "rejected_signature", is_known=False
    ),
    "wrong signature": _Refused(
        path_of(), {SIGNATURE_HEADER: f"sha256={_HEX}{_CANARY}"}, "rejected_signature"
    ),
    "another secret's signature": _Refused(
        path_of(), {SIGNATURE_HEADER: signature(b"{}", _CANARY)}, "rejected_signature"
    ),
    "no signature": _Refused(path_of(), {"cookie": f"c={_CANARY}"}, "rejected_signature"),
    "wrong bearer": _Refused(
        path_of("bearer"), {"authorization": f"Bearer {_CANARY}"}, "rejected_bearer"
    ),
    "no bearer": _Refused(path_of("bearer"), {"x-api-key": _CANARY}, "rejected_bearer"),
    "wrong token": _Refused(
        path_of("token") + f"?a=1&token={_CANARY}&t%6fken={_CANARY}&b=2",
        {"referer": f"https://hooks.example.com/x?token={_CANARY}"},
        "rejected_no_auth",
    ),
    "no token": _Refused(path_of("token"), {"x-auth-token": _CANARY}, "rejected_no_auth"),
    "odd token": _Refused(
        path_of("token") + "?token=%ff", {"set-cookie": _CANARY}, "rejected_no_auth"
    ),
    "wrong signature of a known sender": _Refused(
        path_of("stripe"),
        {"stripe-signature": f"t=1790000000,v1={_HEX},v0={_CANARY}"},
        "rejected_signature",
    ),
    "no signature of a known sender": _Refused(
        path_of("adyen"), {"hmacsignature": _CANARY}, "rejected_signature"
    ),
    "known sender without a secret": _Refused(
        path_of("awaiting"), {"x-docusign-signature-7": _CANARY}, "rejected_no_auth"
    ),
    "wrong address": _Refused(path_of("address"), {"proxy-authorization": _CANARY}, "rejected_ip"),
}


async def _insert_webhooks(ledger: Ledger) -> None:
    await ledger.insert_webhook()
    await ledger.insert_webhook("bearer", auth_type="bearer")
    await ledger.insert_webhook("token", auth_type="path_token")
    networks = {"ip_cidrs": ["203.0.113.0/24"]}
    await ledger.insert_webhook("address", auth_type="ip_allowlist", auth_config=networks)
    for slug, preset, secret in (
        ("stripe", "stripe", f"whsec_{SECRET}"),
        ("adyen", "adyen_platform", "0f" * 32),
        ("awaiting", "docusign", None),
    ):
        config = {"preset": preset, "options": {}}
        await ledger.insert_webhook(slug, auth_type="signature", auth_config=config, secret=secret)
    await ledger.change(await ledger.insert_webhook("inactive"), is_active=False)
    await ledger.delete(await ledger.insert_webhook("deleted"))


async def test_refusals_when_reasons_differ(ledger: Ledger) -> None:
    """No two of them can be told apart: status, headers and body are the same to the byte."""
    await _insert_webhooks(ledger)
    async with serving(ledger) as gateway:
        answers = {
            reason: await gateway.http.post(case.path, content=b"{}", headers=dict(case.headers))
            for reason, case in _CASES.items()
        }
        assert {reason: response.status_code for reason, response in answers.items()} == (
            dict.fromkeys(answers, 401)
        )
        assert len({_without_date(response) for response in answers.values()}) == 1
        assert {response.content for response in answers.values()} == {b""}
        recorded = [case for case in _CASES.values() if case.auth_status is not None]
        await eventually(lambda: _is_there(ledger, len(recorded)))
    rows = await ledger.deliveries()
    assert [row["auth_status"] for row in rows] == [case.auth_status for case in recorded]
    assert [row["webhook_id"] is not None for row in rows] == [case.is_known for case in recorded]
    for row in rows:
        assert row["tenant_id"] == ledger.tenant_id
        assert (row["dispatch_status"], row["response_status"]) == ("failed", 401)
        assert row["request_body"] is None
        assert row["completed_at"] is not None
        assert b"host: " in row["request_headers"]
    masked = next(row for row in rows if "/token?a=1" in row["request_path"])
    assert masked["request_path"] == path_of("token") + "?a=1&token=***&t%6fken=***&b=2"
    assert await ledger.count("outbox") == 0
    assert await _rows_with(ledger, _CANARY) == []
    assert await _rows_with(ledger, _HEX) == []


async def test_credentials_when_they_are_right(ledger: Ledger) -> None:
    """Each auth type lets its own sender in, and keeps nothing of the credential."""
    await ledger.insert_webhook(secret=_CANARY)
    await ledger.insert_webhook("bearer", auth_type="bearer", secret=_CANARY)
    await ledger.insert_webhook("token", auth_type="path_token", secret=_CANARY)
    await ledger.insert_webhook("address", auth_type="ip_allowlist")
    async with serving(ledger) as gateway:
        responses = [
            await gateway.post(b"{}", secret=_CANARY),
            await gateway.post_unsigned(
                slug="bearer", headers={"authorization": f"bearer {_CANARY}"}
            ),
            await gateway.post_unsigned(slug="token", query=f"x=1&token={_CANARY}"),
            await gateway.post_unsigned(slug="address"),
        ]
        # Verified, and refused for its body.
        malformed = await gateway.post_unsigned(b"{", slug="token", query=f"token={_CANARY}")
    assert [response.status_code for response in responses] == [200] * 4
    assert malformed.status_code == 400
    rows = await ledger.deliveries()
    assert [row["secret_id"] is not None for row in rows[:4]] == [True, True, True, False]
    assert await _rows_with(ledger, _CANARY) == []
    assert await _rows_with(ledger, signature(b"{}", _CANARY).removeprefix("sha256=")) == []


async def test_address_when_behind_a_trusted_proxy(ledger: Ledger) -> None:
    """The rightmost address that is no trusted proxy decides; what the sender wrote does not."""
    networks = {"ip_cidrs": ["203.0.113.0/24", "2001:db8::/32"]}
    await ledger.insert_webhook("address", auth_type="ip_allowlist", auth_config=networks)
    async with serving(ledger, trusted_proxies=("127.0.0.0/8", "10.0.0.0/8")) as gateway:
        for forwarded, status in {
            "203.0.113.9": 200,
            "198.51.100.1, 203.0.113.9, 10.1.1.1": 200,
            "2001:db8::7": 200,
            "203.0.113.9, 198.51.100.1": 401,
            "203.0.113.9, 198.51.100.1, 10.1.1.1": 401,
            "203.0.113.9, unknown": 401,
            "": 401,
        }.items():
            response = await gateway.post_unsigned(
                slug="address", headers={"x-forwarded-for": forwarded}
            )
            assert response.status_code == status, forwarded
    async with serving(ledger) as gateway:
        response = await gateway.post_unsigned(
            slug="address", headers={"x-forwarded-for": "203.0.113.9"}
        )
        assert response.status_code == 401, "no proxy is trusted unless told"


async def test_refusals_when_there_is_a_flood(ledger: Ledger) -> None:
    """Of each webhook only so many are recorded; the others are counted, and all are 401."""
    await _insert_webhooks(ledger)
    before = metrics.REFUSED_UNRECORDED._value.get()
    async with serving(ledger, refused_burst=10, refused_per_minute=0) as gateway:
        flood = [gateway.post(b"{}", secret="wrong") for _ in range(50)]
        flood += [gateway.post(b"{}", slug=f"guess-{number}") for number in range(50)]
        assert {response.status_code for response in await asyncio.gather(*flood)} == {401}
        await eventually(lambda: _is_there(ledger, 20))
        # The sender with the right secret is not held back, nor is another webhook's record.
        assert (await gateway.post(b"{}")).status_code == 200
        await gateway.post_unsigned(slug="bearer")
        await eventually(lambda: _is_there(ledger, 22))
    assert metrics.REFUSED_UNRECORDED._value.get() - before == 80


async def test_refusals_when_signature_is_mutated(ledger: Ledger) -> None:
    """Garbage in the signature header is 401, whatever its bytes."""
    await ledger.insert_webhook()
    values = [
        b"",
        b"\xff" * 10,
        b"sha256=" + b"\xc3\xbc" * 32,
        b"a" * 8000,
        b"\x01\x7f",
        b"sha256",
    ]
    async with serving(ledger) as gateway:
        for value in values:
            async with connected(gateway.port) as socket:
                await socket.send(
                    b"POST %b HTTP/1.1\r\nHost: h\r\n%b: %b\r\nContent-Length: 2\r\n\r\n{}"
                    % (path_of().encode(), SIGNATURE_HEADER.encode(), value)
                )
                status, body = await socket.read_answer()
                # A control character is refused by the parser itself.
                assert (status, body) == (401, b"") or (status == 400 and value == b"\x01\x7f")


def _without_date(response: httpx.Response) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(header for header in response.headers.raw if header[0].lower() != b"date")


async def _is_there(ledger: Ledger, count: int) -> bool:
    return await ledger.count("deliveries") == count


async def _rows_with(ledger: Ledger, text: str) -> list[str]:
    """Return the rows of any table, in any column, that hold a text."""
    found = []
    tables = await ledger.pool.fetch(
        "select relname from pg_class join pg_namespace n on n.oid = relnamespace"
        " where nspname = 'postern' and relkind in ('r', 'p')"
    )
    for (table,) in tables:
        rows = await ledger.pool.fetch(f"select t.* from postern.{table} t")
        found += [
            f"{table}.{column}"
            for row in rows
            for column, value in row.items()
            if text.encode() in (value if isinstance(value, bytes) else str(value).encode())
        ]
    return found


@pytest.mark.parametrize("slug", [SLUG, "bearer", "token", "github"])
async def test_webhook_when_it_has_no_secret_left(ledger: Ledger, slug: str) -> None:
    """A webhook whose secrets are gone, empty or unreadable lets nobody in."""
    auth_type = {
        SLUG: "hmac_sha256",
        "bearer": "bearer",
        "token": "path_token",
        "github": "signature",
    }[slug]
    webhook_id = await ledger.insert_webhook(slug, auth_type=auth_type, secret="")
    empty = {SIGNATURE_HEADER: signature(b"{}", ""), "authorization": "Bearer"}
    right = {SIGNATURE_HEADER: signature(b"{}"), "authorization": f"Bearer {SECRET}"}
    for headers in (empty, right):
        headers["X-Hub-Signature-256"] = headers[SIGNATURE_HEADER]
    async with serving(ledger) as gateway:
        for headers, query in ((empty, "token="), (empty, ""), (right, f"token={SECRET}")):
            response = await gateway.post_unsigned(slug=slug, headers=headers, query=query)
            assert response.status_code == 401
        await ledger.pool.execute("update postern.webhook_secrets set sealed = 'junk'")
        await ledger.change(webhook_id, name="changed")
        response = await gateway.post_unsigned(slug=slug, headers=empty, query="token=")
        assert response.status_code == 401
