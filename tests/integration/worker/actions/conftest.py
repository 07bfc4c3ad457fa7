"""An office: a tenant with clients, people, a ticket desk and a project, for every action."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import asyncpg
import psycopg
import pytest
from psycopg import sql

from shared.database.pool import TENANT_ROLE, create_pool
from shared.expressions.sandbox import Sandbox
from tests.conftest import in_database
from tests.integration.worker.actions.office import Office
from tests.integration.worker.world import Ledger, build_processor
from worker.actions.bundled import BUNDLED
from worker.actions.registry import Registry

#: Name, table, key column, columns.
_REFERENCE_DATA: list[tuple[str, str, str, dict[str, object]]] = [
    ("ada", "users", "user_id", {"email": "ada@desk.example", "full_name": "Ada"}),
    (
        "bo",
        "users",
        "user_id",
        {"email": "bo@desk.example", "full_name": "Bo", "time_zone": "Pacific/Auckland"},
    ),
    ("team", "teams", "team_id", {"name": "First line"}),
    ("contoso", "clients", "client_id", {"name": "Contoso"}),
    ("fabrikam", "clients", "client_id", {"name": "Fabrikam"}),
    ("hq", "locations", "location_id", {"client_id": "@contoso", "name": "HQ"}),
    ("plant", "locations", "location_id", {"client_id": "@fabrikam", "name": "Plant"}),
    (
        "cleo",
        "contacts",
        "contact_id",
        {"client_id": "@contoso", "full_name": "Cleo", "email": "cleo@contoso.example"},
    ),
    ("desk", "boards", "board_id", {"name": "Desk"}),
    ("lab", "boards", "board_id", {"name": "Lab"}),
    ("empty", "boards", "board_id", {"name": "Empty"}),
    (
        "closed",
        "ticket_statuses",
        "status_id",
        {"board_id": "@desk", "name": "Closed", "order_number": 1, "is_closed": True},
    ),
    (
        "open",
        "ticket_statuses",
        "status_id",
        {"board_id": "@desk", "name": "Open", "order_number": 2, "is_default": True},
    ),
    (
        "later",
        "ticket_statuses",
        "status_id",
        {"board_id": "@lab", "name": "Later", "order_number": 2},
    ),
    (
        "first",
        "ticket_statuses",
        "status_id",
        {"board_id": "@lab", "name": "First", "order_number": 1},
    ),
    ("high", "priorities", "priority_id", {"name": "High"}),
    ("low", "priorities", "priority_id", {"name": "Low"}),
    ("hardware", "categories", "category_id", {"name": "Hardware"}),
    ("software", "categories", "category_id", {"name": "Software"}),
    (
        "disk",
        "categories",
        "category_id",
        {"name": "Disk", "parent_category_id": "@hardware"},
    ),
    ("server", "assets", "asset_id", {"name": "srv-1"}),
    ("support", "services", "service_id", {"name": "Support"}),
    ("travel", "non_billable_categories", "category_id", {"name": "Travel"}),
    ("call", "interactions", "interaction_id", {"client_id": "@contoso", "title": "Call"}),
    (
        "march",
        "time_periods",
        "period_id",
        {"start_date": "2026-03-01", "end_date": "2026-03-31"},
    ),
    (
        "invoice",
        "invoices",
        "invoice_id",
        {
            "client_id": "@contoso",
            "invoice_number": "INV-1",
            "status": "sent",
            "currency_code": "EUR",
            "custom_fields": {"kept": 1},
        },
    ),
    ("move", "projects", "project_id", {"client_id": "@contoso", "name": "Move"}),
    ("bare", "projects", "project_id", {"client_id": "@contoso", "name": "Bare"}),
    (
        "tenth",
        "project_phases",
        "phase_id",
        {"project_id": "@move", "name": "Clean up", "wbs_code": "10"},
    ),
    (
        "second",
        "project_phases",
        "phase_id",
        {"project_id": "@move", "name": "Pack", "wbs_code": "2"},
    ),
    ("todo", "project_status_mappings", "project_status_mapping_id", {"name": "To do"}),
    (
        "doing",
        "project_status_mappings",
        "project_status_mapping_id",
        {"project_id": "@move", "name": "Doing", "order_number": 2},
    ),
    (
        "ready",
        "project_status_mappings",
        "project_status_mapping_id",
        {"project_id": "@move", "name": "Ready", "order_number": 1},
    ),
    (
        "cleaning",
        "project_status_mappings",
        "project_status_mapping_id",
        {"project_id": "@move", "phase_id": "@tenth", "name": "Cleaning", "order_number": 9},
    ),
]


@pytest.fixture(scope="session")
def shared_database_url(server_url: str, template_database: str) -> Iterator[str]:
    """The address of a database in which each test has a tenant of its own."""
    name = sql.Identifier(f"postern_offices_{uuid4().hex}")
    template = sql.Identifier(template_database)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {} template {}").format(name, template))
        yield in_database(server_url, name.as_string().strip('"'))
        connection.execute(sql.SQL("drop database {} with (force)").format(name))


@pytest.fixture
async def office(shared_database_url: str) -> AsyncIterator[Office]:
    """The office, on a real ledger and with a worker's processor.

    The sandbox is not started: members of the body are plain paths.
    """
    registry = Registry()
    for module in BUNDLED:
        registry.add_module(module)
    async with (
        asyncpg.create_pool(shared_database_url, min_size=0, max_size=2) as pool,
        await create_pool(
            shared_database_url, role=TENANT_ROLE, application_name="office", size=50
        ) as tenant_pool,
    ):
        ledger = Ledger(pool)
        await ledger.insert_tenant(f"office-{ledger.tenant_id}")
        await ledger.insert_webhook(field_mapping={})
        opened = Office(ledger, build_processor(tenant_pool, Sandbox(size=1), registry))
        for name, table, key, columns in _REFERENCE_DATA:
            await opened.insert(name, table, key, columns)
        yield opened
