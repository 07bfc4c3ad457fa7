"""The schema of the workflow engine DBOS, beside our own in the same database."""

import logging

from dbos import DBOS

from shared.database.pool import SYSTEM_ROLE

SCHEMA = "dbos"


def migrate_workflow_schema(database_url: str) -> None:
    """Bring the engine's schema to the state of its installed version. Safe to repeat."""
    logging.getLogger("dbos").setLevel(logging.WARNING)
    DBOS.migrate(database_url, schema=SCHEMA, application_role=SYSTEM_ROLE)
