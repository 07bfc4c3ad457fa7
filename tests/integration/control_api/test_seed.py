"""The command that fills a tenant's reference data, on real PostgreSQL."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from control_api.seed import seed_tenant
from deploy.local.demo_tenant import reference_data
from shared.database.pool import SYSTEM_ROLE, Connection, connect
from shared.domain.identifiers import uuid7
from shared.errors import InvalidInput, NotFound
from tests.house import ROOT

_SMALL: dict[str, Any] = {
    "boards": [{"key": "desk", "name": "Desk"}],
    "ticket_statuses": [
        {"key": "open", "board": "desk", "name": "Open", "is_default": True},
        {"key": "closed", "board": "desk", "name": "Closed"},
    ],
}


@pytest.fixture
async def superuser(database_url: str) -> AsyncIterator[Connection]:
    """A connection that sees every tenant; one of them is acme."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "insert into postern.tenants (tenant_id, slug, name) values ($1, 'acme', 'Acme')", uuid7()
    )
    yield connection
    await connection.close()


@pytest.fixture
async def system(database_url: str, superuser: Connection) -> AsyncIterator[Connection]:
    """The command's own connection."""
    connection = await connect(database_url, role=SYSTEM_ROLE, application_name="seed-tests")
    yield connection
    await connection.close()


