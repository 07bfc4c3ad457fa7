"""Migrations: complete, repeatable, safe together and after a kill."""

import contextlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

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
