"""Puts a tenant's webhooks straight into the ledger, with mappings and sealed secrets."""

import secrets
from collections.abc import Mapping, Sequence

import orjson
import psycopg

from deploy.local.examples import rmm_webhook
from shared.crypto.keyring import Keyring
from shared.crypto.sealing import seal
from shared.domain.identifiers import uuid7
from tests.benchmark.events import Target

_TENANT = "insert into postern.tenants (tenant_id, slug, name) values (%s, %s, %s)"
_WEBHOOKS = """
copy postern.webhooks (
    tenant_id, webhook_id, name, slug, auth_type, auth_config, idempotency_source, handler_type,
    handler_config, rate_limit_per_minute)
from stdin
"""
_SECRETS = "copy postern.webhook_secrets (tenant_id, webhook_id, secret_id, sealed) from stdin"
#: The most that a webhook can have.
_PER_MINUTE = 60_000


def seed_tenant(
    database_url: str,
    keyring: Keyring,
    *,
    slug: str,
    webhook_count: int,
    field_mapping: Mapping[str, str] | None = None,
) -> list[Target]:
    """Make a tenant with signed webhooks whose limits no benchmark reaches."""
    tenant_id = uuid7()
    targets, webhooks, sealed = [], [], []
    for number in range(webhook_count):
        webhook_id, secret_id, secret = uuid7(), uuid7(), secrets.token_urlsafe(32)
        body = rmm_webhook(secret, slug=f"rmm-{number}")
        if field_mapping is not None:
            body["handler_config"]["field_mapping"] = dict(field_mapping)
        header = {"signature_header": body["auth_config"]["signature_header"]}
        webhooks.append(
            (
                *(tenant_id, webhook_id, body["name"], body["slug"], body["auth_type"]),
                *(_json(header), _json(body["idempotency_source"]), body["handler_type"]),
                *(_json(body["handler_config"]), _PER_MINUTE),
            )
        )
        context = (tenant_id, webhook_id, secret_id)
        sealed.append((*context, seal(keyring, secret.encode(), context=context)))
        targets.append(Target(f"/api/inbound/{slug}/{body['slug']}", secret.encode()))
    with psycopg.connect(database_url) as connection:
        connection.execute(_TENANT, (tenant_id, slug, "Benchmark"))
        _copy(connection, _WEBHOOKS, webhooks)
        _copy(connection, _SECRETS, sealed)
    return targets


def _copy(
    connection: psycopg.Connection, statement: str, rows: Sequence[tuple[object, ...]]
) -> None:
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
