"""Webhooks of known senders: made over the API, proven by a gateway, rotated, copied, imported."""

from typing import Any
from uuid import UUID

import orjson
import structlog

from shared.clock import SystemClock
from shared.crypto.keyring import Keyring
from shared.database.pool import Connection
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.test_webhooks import PATH, tables_containing, webhook_body
from tests.integration.gateway.world import (
    Gateway,
    eventually,
    gateway_settings,
    path_of,
    running_gateway,
)
from tests.unit.signatures.senders import SENDERS, Sent

_STRIPE = SENDERS["stripe"]
_OLD, _NEW = _STRIPE.secrets
_SLUG = "payments"


def _body(secret: str | None = _OLD, *, preset: str = "stripe", **options: object) -> Any:
    config: dict[str, Any] = {"preset": preset, "options": options}
    if secret is not None:
        config["secret"] = secret
    return webhook_body(
        slug=_SLUG,
        auth_type="signature",
        auth_config=config,
        idempotency_source={"type": "jsonata", "value": "id"},
    )


def _sent(number: int, *, by: int = 0, ago: int = 0) -> Sent:
    """Return a new event of Stripe's."""
    at = int(SystemClock().now().timestamp()) - ago
    return _STRIPE.sent(by=by, at=at, body=b'{"id": "evt_%d"}' % number)


async def _status(gateway: Gateway, sent: Sent) -> int:
    headers = [(name, value) for name, value in sent.headers if name != b"host"]
    answer = await gateway.http.post(path_of(_SLUG), content=sent.body, headers=headers)
    assert answer.status_code == 200 or answer.content == b""
    return answer.status_code


async def test_stripe_when_it_sends(
    acme: Tenant, superuser: Connection, database_url: str, keyring: Keyring
) -> None:
    """Its events are taken, others get an empty 401, and neither secret nor signature is kept."""
    made = await acme.post(PATH, _body(tolerance_seconds=600), expect=201)
    assert made["secret"] == _OLD
    assert made["data"]["auth_config"] == {
        "type": "signature",
        "preset": "stripe",
        "options": {"tolerance_seconds": 600},
    }
    good, old, stale, forged = _sent(1), _sent(2, ago=500), _sent(3, ago=700), _sent(4, by=1)
    with structlog.testing.capture_logs() as logs:
        async with running_gateway(gateway_settings(database_url, keyring)) as gateway:
            assert [await _status(gateway, sent) for sent in (good, old, stale, forged)] == [
                200,
                200,
                401,
                401,
            ]
            # Once more: known by its id.
            assert await _status(gateway, good) == 200
            count = "select count(*) from postern.deliveries"

            async def all_recorded() -> bool:
                return bool(await superuser.fetchval(count) == 5)

            await eventually(all_recorded)
    rows = await superuser.fetch(
        "select auth_status, dispatch_status, secret_id from postern.deliveries"
        " order by delivery_id"
    )
    assert (
        sorted(row["auth_status"] for row in rows) == ["rejected_signature"] * 2 + ["verified"] * 3
    )
    assert [row["dispatch_status"] for row in rows].count("duplicate") == 1
    secrets = (await acme.get(f"{PATH}/{made['data']['inbound_webhook_id']}/secrets"))["data"]
    assert {row["secret_id"] for row in rows if row["secret_id"]} == {
        UUID(secrets[0]["secret_id"])
    }
    hidden = [_OLD, *(sent.headers[1][1].partition(b"v1=")[2].decode() for sent in (good, forged))]
    for text in hidden:
        assert await tables_containing(superuser, text) == []
        assert text not in repr(logs)


async def test_rotation_when_the_sender_makes_the_secret(
    acme: Tenant, database_url: str, keyring: Keyring
) -> None:
    """A new secret has to be given and fit; over the overlap requests of both are taken."""
    made = await acme.post(PATH, _body(), expect=201)
    rotate = f"{PATH}/{made['data']['inbound_webhook_id']}/rotate-secret"
    for secret, rule in ((None, "required"), ("not-of-stripe-at-all", "secret_form")):
        body = {"overlap_seconds": 60} | ({} if secret is None else {"secret": secret})
        error = await acme.post(rotate, body, expect=422)
        assert [(fault["field"], fault["rule"]) for fault in error["errors"]] == [("secret", rule)]
        assert "not-of-stripe" not in str(error)
    rotated = await acme.post(rotate, {"overlap_seconds": 60, "secret": _NEW}, expect=200)
    assert rotated["secret"] == _NEW
    async with running_gateway(gateway_settings(database_url, keyring)) as gateway:
        for by in (0, 1):
            assert await _status(gateway, _sent(by, by=by)) == 200


