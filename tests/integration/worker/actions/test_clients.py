"""The actions upsertClientByExternalId and setClientActiveByExternalId on a real PSA store."""

from typing import Any

import orjson
import pytest

from tests.integration.worker.actions.office import NOBODY, Office

UPSERT = "upsertClientByExternalId"
ACTIVE = "setClientActiveByExternalId"
REQUIRED = {"external_id": "C-1", "client_name": "Northwind"}
OPTIONAL: dict[str, Any] = {
    "client_type": "individual",
    "url": "https://northwind.example",
    "phone_no": "+49 30 1",
    "email": "office@northwind.example",
    "address": "Main Street 1",
    "address_2": "Back yard",
    "city": "Berlin",
    "state": "BE",
    "zip": "10115",
    "country": "DE",
    "default_currency_code": "EUR",
    "notes": "Pays late.",
    "is_inactive": True,
}
_DEFAULTS = {"client_type": "company", "is_inactive": False}


async def _client(office: Office, name: str = "Northwind") -> dict[str, Any]:
    (row,) = [row for row in await office.rows("clients") if row["name"] == name]
    return dict(row)


async def test_required_fields_alone_make_a_client(office: Office) -> None:
    """The rest has its defaults, and the external id stands for the client."""
    outcome = await office.done(UPSERT, REQUIRED)
    client = await _client(office)
    assert {name: client[name] for name in OPTIONAL} == dict.fromkeys(OPTIONAL) | _DEFAULTS
    assert orjson.loads(client["properties"]) == {"external_id": "C-1"}
    (mapping,) = await office.mappings()
    assert (mapping["entity_type"], mapping["entity_id"]) == ("client", client["client_id"])
    assert (outcome["entity_type"], outcome["external_id"]) == ("client", "C-1")
    assert outcome["entity_id"] == str(client["client_id"])
    assert outcome["metadata"] == {"client_name": "Northwind", "created": True}
    assert (await office.last_event())["event_name"] == "client.created"


@pytest.mark.parametrize("field", OPTIONAL)
async def test_optional_field_fills_changes_and_clears_its_column(
    office: Office, field: str
) -> None:
    """Given, it is there; not mentioned, it stays; null takes it away or back to its default."""
    await office.done(UPSERT, {**REQUIRED, field: OPTIONAL[field]})
    assert (await _client(office))[field] == OPTIONAL[field]
    outcome = await office.done(UPSERT, REQUIRED)
    assert outcome["metadata"]["created"] is False
    assert (await _client(office))[field] == OPTIONAL[field]
    assert len(await office.events()) == 1
    await office.done(UPSERT, {**REQUIRED, field: None})
    assert (await _client(office))[field] == _DEFAULTS.get(field)
    event = await office.last_event()
    assert event["event_name"] == "client.updated"
    assert event["changes"] == {field: _DEFAULTS.get(field)}


async def test_every_field_at_once(office: Office) -> None:
    """Columns are not mixed up."""
    await office.done(UPSERT, REQUIRED | OPTIONAL)
    client = await _client(office)
    assert {name: client[name] for name in OPTIONAL} == OPTIONAL
    await office.done(UPSERT, {**REQUIRED, "client_name": "Southwind"})
    client = await _client(office, "Southwind")
    assert {name: client[name] for name in OPTIONAL} == OPTIONAL