async def _faults(system: Connection, document: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as raised:
        await seed_tenant(system, slug="acme", document=document)
    return [(fault.field, fault.rule) for fault in raised.value.faults]


async def test_demo_fills_every_section_and_again_changes_nothing(
    system: Connection, superuser: Connection
) -> None:
    """The second run writes no row and gives the same ids."""
    document = reference_data(str(uuid7()))
    first = await seed_tenant(system, slug="acme", document=document)
    tables = {
        name: await superuser.fetch(f"select *, xmin from psa.{name} order by 2") for name in first
    }
    assert {name for name, rows in tables.items() if not rows} == {"interactions"}
    assert {name: len(rows) for name, rows in tables.items()} == {
        name: len(document.get(name, [])) for name in first
    }
    assert await seed_tenant(system, slug="acme", document=document) == first
    for name, rows in tables.items():
        assert await superuser.fetch(f"select *, xmin from psa.{name} order by 2") == rows


async def test_names_change_and_ids_stay(system: Connection, superuser: Connection) -> None:
    """A key is the entry's identity; the default status moves from one to another."""
    ids = await seed_tenant(system, slug="acme", document=_SMALL)
    changed = {
        "boards": [{"key": "desk", "name": "Help desk", "is_inactive": True}],
        "ticket_statuses": [
            {"key": "closed", "board": "desk", "name": "Closed", "is_default": True},
            {"key": "open", "board": "desk", "name": "Open", "order_number": 7},
        ],
    }
    again = await seed_tenant(system, slug="acme", document=changed)
    assert again["boards"] == ids["boards"]
    board = await superuser.fetchrow("select * from psa.boards")
    assert board is not None
    assert (board["board_id"], board["name"]) == (ids["boards"]["desk"], "Help desk")
    assert board["is_inactive"]
    status = await superuser.fetchrow("select * from psa.ticket_statuses where is_default")
    assert status is not None
    assert status["status_id"] == ids["ticket_statuses"]["closed"]


async def test_entry_has_the_id_that_it_is_given(system: Connection) -> None:
    """So that what is there already can be referred to."""
    wanted = UUID("018f0000-0000-7000-8000-000000000001")
    document = {"teams": [{"key": "a", "id": str(wanted), "name": "A"}]}
    ids = await seed_tenant(system, slug="acme", document=document)
    assert ids["teams"] == {"a": wanted}


async def test_settings_keep_the_numbers_that_are_given_out(
    system: Connection, superuser: Connection
) -> None:
    """A new prefix does not start the count again."""
    await superuser.execute(
        "insert into psa.tenant_settings (tenant_id, last_ticket_number) "
        "select tenant_id, 41 from postern.tenants"
    )
    settings = {"ticket_prefix": "T-", "tracks_responses": False}
    await seed_tenant(system, slug="acme", document={"settings": settings})
    row = await superuser.fetchrow("select * from psa.tenant_settings")
    assert row is not None
    assert tuple(row)[1:] == ("T-", 41, False, None, None, False, False)


async def test_settings_name_what_new_clients_start_with(
    system: Connection, superuser: Connection
) -> None:
    """The contract is one of the document; settings that leave it out take it away."""
    settings: dict[str, Any] = {
        "default_contract": "standard",
        "default_tax_region": "DE",
        "default_is_tax_exempt": True,
        "default_is_reverse_charge": True,
    }
    document = {"contracts": [{"key": "standard", "name": "S"}], "settings": settings}
    ids = await seed_tenant(system, slug="acme", document=document)
    row = await superuser.fetchrow("select * from psa.tenant_settings")
    assert row is not None
    assert tuple(row)[4:] == (ids["contracts"]["standard"], "DE", True, True)
    await seed_tenant(system, slug="acme", document={"settings": {}})
    row = await superuser.fetchrow("select * from psa.tenant_settings")
    assert row is not None
    assert tuple(row)[4:] == (None, None, False, False)


async def _profiles(superuser: Connection) -> set[tuple[str, bool]]:
    rows = await superuser.fetch("select name, is_default from psa.billing_profiles")
    return {(row["name"], row["is_default"]) for row in rows}


async def test_client_has_one_default_billing_profile(
    system: Connection, superuser: Connection
) -> None:
    """Made unless the document has one, and displaced by the one that it makes the default."""
    document: dict[str, Any] = {"clients": [{"key": "a", "name": "A"}]}
    for _ in range(2):
        await seed_tenant(system, slug="acme", document=document)
        assert await _profiles(superuser) == {("Default", True)}
    east, west = (
        {"key": name, "client": "a", "name": name, "is_default": False}
        for name in ("east", "west")
    )
    document["billing_profiles"] = [east, west]
    await seed_tenant(system, slug="acme", document=document)
    assert await _profiles(superuser) == {("Default", True), ("east", False), ("west", False)}
    east["is_default"] = True
    await seed_tenant(system, slug="acme", document=document)
    assert await _profiles(superuser) == {("Default", False), ("east", True), ("west", False)}
    east["is_default"], west["is_default"] = False, True
    await seed_tenant(system, slug="acme", document=document)
    assert await _profiles(superuser) == {("Default", False), ("east", False), ("west", True)}


async def test_settled_replenishment_is_not_rewritten(
    system: Connection, superuser: Connection
) -> None:
    """Until then its amount may change; afterwards the balance has it."""
    document = reference_data(str(uuid7()))
    for total, amount, settle, kept in (
        (1, 5, False, 5),
        (1, 6, True, 6),
        (1, 7, False, 6),
        (2, 7, False, 6),
        (3, None, False, 6),
    ):
        document["invoices"][0] |= {"total_amount": total, "replenishment_amount": amount}
        await seed_tenant(system, slug="acme", document=document)
        if settle:
            await superuser.execute("update psa.invoices set replenishment_settled_at = now()")
        row = await superuser.fetchrow("select * from psa.invoices")
        assert row is not None
        assert (row["total_amount"], row["replenishment_amount"]) == (total, kept)


async def test_checklist_template_is_what_the_document_says(
    system: Connection, superuser: Connection
) -> None:
    """Its items in their order, and what it is for."""
    template: dict[str, Any] = {"key": "t", "name": "T", "board": "desk", "items": ["b", "a"]}
    document = {**_SMALL, "checklist_templates": [template]}
    ids = await seed_tenant(system, slug="acme", document=document)
    for items in (["b", "a"], ["a", "c"]):
        template["items"] = items
        await seed_tenant(system, slug="acme", document=document)
        row = await superuser.fetchrow("select * from psa.checklist_templates")
        assert row is not None
        assert (row["items"], row["board_id"]) == (items, ids["boards"]["desk"])
        assert (row["category_id"], row["priority_id"], row["is_inactive"]) == (None, None, False)


async def test_status_of_an_invoice_is_left_to_deliveries(
    system: Connection, superuser: Connection
) -> None:
    """A document that is applied again takes no payment back."""
    document = reference_data(str(uuid7()))
    await seed_tenant(system, slug="acme", document=document)
    await superuser.execute("update psa.invoices set status = 'paid', paid_at = now()")
    document["invoices"][0]["total_amount"] = 7
    await seed_tenant(system, slug="acme", document=document)
    row = await superuser.fetchrow("select status, total_amount from psa.invoices")
    assert row is not None
    assert (row["status"], row["total_amount"]) == ("paid", 7)


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        ([], [("", "type")]),
        ({"boats": []}, [("boats", "unknown_field")]),
        ({"teams": [{"key": "a"}]}, [("teams.0.name", "required")]),
        ({"teams": [{"key": "A b", "name": "x"}]}, [("teams.0.key", "pattern")]),
        ({"teams": [{"key": "a", "name": " "}]}, [("teams.0.name", "min_length")]),
        (
            {"teams": [{"key": "a", "name": "x"}, {"key": "a", "name": "y"}]},
            [("teams.1.key", "unique")],
        ),
        (
            {"ticket_statuses": [{"key": "a", "name": "x", "board": "desk"}]},
            [("ticket_statuses.0.board", "exists")],
        ),
        (
            {
                "categories": [{"key": "a", "name": "x", "parent": "b"}],
                "locations": [{"key": "a", "name": "x", "client": "c"}],
            },
            [("categories.0.parent", "exists"), ("locations.0.client", "exists")],
        ),
        ({"settings": {"ticket_prefix": "T1"}}, [("settings.ticket_prefix", "pattern")]),
        ({"settings": {"default_contract": "a"}}, [("settings.default_contract", "exists")]),
        (
            {"checklist_templates": [{"key": "a", "name": "x", "items": []}]},
            [("checklist_templates.0.items", "min_length")],
        ),
        (
            {"users": [{"key": "a", "email": "a", "full_name": "A"}]},
            [("users.0.email", "pattern")],
        ),
    ],
)
async def test_faulty_document_is_refused_with_every_place(
    system: Connection, document: object, faults: list[tuple[str, str]]
) -> None:
    """Field and rule of each fault are told before anything is written."""
    assert sorted(await _faults(system, document)) == sorted(faults)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"teams": [{"key": "a", "name": "x"}, {"key": "b", "name": "x"}]},
            "teams: duplicate key value",
        ),
        (
            {
                "users": [
                    {"key": "a", "email": "a@b", "full_name": "A", "time_zone": "Mars/Olympus"}
                ]
            },
            'users: time zone "Mars/Olympus" not recognized',
        ),
        (
            {"time_periods": [{"key": "a", "start_date": "2026-02-01", "end_date": "2026-01-01"}]},
            "time_periods: ",
        ),
        ({"teams": [{"key": "a", "name": "a\x00b"}]}, "teams: "),
        (
            {
                "clients": [{"key": "a", "name": "A"}],
                "billing_profiles": [
                    {"key": name, "client": "a", "name": name, "is_default": True}
                    for name in ("x", "y")
                ],
            },
            "billing_profiles: duplicate key value",
        ),
        (
            {
                "clients": [{"key": "a", "name": "A"}],
                "billing_profiles": [{"key": "x", "client": "a", "name": "Default"}],
            },
            "billing_profiles: duplicate key value",
        ),
        (
            {
                "clients": [{"key": "a", "name": "A"}, {"key": "b", "name": "B"}],
                "billing_profiles": [{"key": "x", "client": "a", "name": "X"}],
                "locations": [
                    {"key": "l", "client": "b", "name": "L", "default_billing_profile": "x"}
                ],
            },
            "locations: .* violates foreign key constraint",
        ),
    ],
)
async def test_broken_rule_of_the_store_is_told_with_its_section(
    system: Connection, superuser: Connection, document: dict[str, Any], message: str
) -> None:
    """Nothing of the document is written."""
    with pytest.raises(InvalidInput, match=message):
        await seed_tenant(system, slug="acme", document={**document, "boards": _SMALL["boards"]})
    assert await superuser.fetchval("select count(*) from psa.boards") == 0


