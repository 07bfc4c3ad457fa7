"""Asks the ledger for rate-limit tokens on behalf of one gateway process."""

import asyncio
from uuid import UUID

from gateway.ledger_connection import LedgerConnection
from gateway.rate_limit import Bucket, LeaseTokens, chunk_of
from gateway.settings import GatewaySettings
from shared.database.pool import DirectConnection
from shared.ledger.rate_limits import Grant, RateLimits

#: The share of the deadline after which a lease is given up; requests go by their own deadline.
_DEADLINE_SHARE = 0.8


def token_leases(
    ledger: LedgerConnection, gateway_id: UUID, settings: GatewaySettings
) -> LeaseTokens:
    """Return the function that leases tokens."""

    async def lease(bucket: Bucket, held: int, returned: int) -> Grant:
        async def operation(connection: DirectConnection) -> Grant:
            return await RateLimits(connection).lease(
                tenant_id=bucket.tenant_id,
                webhook_id=bucket.webhook_id,
                gateway_id=gateway_id,
                per_minute=bucket.per_minute,
                held=held,
                returned=returned,
                wanted=max(chunk_of(bucket.per_minute) - held, 0),
                lease_seconds=settings.lease_seconds,
            )

        loop = asyncio.get_running_loop()
        deadline = loop.time() + settings.deadline_seconds * _DEADLINE_SHARE
        return await ledger.run(operation, deadline=deadline)

    return lease
