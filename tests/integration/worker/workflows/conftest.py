"""A ledger with a workflow's webhook and the engine's schema beside it."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.workflow_contract import open_ledger
from tests.integration.worker.world import Ledger


@pytest.fixture
def database_url(workflow_database_url: str) -> str:
    """The address of the database that all fixtures share."""
    return workflow_database_url


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Ledger]:
    """The ledger, with a webhook that starts the workflow."""
    async with open_ledger(database_url) as opened:
        yield opened
