"""The API's routes as one app, with the document that describes them."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route

from control_api import errors
from control_api.openapi import describe, operation_id
from control_api.routes import (
    api_keys,
    audit_events,
    catalog,
    deliveries,
    delivery_bodies,
    delivery_streams,
    directory,
    events,
    expressions,
    forward_secrets,
    mappings,
    reference,
    replay_jobs,
    replays,
    samples,
    secrets,
    tenants,
    webhook_documents,
    webhook_states,
    webhooks,
)

#: What the document describes. The catalogue, documents and streams stand before what has an id:
#: "actions" is none.
ROUTERS = tuple(
    module.router
    for module in (
        catalog,
        webhook_documents,
        webhooks,
        webhook_states,
        secrets,
        samples,
        replays,
        replay_jobs,
        delivery_streams,
        deliveries,
        delivery_bodies,
        mappings,
        directory,
        audit_events,
        api_keys,
        tenants,
        events,
        forward_secrets,
        expressions,
    )
)


class ControlApi(FastAPI):
    """The app without its services and its border."""

    def __init__(self) -> None:
        super().__init__(
            title="Postern control API",
            openapi_url="/api/v1/openapi.json",
            docs_url=None,  # their pages fetch scripts from outside addresses
            redoc_url=None,
            redirect_slashes=False,
            generate_unique_id_function=operation_id,
        )
        errors.install(self)
        for router in (*ROUTERS, reference.router):
            self.include_router(router)

    @property
    def every_route(self) -> Iterator[Route]:
        """Yield the routes that requests end at."""
        for router in (self.router, *ROUTERS, reference.router):
            yield from (route for route in router.routes if isinstance(route, Route))

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, built once."""
        if not self.openapi_schema:
            self.openapi_schema = describe(self, ROUTERS)
        return self.openapi_schema