async def test_rotation_when_the_sender_takes_any(acme: Tenant) -> None:
    """One is made up, as for the other auth types, or taken as it is given."""
    made = await acme.post(PATH, _body(None, preset="github"), expect=201)
    rotate = f"{PATH}/{made['data']['inbound_webhook_id']}/rotate-secret"
    assert len((await acme.post(rotate, expect=200))["secret"]) == 43
    own = "a-secret-of-my-own"
    assert (await acme.post(rotate, {"secret": own}, expect=200))["secret"] == own


async def test_secret_when_the_preset_changes(acme: Tenant, superuser: Connection) -> None:
    """That of another sender does not stay; a patch of anything else leaves it alone."""
    made = await acme.post(PATH, _body(), expect=201)
    path = f"{PATH}/{made['data']['inbound_webhook_id']}"
    stored = "select secret_id from postern.webhook_secrets"
    first = await superuser.fetchval(stored)
    for config in ({"options": {"tolerance_seconds": 30}}, {"options": None}):
        answer = await acme.http.patch(path, json={"auth_config": config})
        assert answer.status_code == 200, answer.text
        assert await superuser.fetchval(stored) == first
    refused = await acme.http.patch(path, json={"auth_config": {"preset": "svix"}})
    assert [fault["field"] for fault in refused.json()["errors"]] == ["auth_config.secret"]
    answer = await acme.http.patch(path, json={"auth_config": {"preset": "github"}})
    assert len(answer.json()["secret"]) == 43
    assert await superuser.fetchval(stored) != first


async def test_clone_when_the_sender_makes_the_secret(acme: Tenant) -> None:
    """The copy needs a secret of its own, which is judged like any."""
    made = await acme.post(PATH, _body(), expect=201)
    clone = f"{PATH}/{made['data']['inbound_webhook_id']}/clone"
    for body in ({}, {"secret": "not-of-stripe-at-all"}):
        error = await acme.post(clone, body, expect=422)
        assert [fault["field"] for fault in error["errors"]] == ["secret"]
    copied = await acme.post(clone, {"secret": _NEW, "slug": "second"}, expect=201)
    assert copied["secret"] == _NEW
    assert copied["data"]["auth_config"] == made["data"]["auth_config"]


async def test_import_when_the_sender_makes_the_secret(
    acme: Tenant, rival: Tenant, superuser: Connection
) -> None:
    """The webhook is made without one, which the answer tells, and lets nobody in until then."""
    await acme.post(PATH, _body(), expect=201)
    await acme.post(PATH, _body(None, preset="github") | {"slug": "code"}, expect=201)
    document = orjson.loads((await acme.http.get(f"{PATH}/export")).content)
    answer = await rival.http.post(f"{PATH}/import", params={"mode": "apply"}, json=document)
    applied = answer.json()["data"]
    awaiting = {step["slug"]: step["awaits_secret"] for step in applied["webhooks"]}
    assert awaiting == {"code": False, _SLUG: True}
    assert [entry["slug"] for entry in applied["secrets"]] == ["code"]
    webhook_id = next(
        webhook["inbound_webhook_id"]
        for webhook in (await rival.get(PATH))["data"]
        if webhook["slug"] == _SLUG
    )
    assert (await rival.get(f"{PATH}/{webhook_id}/secrets"))["data"] == []
    again = await rival.http.post(f"{PATH}/import", json=document)
    assert again.json()["data"]["counts"]["unchanged"] == 2
    await rival.post(f"{PATH}/{webhook_id}/rotate-secret", {"secret": _NEW}, expect=200)
    assert len((await rival.get(f"{PATH}/{webhook_id}/secrets"))["data"]) == 1


async def test_list_when_filtered_by_auth_type(acme: Tenant) -> None:
    """Webhooks of known senders are found by their type."""
    await acme.post(PATH, _body(), expect=201)
    await acme.post(PATH, webhook_body(), expect=201)
    found = (await acme.get(PATH, {"auth_type": "signature"}))["data"]
    assert [webhook["slug"] for webhook in found] == [_SLUG]
