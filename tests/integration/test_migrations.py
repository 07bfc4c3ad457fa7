"""Migrations: complete, repeatable, safe together and after a kill."""

import contextlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from deploy.schema import SNAPSHOT, dump
from shared.database.migrate import migrate, migrations_path


def test_migrate_again_applies_nothing(empty_database_url: str) -> None:
    """The first run applies every migration in order, the second finds nothing to do."""
    applied = migrate(empty_database_url)
    assert applied[:2] == ["0001.ledger", "0002.psa"]
    assert migrate(empty_database_url) == []


def test_migrate_from_several_processes_at_once(empty_database_url: str) -> None:
    """Of four processes that start together each migration is applied by exactly one."""

    def run(_: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "shared.database.migrate"],
            env={"POSTERN_DATABASE_URL": empty_database_url},
            capture_output=True,
            text=True,
            check=False,
        )

    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(run, range(4)))
    assert [(each.returncode, each.stderr) for each in runs] == [(0, "")] * 4
    assert "".join(each.stdout for each in runs).count("applied 0001.ledger") == 1


@pytest.mark.parametrize("seconds", [0.3, 0.45, 0.6, 0.75])
def test_migrate_after_a_killed_run(empty_database_url: str, seconds: float) -> None:
    """A run killed at any moment holds up no other and leaves whole migrations only."""
    run = subprocess.Popen(
        [sys.executable, "-m", "shared.database.migrate"],
        env={"POSTERN_DATABASE_URL": empty_database_url},
        stdout=subprocess.DEVNULL,
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.wait(seconds)
    run.kill()
    run.wait()
    migrate(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        recorded = connection.execute("select migration_id from _yoyo_migration").fetchall()
    names = sorted(path.stem for path in migrations_path().glob("*.sql"))
    assert sorted(name for (name,) in recorded) == names


def test_migrate_that_fails_leaves_nothing(empty_database_url: str) -> None:
    """A migration that fails midway leaves neither objects nor a record, and can run later."""
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("create schema psa")  # 0002 will stumble over it
        try:
            migrate(empty_database_url)
        except psycopg.errors.DuplicateSchema:
            pass
        else:
            raise AssertionError("0002.psa should have failed")
        connection.execute("drop schema psa")
    assert migrate(empty_database_url)[0] == "0002.psa"


def test_schema_snapshot_is_current(database_url: str) -> None:
    """shared/database/schema.sql is what the migrations amount to; `make schema` mends it."""
    assert SNAPSHOT.read_text() == dump(database_url)


#: What a store has had before its clients had billing profiles.
_BEFORE_BILLING = """
insert into postern.tenants (tenant_id, slug, name) values (:id, 'acme', 'Acme');
insert into psa.clients (tenant_id, client_id, name) values (:id, :id, 'A'), (:id, :other, 'B');
insert into psa.locations (tenant_id, location_id, client_id, name) values (:id, :id, :id, 'L');
insert into psa.boards (tenant_id, board_id, name) values (:id, :id, 'B');
insert into psa.ticket_statuses (tenant_id, status_id, board_id, name) values (:id, :id, :id, 'S');
insert into psa.priorities (tenant_id, priority_id, name) values (:id, :id, 'P');
insert into psa.tickets (
    tenant_id, ticket_id, ticket_number, title, client_id, board_id, status_id, priority_id,
    location_id)
    values (:id, :id, '1', 'T', :id, :id, :id, :id, :id);
insert into psa.tenant_settings (tenant_id, last_ticket_number) values (:id, 1);
insert into psa.invoices (
    tenant_id, invoice_id, client_id, invoice_number, status, paid_at, currency_code)
    values (:id, :id, :id, '1', 'paid', now(), 'EUR');
insert into postern.external_entity_mappings (
    tenant_id, webhook_id, entity_type, external_id, entity_id)
    values (:id, :id, 'ticket', 'x', :id)
"""
_AFTER_BILLING = """
select (select count(*) from psa.billing_profiles where is_default and name = 'Default'),
       (select count(distinct client_id) from psa.billing_profiles),
       (select billing_profile_id from psa.tickets),
       (select default_billing_profile_id from psa.locations),
       (select replenishment_settled_at from psa.invoices),
       (select sync_status from postern.external_entity_mappings),
       (select last_ticket_number from psa.tenant_settings)
"""


def test_store_that_is_in_use_gets_billing(empty_database_url: str) -> None:
    """Its rows stay, and each client is given a default billing profile."""
    files = sorted(migrations_path().glob("*.sql"))
    (billing,) = (path for path in files if path.stem == "0023.billing_and_checklists")
    rows = _BEFORE_BILLING
    for name, number in {":id": 1, ":other": 2}.items():
        rows = rows.replace(name, f"'{UUID(int=number)}'")
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        for path in files[: files.index(billing)]:
            connection.execute(path.read_bytes())
        connection.execute(rows.encode())
        connection.execute(billing.read_bytes())
        after = connection.execute(_AFTER_BILLING).fetchone()
    assert after == (2, 2, None, None, None, "synced", 1)
