"""The feed of events, over HTTP."""

from uuid import UUID

import pytest

from shared.clock import SystemClock
from shared.database.pool import SYSTEM_ROLE, Connection, connection, create_pool
from shared.domain.identifiers import DeliveryId, TenantId, uuid7
from shared.psa.events import Events
from tests.integration.control_api.conftest import Tenant
from tests.integration.worker.world import until
from worker.maintenance.events import events_duty

_PATH = "/api/v1/psa/events"
_AGE = "update psa.events set occurred_at = now() - make_interval(days => $2) where entity_id = $1"


async def _tell(superuser: Connection, tenant: Tenant, *names: str) -> UUID:
    """Leave events of one entity, a transaction each; return its id."""
    entity_id = uuid7()
    for name in names:
        async with superuser.transaction():
            await Events(superuser).insert(
                TenantId(tenant.tenant_id),
                ("client", entity_id),
                "client.updated",
                changes={"name": name, "properties": {"a": 1}},
                delivery_id=DeliveryId(uuid7()),
            )
    return entity_id


async def _names(tenant: Tenant, **params: str | int) -> list[str]:
    answer = await tenant.get(_PATH, params)
    return [event["changes"]["name"] for event in answer["data"]]


async def _until_names(tenant: Tenant, expected: list[str]) -> None:
    """Wait for what some other transaction of the server may hold back."""

    async def is_so() -> bool:
        return await _names(tenant) == expected

    await until(is_so)


async def test_feed_is_followed_by_its_cursor(acme: Tenant, superuser: Connection) -> None:
    """Page after page brings each event once, and the last cursor goes on when more come."""
    entity_id = await _tell(superuser, acme, "a", "b", "c")
    await _until_names(acme, ["a", "b", "c"])
    first = await acme.get(_PATH, {"limit": 2})
    assert first["meta"]["has_more"] is True
    event = first["data"][0]
    assert event["entity_id"] == str(entity_id)
    assert (event["event_name"], event["changes"]) == (
        "client.updated",
        {"name": "a", "properties": True},
    )
    rest = await acme.get(_PATH, {"limit": 2, "after": first["meta"]["next_cursor"]})
    assert [event["changes"]["name"] for event in rest["data"]] == ["c"]
    assert rest["meta"]["has_more"] is False
    end = rest["meta"]["next_cursor"]
    idle = await acme.get(_PATH, {"after": end})
    assert idle == {"data": [], "meta": {"next_cursor": end, "has_more": False, "limit": 100}}
    await _tell(superuser, acme, "d")

    async def goes_on() -> bool:
        return await _names(acme, after=end) == ["d"]

    await until(goes_on)


async def test_event_that_commits_late_is_not_skipped(
    acme: Tenant, superuser: Connection, database_url: str
) -> None:
    """What an open transaction may still bring keeps later events back."""
    async with (
        await create_pool(database_url, role=SYSTEM_ROLE, application_name="late", size=1) as pool,
        connection(pool) as late,
        late.transaction(),
    ):
        await Events(late).insert(
            TenantId(acme.tenant_id),
            ("client", uuid7()),
            "client.updated",
            changes={"name": "late"},
            delivery_id=DeliveryId(uuid7()),
        )
        await _tell(superuser, acme, "early")
        assert await _names(acme) == []
    await _until_names(acme, ["late", "early"])


async def test_feed_is_a_tenants_own(acme: Tenant, rival: Tenant, superuser: Connection) -> None:
    """Another tenant sees nothing, not even by this one's cursor."""
    await _tell(superuser, acme, "a", "b")
    await _until_names(acme, ["a", "b"])
    cursor = (await acme.get(_PATH, {"limit": 1}))["meta"]["next_cursor"]
    assert await _names(rival) == []
    assert await _names(rival, after=cursor) == []


@pytest.mark.parametrize(
    "params", [{"after": "nonsense"}, {"limit": 0}, {"limit": 1001}, {"cursor": "AQ"}]
)
async def test_wrong_parameter_is_named(acme: Tenant, params: dict[str, str | int]) -> None:
    """A cursor of another kind, a limit out of range and a misspelt name are refused."""
    answer = await acme.get(_PATH, params, expect=422)
    assert answer["errors"][0]["field"] == next(iter(params))


async def test_forgotten_events_are_told_of(
    acme: Tenant, rival: Tenant, superuser: Connection, database_url: str
) -> None:
    """A follower that was away past the retention learns it, and begins anew with what is kept."""
    old = await _tell(superuser, acme, "a", "b")
    await _tell(superuser, acme, "c")
    await _tell(superuser, rival, "other")
    await _until_names(acme, ["a", "b", "c"])
    behind, current = [
        (await acme.get(_PATH, {"limit": limit}))["meta"]["next_cursor"] for limit in (1, 2)
    ]
    await superuser.execute(_AGE, old, 31)
    async with await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="forget", size=1
    ) as pool:
        await events_duty(pool, retention_days=30).perform()
        await events_duty(pool, retention_days=30).perform()
    assert await _names(acme) == ["c"]
    assert await _names(acme, after=current) == ["c"]
    assert await _names(rival) == ["other"]
    answer = await acme.get(_PATH, {"after": behind}, expect=409)
    assert answer["code"] == "events_forgotten"


async def test_many_old_events_are_forgotten_in_batches(
    acme: Tenant, superuser: Connection, database_url: str
) -> None:
    """However many there are, all that are old go, and nothing else."""
    await superuser.execute(
        "insert into psa.events (tenant_id, occurred_at, entity_type, entity_id, event_name) "
        "select $1, now() - make_interval(days => 40), 'client', $2, 'client.updated' "
        "from generate_series(1, 1200)",
        acme.tenant_id,
        uuid7(),
    )
    await _tell(superuser, acme, "kept")
    started = SystemClock().monotonic()
    async with await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="forget", size=1
    ) as pool:
        await events_duty(pool, retention_days=30).perform()
    assert SystemClock().monotonic() - started < 10
    assert await superuser.fetchval("select count(*) from psa.events") == 1
