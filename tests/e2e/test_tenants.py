"""A tenant is switched off and on by an operator, over real processes."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from deploy.local import demo_tenant
from deploy.local.control import wait_for
from deploy.local.examples import device_event, rmm_webhook
from deploy.local.walk import Sender
from postern.client import Client, Unauthorized
from tests.e2e.harness import Stack
from tests.faults.starvation import Starvation
from tests.stopwatch import Stopwatch

#: What is promised of every change.
_PROMISED_SECONDS = 5.0
_LONGEST_SECONDS = 60.0


@dataclass
class Stage:
    """A tenant beside the demo tenant, a sender of its own, and the operator."""

    stack: Stack
    operator: Client
    api: Client
    tenant_id: str
    sender: Sender

    def switch(self, *, is_active: bool) -> None:
        self.operator.tenants.change(self.tenant_id, {"is_active": is_active})

    def accepts_key(self) -> bool:
        try:
            self.api.tenants.get_own()
        except Unauthorized:
            return False
        return True

    def status(self) -> int:
        return self.sender.send(device_event(device_id="d1")).status_code

    def seconds_to(self, status: int) -> float:
        """Wait until senders are answered so; return how long it took, a busy machine left out."""
        starvation, stopwatch = Starvation(self.stack), Stopwatch()
        wait_for(
            self.status, lambda answered: answered == status, timeout_seconds=_LONGEST_SECONDS
        )
        return stopwatch.seconds - starvation.seconds


@pytest.fixture
def stage(shared_stack: Stack) -> Iterator[Stage]:
    slug, secret = f"other-{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    url = shared_stack.system.control_api_url
    with ExitStack() as clients:
        key = demo_tenant.bootstrap_operator(shared_stack.system, name="e2e")
        operator = clients.enter_context(Client(url, api_key=key))
        made = operator.tenants.create({"slug": slug, "name": "Other"})
        assert made.secret is not None
        api = clients.enter_context(Client(url, api_key=made.secret))
        body = rmm_webhook(secret, slug="devices") | {"rate_limit_per_minute": 60_000}
        api.webhooks.create(body)  # type: ignore[arg-type] # the example is plain JSON
        address = f"{shared_stack.gateway_url()}/api/inbound/{slug}/devices"
        sender = Sender(http=shared_stack.http, url=address, secret=secret)
        yield Stage(shared_stack, operator, api, str(made.data.tenant_id), sender)


def test_tenant_when_switched_off_and_on(stage: Stage) -> None:
    """Its senders get the 401 of strangers within 5 s, its keys are refused; then all is back."""
    stage.seconds_to(200)
    delivery_id = stage.sender.send(device_event(device_id="d1")).json()["delivery_id"]

    stage.switch(is_active=False)

    assert stage.seconds_to(401) < _PROMISED_SECONDS
    assert not stage.accepts_key()
    assert {stage.status() for _ in range(20)} == {401}
    refused = stage.sender.send(device_event(device_id="d1"))
    stranger = stage.stack.http.post(f"{stage.sender.url}-unknown", content=b"{}")
    assert (refused.content, sorted(refused.headers)) == (b"", sorted(stranger.headers))
    assert stage.stack.api.accepts_key(), "other tenants go on"
    assert not stage.operator.tenants.get(stage.tenant_id).data.is_active

    stage.switch(is_active=True)

    assert stage.seconds_to(200) < _PROMISED_SECONDS
    assert stage.accepts_key()
    kept = stage.api.deliveries.get(delivery_id).data
    assert kept.auth_status == "verified"
    assert kept.secret_id is not None
