"""Samples: captured, named, looked into, evaluated on."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from control_api.access import Services
from control_api.routes.samples import MAX_NAMED_SAMPLES
from shared.database.pool import Connection
from shared.domain.identifiers import uuid7
from tests.integration.control_api.conftest import Tenant, insert_delivery
from tests.integration.control_api.sandboxed import sandboxed
from tests.integration.control_api.test_webhooks import PATH, REFERENCE


async def _webhook(acme: Tenant) -> str:
    made = await acme.post(PATH, REFERENCE, expect=201)
    return f"{PATH}/{made['data']['inbound_webhook_id']}"


async def _capture(
    acme: Tenant, superuser: Connection, path: str, body: bytes, **wanted: object
) -> None:
    """Arm a capture, let a request come, and let it be found."""
    await acme.post(f"{path}/capture-sample", wanted, expect=200)
    await insert_delivery(
        superuser,
        tenant_id=acme.tenant_id,
        webhook_id=UUID(path.rpartition("/")[2]),
        request_body=body,
    )
    webhook = (await acme.get(path))["data"]
    assert webhook["sample_capture_expires_at"] is None


async def _samples(acme: Tenant, path: str) -> dict[str | None, dict[str, Any]]:
    found = (await acme.get(f"{path}/samples"))["data"]
    return {sample["name"]: sample for sample in found}


async def test_samples_when_captured_under_names(acme: Tenant, superuser: Connection) -> None:
    """A capture replaces the sample of its own name alone; the others stay."""
    path = await _webhook(acme)
    await _capture(acme, superuser, path, b'{"n": 1}')
    await _capture(acme, superuser, path, b'{"n": 2}', name="offline")
    await _capture(acme, superuser, path, b'{"n": 3}')
    await _capture(acme, superuser, path, b'{"n": 44}', name="offline")
    samples = await _samples(acme, path)
    assert list(samples) == [None, "offline"]
    assert samples["offline"]["body_bytes"] == len(b'{"n": 44}')
    sample = (await acme.get(f"{path}/samples/{samples['offline']['sample_id']}"))["data"]
    assert (sample["body"], sample["body_encoding"]) == ({"n": 44}, "json")
    assert sample["headers"]["user-agent"] == "rmm/1"
    assert (await acme.get(path))["data"]["sample"]["body"] == {"n": 44}
    unnamed = (await acme.get(f"{path}/samples/{samples[None]['sample_id']}"))["data"]
    assert unnamed["body"] == {"n": 3}


async def test_window_when_it_is_set(acme: Tenant) -> None:
    """Five minutes by default, up to a day, no longer."""
    path = await _webhook(acme)
    for wanted, seconds in (({}, 300), ({"window_seconds": 86_400}, 86_400)):
        armed = await acme.post(f"{path}/capture-sample", wanted, expect=200)
        updated, expires = (
            armed["data"]["created_at"],
            armed["data"]["sample_capture_expires_at"],
        )
        assert expires > updated
        left = await acme.http.get(path)
        assert left.status_code == 200
        assert seconds - 60 <= _apart(updated, expires) <= seconds + 60
    for seconds in (0, 86_401):
        error = await acme.post(f"{path}/capture-sample", {"window_seconds": seconds}, expect=422)
        assert error["errors"][0]["field"] == "window_seconds"


def _apart(earlier: str, later: str) -> float:

    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


async def test_sample_when_named_renamed_and_deleted(acme: Tenant, superuser: Connection) -> None:
    """A name keeps a sample from being replaced; names are unique; clearing leaves none."""
    path = await _webhook(acme)
    await _capture(acme, superuser, path, b"{}")
    await _capture(acme, superuser, path, b"{}", name="b")
    samples = await _samples(acme, path)
    unnamed = f"{path}/samples/{samples[None]['sample_id']}"
    await acme.put(unnamed, {"name": "b"}, expect=409)
    renamed = await acme.put(unnamed, {"name": " a "})
    assert renamed["data"]["name"] == "a"
    await _capture(acme, superuser, path, b"{}")
    assert list(await _samples(acme, path)) == [None, "a", "b"]
    await acme.delete(unnamed, expect=204)
    await acme.get(unnamed, expect=404)
    await acme.delete(unnamed, expect=404)
    await acme.post(f"{path}/capture-sample", expect=200)
    assert list(await _samples(acme, path)) == ["b"]
    await acme.delete(f"{path}/samples", expect=204)
    assert await _samples(acme, path) == {}
    assert (await acme.get(path))["data"]["sample_capture_expires_at"] is None
    events = await superuser.fetch(
        "select action from postern.audit_events where action like 'sample%' order by event_id"
    )
    assert {"sample.renamed", "sample.deleted", "samples.cleared"} <= {row[0] for row in events}


async def test_samples_when_they_are_too_many(acme: Tenant, superuser: Connection) -> None:
    """Beyond the cap no other name is taken, by a capture or a renaming."""
    path = await _webhook(acme)
    await superuser.execute(
        "insert into postern.webhook_samples"
        " (tenant_id, webhook_id, sample_id, delivery_id, headers, body, captured_at, name)"
        " select $1, $2, gen_random_uuid(), gen_random_uuid(), '', '{}', now(), 's' || n"
        " from generate_series(1, $3::integer) n",
        acme.tenant_id,
        UUID(path.rpartition("/")[2]),
        MAX_NAMED_SAMPLES,
    )
    await acme.post(f"{path}/capture-sample", {"name": "one more"}, expect=409)
    await acme.post(f"{path}/capture-sample", {"name": "s1"}, expect=200)
    await _capture(acme, superuser, path, b"{}")
    unnamed = (await _samples(acme, path))[None]
    await acme.put(f"{path}/samples/{unnamed['sample_id']}", {"name": "one more"}, expect=409)


async def test_paths_when_a_sample_is_looked_into(acme: Tenant, superuser: Connection) -> None:
    """The tree has a path for each value, which a mapping can use; no JSON has none."""
    path = await _webhook(acme)
    await _capture(
        acme, superuser, path, b'{"device": {"serial no": "x"}, "tags": [{"k": 1}, {"v": "y"}]}'
    )
    sample = (await _samples(acme, path))[None]
    tree = (await acme.get(f"{path}/samples/{sample['sample_id']}/paths"))["data"]
    device, tags = tree["root"]["children"]
    assert device["children"][0]["path"] == "device.`serial no`"
    assert [child["path"] for child in tags["children"]] == ["tags.k", "tags.v"]
    assert tree["is_truncated"] is False
    await superuser.execute("update postern.webhook_samples set body = '{'")
    await acme.get(f"{path}/samples/{sample['sample_id']}/paths", expect=409)


async def test_webhook_when_its_sample_is_large(acme: Tenant, superuser: Connection) -> None:
    """A large body is left out of the webhook, which can be sent back; the sample has it."""
    path = await _webhook(acme)
    body = b'"' + b"x" * 300_000 + b'"'
    await _capture(acme, superuser, path, body)
    webhook = (await acme.get(path))["data"]
    assert webhook["sample"]["body"] is None
    await acme.put(path, webhook)
    sample = (await _samples(acme, path))[None]
    whole = (await acme.get(f"{path}/samples/{sample['sample_id']}"))["data"]
    assert len(whole["body"]) == 300_000


async def test_preview_when_on_a_sample(
    services: Services, acme: Tenant, rival: Tenant, superuser: Connection
) -> None:
    """An expression is previewed on a sample of this webhook, not on a foreign one."""
    path = await _webhook(acme)
    await _capture(acme, superuser, path, b'{"n": 7}')
    sample = (await _samples(acme, path))[None]
    body = {
        "expression": "n",
        "webhook_id": path.rpartition("/")[2],
        "sample_id": sample["sample_id"],
    }
    async with sandboxed(services, acme, rival) as (tenant, other):
        told = await tenant.post("/api/v1/expressions/evaluate", body, expect=200)
        assert told["data"]["result"] == 7
        await other.post("/api/v1/expressions/evaluate", body, expect=404)
        await tenant.post(
            "/api/v1/expressions/evaluate", body | {"webhook_id": str(uuid7())}, expect=404
        )
        lonely = {"expression": "n", "sample_id": sample["sample_id"]}
        await tenant.post("/api/v1/expressions/evaluate", lonely, expect=422)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101, 7])
async def test_name_when_it_is_none(acme: Tenant, name: object) -> None:
    """What is no name is refused."""
    path = await _webhook(acme)
    await acme.post(f"{path}/capture-sample", {"name": name}, expect=422)
