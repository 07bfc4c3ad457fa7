"""A webhook of its own for one run, whose every handling leaves a countable trace."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.local.control import wait_for
from deploy.local.examples import TENANT_SLUG, rmm_webhook
from tests.e2e.harness import Stack
from tests.faults.starvation import FindPid, pid_of

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where one gateway listens."""

    name: str
    host: str
    port: int
    #: Tells its process, where that is known.
    find_pid: FindPid = field(default=lambda: None, compare=False, repr=False)


@dataclass(kw_only=True)
class Scene:
    """One webhook, its secret and the gateways before it."""

    gateways: Sequence[Gateway]
    webhook_id: str
    slug: str
    #: What senders sign with from now on.
    secret: str

    @property
    def path(self) -> str:
        """The receiver's path."""
        return f"/api/inbound/{TENANT_SLUG}/{self.slug}"

    def body(self, event_id: str, *, faulty: bool = False) -> bytes:
        """Return an event; its id is the idempotency key, and becomes the name of an asset.

        What stands before the id's last dash is the ordering key, where a scene has order. A
        faulty event lacks what its handler cannot do without.
        """
        event = {"id": event_id, "key": event_id.rpartition("-")[0]}
        if not faulty:
            event["subject"] = event_id
        return json.dumps({"event": event, "padding": "x" * 200}).encode()

    def headers(self, body: bytes, *, forged: bool = False) -> dict[str, str]:
        """Return the headers of a signed event, or of one signed with a wrong secret."""
        secret = secrets.token_hex(16) if forged else self.secret
        signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {"content-type": "application/json", "x-rmm-signature": signed}

    def through(self, *names: str) -> "Scene":
        """Return the same scene with some of its gateways only."""
        chosen = [gateway for gateway in self.gateways if gateway.name in names]
        return Scene(
            gateways=chosen, webhook_id=self.webhook_id, slug=self.slug, secret=self.secret
        )


def stage(stack: Stack, *, gateways: Sequence[Gateway] | None = None, **changes: Any) -> Scene:
    """Make a webhook, with changes to its configuration, and wait until every gateway knows it."""
    slug, secret = f"faults-{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    scene = Scene(
        gateways=gateways_of(stack) if gateways is None else gateways,
        webhook_id=stack.api.create_webhook(webhook_body(slug, secret) | changes)[
            "inbound_webhook_id"
        ],
        slug=slug,
        secret=secret,
    )
    for gateway in scene.gateways:
        wait_until_known(stack, scene, gateway)
    return scene


def webhook_body(slug: str, secret: str) -> dict[str, Any]:
    """Return the configuration of a scene's webhook."""
    body = rmm_webhook(secret, slug=slug)
    body["rate_limit_per_minute"] = 60_000
    body["handler_config"]["field_mapping"] = {
        "external_id": "event.subject",
        "name": "event.id",
        "asset_type": "'evidence'",
    }
    return body


def wait_until_known(stack: Stack, scene: Scene, gateway: Gateway) -> None:
    """Wait until a gateway accepts events of the scene; the probe belongs to no journal."""
    probe = scene.body(f"probe-x{secrets.token_hex(4)}")
    url = f"http://{gateway.host}:{gateway.port}{scene.path}"
    wait_for(
        lambda: stack.http.post(url, content=probe, headers=scene.headers(probe)),
        lambda sent: sent.status_code == 200,
    )


def gateways_of(stack: Stack) -> list[Gateway]:
    """Return where the gateways of a stack listen."""
    return [
        Gateway(name, _HOST, int(program.environment["POSTERN_GATEWAY_PORT"]), pid_of(program))
        for name, program in stack.system.programs.items()
        if program.module == "gateway"
    ]
