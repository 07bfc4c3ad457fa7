"""A ledger with one tenant."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from shared.crypto.keyring import Keyring
from tests.integration.gateway.world import Ledger


@pytest.fixture
async def ledger(database_url: str, keyring: Keyring) -> AsyncIterator[Ledger]:
    """The ledger, seen by the superuser, with one tenant."""
    async with asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool:
        opened = Ledger(pool, keyring, database_url)
        await opened.insert_tenant()
        yield opened
