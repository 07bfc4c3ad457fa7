"""The control API's composition root."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.types import ASGIApp

from control_api.access import Services
from control_api.api import ControlApi
from control_api.authentication import Authenticator
from control_api.bearer_tokens import BearerTokens, TokenRules
from control_api.border import Border
from control_api.idempotency import IdempotentAnswers
from control_api.issuer_keys import IssuerKeys
from control_api.methods import Cors, HeadAnswers
from control_api.permissions import parse_permission_map
from control_api.settings import ControlApiSettings
from control_api.streams import Streams
from shared.clock import SystemClock
from shared.crypto.keyring import parse_keyring
from shared.database.pool import (
    OPERATOR_ROLE,
    SYSTEM_ROLE,
    TENANT_ROLE,
    Pool,
    create_pool,
)
from shared.expressions.sandbox import Sandbox
from shared.observability.operations import Readiness, operations_app, operations_config
from shared.observability.serving import serve, stop_on_signals

_CLOSE_SECONDS = 5.0
_OPERATOR_POOL_SIZE = 2


async def run(settings: ControlApiSettings) -> None:
    """Serve until SIGINT or SIGTERM, then drain."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with (
        _open_issuer_keys(settings) as issuer_keys,
        _open_services(settings, stop, issuer_keys=issuer_keys) as services,
    ):
        operations = operations_app(_readiness(services.authenticator))
        async with asyncio.TaskGroup() as group:
            if issuer_keys is not None:
                group.create_task(issuer_keys.keep_fresh(stop))
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
    kept = IdempotentAnswers(app, services.tenant_pool, services.keyring)
    return Border(Cors(HeadAnswers(kept), services.cors_origins))


@asynccontextmanager
async def _open_issuer_keys(settings: ControlApiSettings) -> AsyncIterator[IssuerKeys | None]:
    if settings.oidc_issuer is None:
        yield None
        return
    # The environment's proxies are not asked: nobody between us and the issuer is trusted.
    async with httpx.AsyncClient(
        verify=ssl.create_default_context(cafile=settings.oidc_ca_file), trust_env=False
    ) as client:
        yield IssuerKeys(client, issuer=settings.oidc_issuer, clock=SystemClock())


def _bearer_tokens(settings: ControlApiSettings, keys: IssuerKeys | None) -> BearerTokens | None:
    if keys is None or settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    rules = TokenRules(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        tenant_claim=settings.oidc_tenant_claim,
        permissions_claim=settings.oidc_permissions_claim,
        permissions=parse_permission_map(settings.oidc_permissions),
        leeway_seconds=settings.oidc_leeway_seconds,
    )
    return BearerTokens(keys, rules)


@asynccontextmanager
async def _open_services(
    settings: ControlApiSettings, stop: asyncio.Event, *, issuer_keys: IssuerKeys | None
) -> AsyncIterator[Services]:
    async with (
        _open_pool(settings, role=TENANT_ROLE, size=settings.pool_size) as tenant_pool,
        _open_pool(settings, role=OPERATOR_ROLE, size=_OPERATOR_POOL_SIZE) as operator_pool,
        _open_pool(settings, role=SYSTEM_ROLE, size=settings.key_pool_size) as key_pool,
        Sandbox(size=settings.sandbox_size) as sandbox,
    ):
        yield Services(
            tenant_pool=tenant_pool,
            operator_pool=operator_pool,
            authenticator=Authenticator(key_pool, _bearer_tokens(settings, issuer_keys)),
            keyring=parse_keyring(settings.master_keys.reveal()),
            public_gateway_url=settings.public_gateway_url,
            max_body_bytes=settings.max_body_bytes,
            sandbox=sandbox,
            expression_timeout_seconds=settings.expression_timeout_seconds,
            max_import_bytes=settings.max_import_bytes,
            cors_origins=settings.cors_origins,
            streams=Streams(most_per_key=settings.streams_per_key, stopping=stop),
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