async def test_properties_are_merged_and_have_the_external_id(office: Office) -> None:
    """Members come and go one by one; the external id cannot be written over."""
    await office.done(UPSERT, {**REQUIRED, "properties": {"a": 1, "b": 2}})
    patch = {"b": None, "c": 3, "external_id": "mine"}
    await office.done(UPSERT, {**REQUIRED, "properties": patch})
    kept = orjson.loads((await _client(office))["properties"])
    assert kept == {"a": 1, "c": 3, "external_id": "C-1"}
    assert (await office.last_event())["changes"] == {"properties": True}
    await office.done(UPSERT, {**REQUIRED, "properties": None})
    assert orjson.loads((await _client(office))["properties"]) == {"external_id": "C-1"}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"client_name": " "}, "string_too_short"),
        ({"client_name": None}, "required"),
        ({"external_id": ""}, "required"),
        ({"client_type": "band"}, "literal_error"),
        ({"default_currency_code": "EURO"}, "value_error"),
        ({"default_currency_code": "E1R"}, "value_error"),
        ({"is_inactive": "maybe"}, "value_error"),
        ({"properties": "a"}, "dict_type"),
        ({"city": {"name": "Berlin"}}, "value_error"),
    ],
)
async def test_faulty_value_is_named(office: Office, changes: dict[str, Any], rule: str) -> None:
    """A value that the field cannot have fails with field and rule."""
    (field,) = changes
    failure = await office.refused(UPSERT, {**REQUIRED, **changes})
    assert (failure["code"], failure["field"]) == ("mapping_failed", field)
    assert failure["faults"][0]["rule"] == rule


async def test_name_of_another_client_is_a_conflict(office: Office) -> None:
    """On creation and on update the field and the name are told."""
    failure = await office.refused(UPSERT, {**REQUIRED, "client_name": "Contoso"})
    assert (failure["code"], failure["field"]) == ("conflict", "client_name")
    assert "another client has the name 'Contoso'" in failure["error"]
    await office.done(UPSERT, REQUIRED)
    failure = await office.refused(UPSERT, {**REQUIRED, "client_name": "Contoso"})
    assert (failure["code"], failure["field"]) == ("conflict", "client_name")


async def test_client_that_is_gone_is_a_lookup_miss(office: Office) -> None:
    """A mapping that outlived its client is told with the id."""
    await office.ledger.insert_mapping("client", "C-1", NOBODY)
    failure = await office.refused(UPSERT, REQUIRED)
    assert (failure["code"], failure["entity_id"]) == ("lookup_miss", str(NOBODY))
    failure = await office.refused(ACTIVE, {"external_id": "C-1", "active": True})
    assert (failure["code"], failure["entity_id"]) == ("lookup_miss", str(NOBODY))


async def test_fifty_upserts_at_once_make_one_client(office: Office) -> None:
    """One of them makes it, the others find it."""
    await office.use(UPSERT, list(REQUIRED))
    outcomes = await office.handle_at_once([REQUIRED] * 50)
    client = await _client(office)
    assert {outcome["entity_id"] for outcome in outcomes} == {str(client["client_id"])}
    assert [outcome["metadata"]["created"] for outcome in outcomes].count(True) == 1
    assert len(await office.mappings()) == len(await office.events()) == 1


@pytest.mark.parametrize("active", [False, "false", True])
async def test_client_is_made_active_or_inactive(office: Office, active: bool | str) -> None:
    """Only a real change is written and told; here the client begins active."""
    await office.map("client", "7", "contoso")
    wanted = active is True
    for time in range(2):
        outcome = await office.done(ACTIVE, {"external_id": "7", "active": active})
        changed = time == 0 and not wanted
        assert outcome["metadata"] == {"active": wanted, "status_changed": changed}
        assert outcome["entity_id"] == str(office.ids["contoso"])
    assert (await _client(office, "Contoso"))["is_inactive"] is not wanted
    events = [(event["event_name"], event["changes"]) for event in await office.events()]
    assert events == ([] if wanted else [("client.status_changed", {"is_inactive": True})])


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"external_id": "8"}, "lookup_miss", "external_id"),
        ({"active": None}, "mapping_failed", "active"),
        ({"active": 1}, "mapping_failed", "active"),
    ],
)
async def test_activity_that_cannot_be_set_is_refused(
    office: Office, changes: dict[str, Any], code: str, field: str
) -> None:
    """The field is named."""
    await office.map("client", "7", "contoso")
    failure = await office.refused(ACTIVE, {"external_id": "7", "active": False, **changes})
    assert (failure["code"], failure["field"]) == (code, field)
