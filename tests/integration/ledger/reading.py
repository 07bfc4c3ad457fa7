"""Reads the real ledger in the form of the model's snapshot."""

import hashlib
from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from tests.integration.ledger.states import on_grid

#: All in one statement: this is read after every step.
_READ = """
select json_build_object(
    'deliveries', (
        select json_agg(json_build_array(
            delivery_id, dispatch_status, retry_count, duplicate_of,
            extract(epoch from next_attempt_at - now())))
        from postern.deliveries),
    'outbox', (
        select json_agg(json_build_array(
            delivery_id, attempt, extract(epoch from available_at - now()), ticket > 0, held_for))
        from postern.outbox),
    'keys', (
        select json_agg(json_build_array(
            webhook_id, encode(key_digest, 'hex'), delivery_id,
            extract(epoch from expires_at - now())))
        from postern.idempotency_keys),
    'places', (
        select json_agg(json_build_array(ordering_key, delivery_id, has_turn, is_parked)
                        order by position)
        from postern.ordered_deliveries),
    'breakers', (
        select json_agg(json_build_array(
            webhook_id, last_failed, failures, hold_seconds,
            extract(epoch from probe_at - now()), held_count, probe_id,
            extract(epoch from probe_until - now())))
        from postern.circuit_breakers),
    'effects', (select json_agg(delivery_id order by number) from public.effects))
"""


class _Reading:
    """One answer of the ledger."""

    def __init__(self, text: str) -> None:
        self._parts = orjson.loads(text)

    def rows(self, part: str) -> Iterator[Any]:
        yield from self._parts[part] or ()


async def read_ledger(
    connection: "asyncpg.Connection[asyncpg.Record]", *, keys: Collection[str]
) -> dict[str, Any]:
    """Return everything that the model knows of, moments as seconds from now on its grid.

    ``keys`` are those that may have been taken: the ledger has their digests only.
    """
    texts = {hashlib.sha256(key.encode()).hexdigest(): key for key in keys}
    reading = _Reading(await connection.fetchval(_READ))
    lines: dict[str, list[tuple[UUID, bool, bool]]] = {}
    for name, each, has_turn, is_parked in reading.rows("places"):
        lines.setdefault(name, []).append((UUID(each), has_turn, is_parked))
    return {
        "deliveries": {
            UUID(each): (status, retry_count, _id(first_id), on_grid(next_in))
            for each, status, retry_count, first_id, next_in in reading.rows("deliveries")
        },
        "outbox": {
            UUID(each): (attempt, on_grid(due_in), is_rewritten, _id(held_for))
            for each, attempt, due_in, is_rewritten, held_for in reading.rows("outbox")
        },
        "keys": {
            (UUID(webhook), texts[digest]): (UUID(holder), on_grid(expires_in))
            for webhook, digest, holder, expires_in in reading.rows("keys")
        },
        "lines": lines,
        "breakers": {
            UUID(webhook): (
                _id(last),
                failures,
                hold_seconds,
                on_grid(probe_in),
                held_count,
                _id(probe_id),
                on_grid(until_in),
            )
            for (
                webhook,
                last,
                failures,
                hold_seconds,
                probe_in,
                held_count,
                probe_id,
                until_in,
            ) in reading.rows("breakers")
        },
        "effects": [UUID(each) for each in reading.rows("effects")],
    }


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
