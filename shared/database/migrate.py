"""Brings a database to the newest schema: yoyo keeps order and record, PostgreSQL the atomicity.

Run as ``python -m shared.database.migrate``. Safe from several processes at once, and after a kill
at any moment: a migration and the record of it are one transaction.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from pkgutil import resolve_name

import yoyo
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import Migration, default_migration_table

from shared.database.queries import Queries
from shared.settings import Secret, Settings, load, setting

_QUERIES = Queries(__package__, "migrate.sql")
#: How long one process waits for another that migrates the same database.
_LOCK_TIMEOUT = "2min"


@dataclass(frozen=True, kw_only=True)
class MigrationSettings(Settings):
    """Settings of a migration run: an address is all it needs."""

    master_keys: Secret = setting(
        "Not used by migrations.", default=Secret(""), env="POSTERN_MASTER_KEYS"
    )


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc] # published without types
    """yoyo's backend with one lock that dies with its holder, and whole-file migrations."""

    @contextmanager
    def lock(self, timeout: float = 10) -> Iterator[None]:  # noqa: ARG002 - yoyo's signature
        # yoyo's own lock is a row, which a killed process would leave behind for ever.
        self.execute(_QUERIES["take_migration_lock"])
        try:
            yield
        finally:
            self.execute(_QUERIES["release_migration_lock"])

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - yoyo's signature
        with self.transaction():
            # The server splits the file, for it alone surely knows where a statement ends.
            self.connection.execute(Path(migration.path).read_text())
            self.mark_one(migration, log=False)


def migrate(database_url: str) -> list[str]:
    """Apply what is missing, in order; return the names of what was applied.

    Raises:
        psycopg.Error: No connection, no lock in time, or a migration failed and left nothing.
    """
    uri = parse_uri(database_url)._replace(scheme="postgresql+psycopg")
    uri.args.setdefault("options", f"-clock_timeout={_LOCK_TIMEOUT} -cclient_min_messages=warning")
    backend = _Backend(uri, default_migration_table)
    with closing(backend.connection), backend.lock():
        pending = backend.to_apply(yoyo.read_migrations(str(migrations_path())))
        for migration in pending:
            backend.apply_one(migration)
    return [migration.id for migration in pending]


def migrations_path() -> Path:
    """Return the directory of the migrations."""
    return Path(str(resources.files(__package__) / "migrations"))


def migrate_workflow_engine(database_url: str) -> None:
    """Bring the schema of the workflow engine, which is its own affair, to its current state."""
    # Loaded only here: the engine takes longer to load than all of our migrations to run.
    resolve_name("shared.database.workflow_schema:migrate_workflow_schema")(database_url)


def main() -> None:
    """Migrate the database of POSTERN_DATABASE_URL and print what was applied.

    That of the workflow engine comes last.
    """
    database_url = load(MigrationSettings).database_url.reveal()
    applied = migrate(database_url)
    migrate_workflow_engine(database_url)
    for name in applied:
        print(f"applied {name}")
    print(f"schema is current, {len(applied)} migrations applied")


if __name__ == "__main__":
    main()
