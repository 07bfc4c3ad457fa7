"""Secrets that sign one webhook's forwards: set, exchanged, taken away, never shown again."""

from base64 import b64encode
from typing import Any
from uuid import UUID

import orjson
import pytest

from shared.crypto.keyring import Keyring
from shared.database.pool import Connection
from shared.ledger.forward_secrets import ForwardSecrets
from shared.signatures.signing_secrets import format_secret, parse_secret
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.test_webhooks import PATH, REFERENCE

_OWN = "whsec_" + b64encode(bytes(range(24))).decode()


@pytest.fixture
async def path(acme: Tenant) -> str:
    """Where the forward secret of a webhook of acme's is."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    return f"{PATH}/{made['data']['inbound_webhook_id']}/forward-secret"


async def _keys(superuser: Connection, keyring: Keyring, acme: Tenant, path: str) -> list[Any]:
    """Return the keys that a worker would sign with; None for the workers' own."""
    webhook_id = UUID(path.split("/")[-2])
    stored = ForwardSecrets(superuser, tenant_id=acme.tenant_id, webhook_id=webhook_id)
    return [stored.opened(keyring, secret) for secret in await stored.list_live()]


async def test_secret_made_up_is_shown_once(
    acme: Tenant, path: str, superuser: Connection, keyring: Keyring
) -> None:
    """It opens to what was shown, is stored sealed, and no other answer has it."""
    answer = await acme.put(path, {})
    secret = answer["secret"]
    assert await _keys(superuser, keyring, acme, path) == [parse_secret(secret)]
    assert len(parse_secret(secret)) == 32
    told = [
        await acme.get(path),
        await acme.get(path.removesuffix("/forward-secret")),
        await acme.get("/api/v1/audit-events"),
        [dict(row) for row in await superuser.fetch("select sealed from postern.forward_secrets")],
    ]
    assert secret[6:] not in str(told)
    assert parse_secret(secret) not in told[3][0]["sealed"]


async def test_secret_of_ones_own_is_kept_and_not_repeated(
    acme: Tenant, path: str, superuser: Connection, keyring: Keyring
) -> None:
    """Whoever gave it has it."""
    answer = await acme.put(path, {"secret": _OWN})
    assert answer["secret"] is None
    assert [entry["origin"] for entry in answer["data"]] == ["webhook"]
    (key,) = await _keys(superuser, keyring, acme, path)
    assert format_secret(key) == _OWN


async def test_exchange_without_overlap_ends_the_old_secret(
    acme: Tenant, path: str, superuser: Connection, keyring: Keyring
) -> None:
    """The new one alone signs."""
    await acme.put(path, {"secret": _OWN})
    fresh = await acme.put(path, {})
    assert await _keys(superuser, keyring, acme, path) == [parse_secret(fresh["secret"])]


async def test_exchange_with_overlap_lets_both_sign(
    acme: Tenant, path: str, superuser: Connection, keyring: Keyring
) -> None:
    """First the workers' secret beside the webhook's, then the old beside the new; then not."""
    first = await acme.put(path, {"overlap_seconds": 3600})
    assert [entry["origin"] for entry in first["data"]] == ["webhook", "workers"]
    second = await acme.put(path, {"overlap_seconds": 60})
    keys = [parse_secret(second["secret"]), parse_secret(first["secret"]), None]
    assert await _keys(superuser, keyring, acme, path) == keys
    assert [entry["valid_until"] is None for entry in second["data"]] == [True, False, False]
    await superuser.execute(
        "update postern.forward_secrets set valid_until = now() where valid_until is not null"
    )
    assert await _keys(superuser, keyring, acme, path) == keys[:1]


async def test_too_many_overlaps_are_refused(acme: Tenant, path: str) -> None:
    """A forward carries a signature of each; without overlap there is always a way."""
    for _ in range(4):
        await acme.put(path, {"overlap_seconds": 3600})
    await acme.put(path, {"overlap_seconds": 3600}, expect=409)
    assert len((await acme.put(path, {}))["data"]) == 1


async def test_secret_taken_away_leaves_the_workers_own(
    acme: Tenant, path: str, superuser: Connection, keyring: Keyring
) -> None:
    """Nothing is left, and doing it twice is no fault."""
    await acme.put(path, {"overlap_seconds": 3600})
    await acme.delete(path, expect=204)
    await acme.delete(path, expect=204)
    assert (await acme.get(path))["data"] == []
    assert await superuser.fetchval("select count(*) from postern.forward_secrets") == 0


async def test_deleted_webhook_leaves_no_secret(
    acme: Tenant, path: str, superuser: Connection
) -> None:
    """A webhook's secrets go with it."""
    await acme.put(path, {})
    await acme.delete(path.removesuffix("/forward-secret"), expect=204)
    assert await superuser.fetchval("select count(*) from postern.forward_secrets") == 0
    await acme.get(path, expect=404)


@pytest.mark.parametrize(
    "body",
    [{"secret": "whsec_!"}, {"secret": "whsec_AAAA"}, {"overlap_seconds": -1}, {"overlap": 1}],
)
async def test_wrong_body_is_named_and_not_repeated(
    acme: Tenant, path: str, body: dict[str, Any]
) -> None:
    """The field is told; a secret, however wrong, is not."""
    answer = await acme.put(path, body, expect=422)
    (name,) = body
    assert answer["errors"][0]["field"] == name
    assert "whsec_AAAA" not in str(answer)
    assert (await acme.get(path))["data"] == []


async def test_changes_are_audited(acme: Tenant, path: str, superuser: Connection) -> None:
    """Who set and who took away a secret is on record."""
    await acme.put(path, {"overlap_seconds": 60})
    await acme.delete(path, expect=204)
    rows = await superuser.fetch(
        "select action, details from postern.audit_events where action ~ 'forward' order by 1 desc"
    )
    assert [row["action"] for row in rows] == [
        "webhook.forward_secret_set",
        "webhook.forward_secret_deleted",
    ]
    assert orjson.loads(rows[0]["details"]) == {"overlap_seconds": 60}


async def test_another_tenants_webhook_is_not_there(
    rival: Tenant, path: str, superuser: Connection
) -> None:
    """Neither read, nor set, nor taken away."""
    await rival.get(path, expect=404)
    await rival.put(path, {}, expect=404)
    await rival.delete(path, expect=404)
    assert await superuser.fetchval("select count(*) from postern.forward_secrets") == 0
