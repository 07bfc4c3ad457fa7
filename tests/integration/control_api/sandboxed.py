"""The API with processes that evaluate expressions; only for tests that need them."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from control_api.access import Services
from control_api.app import build_app
from shared.expressions.sandbox import Sandbox
from tests.documented_answers import DocumentedAnswers
from tests.integration.control_api.conftest import Tenant


@asynccontextmanager
async def sandboxed(services: Services, *tenants: Tenant) -> AsyncIterator[list[Tenant]]:
    """Serve the API with a sandbox; yield its tenants, each with a client of that."""
    async with Sandbox(size=1, queue_seconds=20) as sandbox:
        app = build_app(
            dataclasses.replace(services, sandbox=sandbox, expression_timeout_seconds=5)
        )
        transport = httpx.ASGITransport(DocumentedAnswers(app))
        yield [
            dataclasses.replace(
                tenant,
                http=httpx.AsyncClient(
                    transport=transport,
                    base_url="http://api",
                    headers={"x-api-key": tenant.key},
                ),
            )
            for tenant in tenants
        ]
