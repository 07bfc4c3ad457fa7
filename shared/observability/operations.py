"""The operations port of every program: /livez, /readyz and /metrics."""

from collections.abc import Awaitable, Callable, Mapping

import prometheus_client
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

#: Returns dependency name -> None when it is well, else what is wrong with it.
Readiness = Callable[[], Awaitable[Mapping[str, str | None]]]


def operations_app(readiness: Readiness) -> Starlette:
    """Build the app. ``/livez`` says that the loop turns; ``/readyz`` asks every dependency."""

    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        checks = await readiness()
        faults = {name: fault for name, fault in checks.items() if fault is not None}
        body = {
            "status": "unavailable" if faults else "ok",
            "checks": {name: fault or "ok" for name, fault in checks.items()},
        }
        return JSONResponse(body, status_code=503 if faults else 200)

    async def metrics(_: Request) -> Response:
        return Response(
            prometheus_client.generate_latest(),
            headers={"content-type": prometheus_client.CONTENT_TYPE_LATEST},
        )

    return Starlette(
        routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]
    )


def operations_config(app: Starlette, *, host: str, port: int) -> uvicorn.Config:
    """Return the uvicorn configuration of an operations port."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
