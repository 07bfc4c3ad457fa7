"""``python -m control_api.seed``: fill a tenant's reference data from a JSON document."""

import argparse
import asyncio
import sys
from pathlib import Path

import orjson

from control_api.reference_data import Ids, parse_reference_data
from control_api.settings import ControlApiSettings
from shared.database.pool import SYSTEM_ROLE, Connection, connect, translated_errors
from shared.errors import ConfigurationError, InvalidInput, NotFound
from shared.ledger.audit import AuditEvent, AuditTrail
from shared.ledger.tenants import Tenants
from shared.psa.reference_data import ReferenceData
from shared.settings import load


async def seed_tenant(connection: Connection, *, slug: str, document: object) -> Ids:
    """Insert or update what a document says; return the ids by section and key.

    ``connection`` acts as the system role. All of it is one transaction; a document that is
    applied again changes nothing.

    Raises:
        InvalidInput: The document is faulty, or breaks a rule of the store.
        NotFound: There is no such tenant.
    """
    async with connection.transaction():
        tenant = await Tenants(connection).find_by_slug(slug)
        if tenant is None:
            raise NotFound(f"there is no tenant {slug!r}")
        rows = parse_reference_data(document, tenant.tenant_id)
        repository = ReferenceData(connection)
        await repository.upsert_all(tenant.tenant_id, rows.tables)
        if rows.settings is not None:
            await repository.upsert_settings(tenant.tenant_id, rows.settings)
        event = AuditEvent("seed", "reference_data.applied", f"tenant:{tenant.tenant_id}")
        await AuditTrail(connection).insert(tenant.tenant_id, event)
    return rows.ids


async def _seed(settings: ControlApiSettings, *, slug: str, document: object) -> Ids:
    with translated_errors():
        connection = await connect(
            settings.database_url.reveal(), role=SYSTEM_ROLE, application_name="postern-seed"
        )
        try:
            return await seed_tenant(connection, slug=slug, document=document)
        finally:
            await connection.close()


def read_document(path: str) -> object:
    """Return the JSON of a file, or of the standard input for ``-``.

    Raises:
        InvalidInput: It cannot be read, or is no JSON.
    """
    try:
        text = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return orjson.loads(text)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{path} is not JSON: {error}") from error


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m control_api.seed",
        description="Fill a tenant's reference data from a JSON document (docs/seeding.md), and "
        "print the ids of its entries as JSON. May be run again.",
    )
    parser.add_argument("--tenant-slug", required=True)
    parser.add_argument("document", help="a file, or - for the standard input")
    arguments = parser.parse_args()
    try:
        ids = asyncio.run(
            _seed(
                load(ControlApiSettings),
                slug=arguments.tenant_slug,
                document=read_document(arguments.document),
            )
        )
    except (ConfigurationError, InvalidInput, NotFound) as error:
        sys.stderr.write(_explanation(error) + "\n")
        return 2
    sys.stdout.write(orjson.dumps(ids, option=orjson.OPT_SORT_KEYS).decode() + "\n")
    return 0


def _explanation(error: Exception) -> str:
    if isinstance(error, InvalidInput) and error.faults:
        return "\n".join(f"{fault.field}: {fault.message}" for fault in error.faults)
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
