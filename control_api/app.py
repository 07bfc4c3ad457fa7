"""The control API's composition root."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from control_api.access import Services
from control_api.api import ControlApi
from control_api.authentication import Authenticator
from control_api.border import Border
from control_api.settings import ControlApiSettings
from shared.crypto.keyring import parse_keyring
from shared.database.pool import SYSTEM_ROLE, TENANT_ROLE, Pool, create_pool
from shared.observability.operations import Readiness, operations_app, operations_config
from shared.observability.serving import serve, stop_on_signals

_CLOSE_SECONDS = 5.0


async def run(settings: ControlApiSettings) -> None:
    """Serve until SIGINT or SIGTERM, then drain."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with _open_services(settings) as services:
        operations = operations_app(_readiness(services.authenticator))
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(_config(build_app(services), settings), stop))
            group.create_task(
                serve(
                    operations_config(
                        operations, host=settings.operations_host, port=settings.operations_port
                    ),
                    stop,
                )
            )


def build_app(services: Services) -> ASGIApp:
    """Build the app around its services."""
    app = ControlApi()
    app.state.services = services
    return Border(app)


@asynccontextmanager
async def _open_services(settings: ControlApiSettings) -> AsyncIterator[Services]:
    async with (
        _open_pool(settings, role=TENANT_ROLE, size=settings.pool_size) as tenant_pool,
        _open_pool(settings, role=SYSTEM_ROLE, size=settings.key_pool_size) as key_pool,
    ):
        yield Services(
            tenant_pool=tenant_pool,
            authenticator=Authenticator(key_pool),
            keyring=parse_keyring(settings.master_keys.reveal()),
            public_gateway_url=settings.public_gateway_url,
            max_body_bytes=settings.max_body_bytes,
        )


@asynccontextmanager
async def _open_pool(settings: ControlApiSettings, *, role: str, size: int) -> AsyncIterator[Pool]:
    pool = await create_pool(
        settings.database_url.reveal(),
        role=role,
        application_name="postern-control-api",
        size=size,
    )
    try:
        yield pool
    finally:
        # A connection that no longer answers must not hold up the stop.
        try:
            await asyncio.wait_for(pool.close(), _CLOSE_SECONDS)
        except TimeoutError:
            pool.terminate()


def _readiness(authenticator: Authenticator) -> Readiness:
    async def readiness() -> Mapping[str, str | None]:
        return {"database": await authenticator.fault()}

    return readiness


def _config(app: ASGIApp, settings: ControlApiSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http="httptools",
        ws="none",
        lifespan="off",
        proxy_headers=False,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