async def test_tenant_that_is_not_there_is_told(system: Connection) -> None:
    """Nothing is made for it."""
    with pytest.raises(NotFound, match="there is no tenant 'nobody'"):
        await seed_tenant(system, slug="nobody", document={})


def _command(database_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "control_api.seed", *arguments],
        env={"POSTERN_DATABASE_URL": database_url, "POSTERN_MASTER_KEYS": "k:" + "A" * 43 + "="},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


async def test_command_prints_ids_or_faults(
    database_url: str, superuser: Connection, tmp_path: Path
) -> None:
    """Ids as JSON and 0, or a line a fault and 2."""
    document = tmp_path / "document.json"
    document.write_bytes(orjson.dumps(_SMALL))
    done = _command(database_url, "--tenant-slug", "acme", str(document))
    assert (done.returncode, done.stderr) == (0, "")
    board_id = await superuser.fetchval("select board_id from psa.boards")
    assert orjson.loads(done.stdout)["boards"] == {"desk": str(board_id)}
    document.write_text('{"boards": [{"key": "a"}, 7]}')
    done = _command(database_url, "--tenant-slug", "acme", str(document))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert done.stderr.startswith("boards.0.name: ")
    document.write_text("{")
    done = _command(database_url, "--tenant-slug", "acme", str(document))
    assert "is not JSON" in done.stderr
