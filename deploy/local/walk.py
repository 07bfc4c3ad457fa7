"""A walk through what Postern does, against a running system; fails where a step does not hold."""

import secrets
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from deploy.local.control import ControlApi, wait_for
from deploy.local.examples import (
    CLIENT_EXTERNAL_ID,
    CLIENT_NAME,
    TENANT_SLUG,
    device_event,
    rmm_webhook,
    signature,
    workflow_webhook,
)
from postern.client import PosternClientError

_FAULTS = (AssertionError, TimeoutError, RuntimeError, httpx.HTTPError, PosternClientError)


class StepFailed(Exception):
    """The system did not do what the step promises."""


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Sends signed events to one webhook."""

    http: httpx.Client
    url: str
    secret: str

    def send(self, body: bytes, *, secret: str | None = None) -> httpx.Response:
        """Send a body, signed with the webhook's secret or another."""
        signed = signature(secret or self.secret, body)
        headers = {"content-type": "application/json", "x-rmm-signature": signed}
        return self.http.post(self.url, content=body, headers=headers)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A webhook made for one walk, its sender, and the API that looks after it."""

    api: ControlApi
    sender: Sender
    webhook_id: str
    #: Distinguishes this walk's devices from those of others.
    mark: str
    tell: Callable[[str], None]


def walk(
    gateway_url: str,
    control_api_url: str,
    api_key: str,
    *,
    tenant_slug: str = TENANT_SLUG,
    tell: Callable[[str], None],
) -> None:
    """Walk through the reference example, on webhooks that are deleted afterwards.

    Raises:
        StepFailed: At the first step that does not hold.
    """
    with ControlApi(control_api_url, api_key) as api, httpx.Client(timeout=10) as http:
        scene = _scene(api, http, f"{gateway_url}/api/inbound/{tenant_slug}", tell)
        burst = _scene(api, http, f"{gateway_url}/api/inbound/{tenant_slug}", tell)
        try:
            delivery_id, asset_id = _signed_event(scene)
            _duplicate(scene, delivery_id)
            _wrong_signature(scene)
            _replay(scene, delivery_id, asset_id)
            _failure(scene)
            _workflow(api, http, f"{gateway_url}/api/inbound/{tenant_slug}", tell)
            _burst(burst)
        except _FAULTS as error:
            raise StepFailed(f"{type(error).__name__}: {error}") from error
        finally:
            api.delete_webhook(scene.webhook_id)
            api.delete_webhook(burst.webhook_id)
    tell("every step holds")


def _scene(api: ControlApi, http: httpx.Client, root: str, tell: Callable[[str], None]) -> Scene:
    mark = secrets.token_hex(4)
    secret = secrets.token_urlsafe(24)
    slug = f"walk-{mark}"
    webhook = api.create_webhook(rmm_webhook(secret, slug=slug))
    webhook_id = webhook["inbound_webhook_id"]
    api.map_client(
        webhook_id,
        external_id=CLIENT_EXTERNAL_ID,
        client_id=api.ensure_client(CLIENT_NAME),
    )
    sender = Sender(http=http, url=f"{root}/{slug}", secret=secret)
    return Scene(api=api, sender=sender, webhook_id=webhook_id, mark=mark, tell=tell)


def _signed_event(scene: Scene) -> tuple[str, str]:
    body = device_event(f"evt-{scene.mark}", device_id=f"device-{scene.mark}")
    # A new webhook reaches the gateway within seconds, usually within a tenth of one.
    answer = wait_for(
        lambda: scene.sender.send(body), lambda sent: sent.status_code != 401, timeout_seconds=5
    )
    _hold(answer.status_code == 200, f"a signed event is answered 200, not {answer.status_code}")
    delivery_id = answer.json()["delivery_id"]
    scene.tell(f"signed event          200, delivery {delivery_id}")
    delivery = scene.api.finished(delivery_id)
    _hold(delivery["dispatch_status"] == "dispatched", f"the worker handles it: {delivery}")
    asset_id = delivery["handler_outcome"]["entity_id"]
    asset = scene.api.asset(asset_id)
    _hold(asset["client_name"] == CLIENT_NAME, f"the client is found by its external id: {asset}")
    _hold(asset["rmm_snapshot"] is not None, "the snapshot is kept with the asset")
    scene.tell(f"the asset is there    {asset['name']} of {asset['client_name']}")
    return delivery_id, asset_id


def _duplicate(scene: Scene, delivery_id: str) -> None:
    answer = scene.sender.send(device_event(f"evt-{scene.mark}", device_id=f"device-{scene.mark}"))
    _hold(answer.status_code == 200, f"a repeat is answered 200, not {answer.status_code}")
    _hold(
        answer.json() == {"delivery_id": delivery_id, "duplicate": True},
        f"a repeat is answered with the first id: {answer.text}",
    )
    scene.tell("the same event again  200, duplicate, the first delivery's id")


def _wrong_signature(scene: Scene) -> None:
    answer = scene.sender.send(device_event(), secret=secrets.token_hex())
    _hold(answer.status_code == 401, f"a wrong signature is answered 401: {answer.status_code}")
    _hold(answer.content == b"", "the refusal says nothing")
    wait_for(
        lambda: scene.api.deliveries(scene.webhook_id),
        lambda listed: any(item["auth_status"] == "rejected_signature" for item in listed),
    )
    scene.tell("wrong signature       401, empty, and recorded")


def _replay(scene: Scene, delivery_id: str, asset_id: str) -> None:
    replayed = scene.api.replay(scene.webhook_id, delivery_id)
    _hold(replayed["delivery_id"] != delivery_id, "a replay is a delivery of its own")
    outcome = scene.api.finished(replayed["delivery_id"])
    _hold(outcome["dispatch_status"] == "dispatched", f"the replay is handled: {outcome}")
    _hold(
        outcome["handler_outcome"]["entity_id"] == asset_id,
        f"the replay updates the same asset: {outcome['handler_outcome']}",
    )
    scene.tell(f"replay                delivery {replayed['delivery_id']}, the same asset")


def _failure(scene: Scene) -> None:
    answer = scene.sender.send(b'{"event":{"id":"evt-bad"},"organization":{"id":"org-1001"}}')
    _hold(answer.status_code == 200, f"a body that lacks fields is kept: {answer.status_code}")
    delivery = scene.api.finished(answer.json()["delivery_id"])
    _hold(delivery["dispatch_status"] == "failed", f"it fails in the worker: {delivery}")
    _hold("external_id" in str(delivery["handler_outcome"]), "the outcome names the field")
    scene.tell("missing device.id     200, then failed: external_id is named")


def _workflow(api: ControlApi, http: httpx.Client, root: str, tell: Callable[[str], None]) -> None:
    token = secrets.token_urlsafe(24)
    slug = f"walk-{secrets.token_hex(4)}"
    webhook_id = api.create_webhook(workflow_webhook(token, slug=slug))["inbound_webhook_id"]
    try:
        answer = wait_for(
            lambda: http.post(
                f"{root}/{slug}",
                json={"host": "ws-042", "severity": 9},
                headers={"authorization": f"Bearer {token}"},
            ),
            lambda sent: sent.status_code != 401,
            timeout_seconds=5,
        )
        _hold(answer.status_code == 200, f"an alert is answered 200, not {answer.status_code}")
        delivery_id = answer.json()["delivery_id"]
        delivery = api.finished(delivery_id)
        _hold(delivery["dispatch_status"] == "dispatched", f"its run is started: {delivery}")
        run = wait_for(
            lambda: api.delivery(delivery_id)["workflow_run"],
            lambda run: run["status"] != "running",
            timeout_seconds=30,
        )
    finally:
        api.delete_webhook(webhook_id)
    _hold(run["status"] == "succeeded", f"the run comes to its end: {run}")
    _hold(run["result"]["level"] == "critical", f"its result is kept: {run['result']}")
    tell(f"workflow              {run['workflow']}, {run['status']}: {run['result']}")


def _burst(scene: Scene) -> None:
    # The first of the burst is sent until the gateway knows the webhook.
    first = wait_for(
        lambda: scene.sender.send(device_event()),
        lambda sent: sent.status_code != 401,
        timeout_seconds=5,
    )
    started = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        others = list(pool.map(lambda _: scene.sender.send(device_event()), range(69)))
    seconds = time.monotonic() - started
    answers = [first, *others]
    counts = Counter(answer.status_code for answer in answers)
    limited = [answer for answer in answers if answer.status_code == 429]
    # One token per second flows back meanwhile.
    _hold(60 <= counts[200] <= 60 + int(seconds) + 1, f"60 of a burst are accepted: {counts}")
    _hold(counts[200] + counts[429] == 70, f"the rest is answered 429: {counts}")
    _hold(all(int(item.headers["retry-after"]) >= 1 for item in limited), "429 says when to retry")
    scene.tell(
        f"burst of 70           {counts[200]} accepted, {counts[429]} times 429 in {seconds:.1f} s"
    )


def _hold(condition: bool, promise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not condition:
        raise AssertionError(promise)
