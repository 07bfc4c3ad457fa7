"""What admins are told of secrets, and how an old one ends."""

from typing import Any
from uuid import UUID

from shared.database.pool import Connection
from shared.domain.identifiers import uuid7
from shared.ledger.secret_uses import SecretUse, SecretUseLog
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.test_webhooks import PATH, REFERENCE, webhook_body


async def _rotated(acme: Tenant) -> tuple[str, list[dict[str, Any]]]:
    """Create a webhook and rotate its secret with an overlap; return its path and secrets."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    path = f"{PATH}/{made['data']['inbound_webhook_id']}"
    await acme.post(f"{path}/rotate-secret", {"overlap_seconds": 3600}, expect=200)
    return path, (await acme.get(f"{path}/secrets"))["data"]


async def test_list_when_secrets_overlap(acme: Tenant) -> None:
    """Every secret is shown with its times, the newest first, and never its value."""
    path, secrets = await _rotated(acme)
    new, old = secrets
    assert set(new) == {"secret_id", "created_at", "valid_until", "last_used_at", "is_live"}
    assert (new["valid_until"], new["is_live"], old["is_live"]) == (None, True, True)
    assert old["valid_until"] > old["created_at"]
    assert REFERENCE["auth_config"]["secret"] not in str(await acme.get(f"{path}/secrets"))


async def test_last_use_when_gateways_tell_it(acme: Tenant, superuser: Connection) -> None:
    """The latest use counts, whatever order it is told in; what is gone is passed over."""
    path, (new, old) = await _rotated(acme)
    webhook_id = UUID(path.rpartition("/")[2])
    log = SecretUseLog(superuser)
    for at_ms in (1_760_000_000_000, 1_770_000_000_123, 1_750_000_000_000):
        uses = [
            SecretUse(acme.tenant_id, webhook_id, secret_id, at_ms)
            for secret_id in (UUID(old["secret_id"]), uuid7())
        ]
        await log.record(uses)
    told = {
        secret["secret_id"]: secret["last_used_at"]
        for secret in (await acme.get(f"{path}/secrets"))["data"]
    }
    assert told == {
        old["secret_id"]: "2026-02-02T02:40:00.123000Z",
        new["secret_id"]: None,
    }
    assert (await acme.get(path))["data"]["version"] == 2


async def test_old_secret_when_revoked(acme: Tenant, superuser: Connection) -> None:
    """It ends at once and gateways are told; the newest one can only be rotated."""
    path, (new, old) = await _rotated(acme)
    await acme.delete(f"{path}/secrets/{new['secret_id']}", expect=409)
    revoked = await acme.delete(f"{path}/secrets/{old['secret_id']}", expect=200)
    assert revoked["data"]["version"] == 3
    assert [s["secret_id"] for s in (await acme.get(f"{path}/secrets"))["data"]] == [
        new["secret_id"]
    ]
    assert await superuser.fetchval("select count(*) from postern.webhook_secrets") == 1
    await acme.delete(f"{path}/secrets/{old['secret_id']}", expect=404)
    event = await superuser.fetchrow(
        "select action, details::text from postern.audit_events order by event_id desc limit 1"
    )
    assert event is not None
    assert event["action"] == "webhook.secret_revoked"
    assert old["secret_id"] in event["details"]


async def test_secrets_when_their_overlap_is_over(acme: Tenant, superuser: Connection) -> None:
    """An ended secret is shown as such until the next rotation, which deletes it."""
    path, (_, old) = await _rotated(acme)
    await superuser.execute(
        "update postern.webhook_secrets set valid_until = now() - interval '1 s'"
        " where secret_id = $1",
        old["secret_id"],
    )
    shown = {s["secret_id"]: s["is_live"] for s in (await acme.get(f"{path}/secrets"))["data"]}
    assert shown[old["secret_id"]] is False
    await acme.post(f"{path}/rotate-secret", {"overlap_seconds": 60}, expect=200)
    left = (await acme.get(f"{path}/secrets"))["data"]
    assert old["secret_id"] not in {secret["secret_id"] for secret in left}
    assert len(left) == 2


async def test_secrets_when_there_are_none(acme: Tenant, rival: Tenant) -> None:
    """An address list has none to show; a foreign webhook is 404."""
    body = webhook_body(auth_type="ip_allowlist", auth_config={"ip_cidrs": ["10.0.0.0/8"]})
    made = await acme.post(PATH, body, expect=201)
    path = f"{PATH}/{made['data']['inbound_webhook_id']}/secrets"
    assert (await acme.get(path))["data"] == []
    await acme.delete(f"{path}/{uuid7()}", expect=404)
    await rival.get(path, expect=404)
