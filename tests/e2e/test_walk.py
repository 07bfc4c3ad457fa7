"""The reference example, to the letter, over real processes and both queue adapters."""

import json
import secrets

from deploy.local.control import wait_for
from deploy.local.examples import (
    CLIENT_EXTERNAL_ID,
    CLIENT_NAME,
    device_event,
    github_webhook,
    push_event,
    rmm_webhook,
    signature,
)
from deploy.local.walk import walk
from tests.e2e.harness import Stack


def test_walk_through_the_demo(shared_stack: Stack) -> None:
    """Every step of the demo holds: accept, effect, duplicate, refusal, replay, failure, burst."""
    told: list[str] = []
    walk(
        shared_stack.gateway_url(),
        shared_stack.system.control_api_url,
        shared_stack.api_key,
        tell=told.append,
    )
    assert told[-1] == "every step holds"


def test_reference_example_creates_the_asset(shared_stack: Stack) -> None:
    """The example's body is taken as it stands, and its event becomes an asset with its facts."""
    body = rmm_webhook("replace-with-shared-secret", slug=f"rmm-{secrets.token_hex(4)}")
    webhook = shared_stack.api.create_webhook(body)
    webhook_id = webhook["inbound_webhook_id"]
    client_id = shared_stack.api.ensure_client(CLIENT_NAME)
    shared_stack.api.map_client(webhook_id, external_id=CLIENT_EXTERNAL_ID, client_id=client_id)
    event = device_event(device_id=secrets.token_hex(4))
    sender = shared_stack.sender(body["slug"], "replace-with-shared-secret")

    answer = wait_for(lambda: sender.send(event), lambda sent: sent.status_code != 401)

    assert answer.status_code == 200
    assert set(answer.json()) == {"delivery_id"}
    delivery = shared_stack.api.finished(answer.json()["delivery_id"])
    assert delivery["dispatch_status"] == "dispatched"
    assert delivery["auth_status"] == "verified"
    assert delivery["request_body"] == json.loads(event)
    asset = shared_stack.api.asset(delivery["handler_outcome"]["entity_id"])
    assert asset["client_id"] == client_id
    assert asset["name"] == "ws-042"
    assert asset["asset_type"] == "workstation"
    assert asset["status"] == "online"
    assert asset["rmm_snapshot"] == json.loads(event)


def test_github_style_event_creates_the_repository(shared_stack: Stack) -> None:
    """A sha256= signature of the raw body is accepted, and a repeated delivery id is a no-op."""
    secret = secrets.token_urlsafe(24)
    body = github_webhook(secret, slug=f"github-{secrets.token_hex(4)}")
    shared_stack.api.create_webhook(body)
    event = push_event(f"northwind/{secrets.token_hex(4)}")
    sender = shared_stack.sender(body["slug"], secret)
    headers = {
        "x-hub-signature-256": f"sha256={signature(secret, event)}",
        "x-github-delivery": secrets.token_hex(16),
    }

    answer = wait_for(
        lambda: shared_stack.http.post(sender.url, content=event, headers=headers),
        lambda sent: sent.status_code != 401,
    )
    again = shared_stack.http.post(sender.url, content=event, headers=headers)

    delivery = shared_stack.api.finished(answer.json()["delivery_id"])
    asset = shared_stack.api.asset(delivery["handler_outcome"]["entity_id"])
    assert asset["asset_type"] == "repository"
    assert asset["name"] == json.loads(event)["repository"]["full_name"]
    assert again.json() == {"delivery_id": delivery["delivery_id"], "duplicate": True}


def test_invalid_json_is_kept_as_it_came(shared_stack: Stack) -> None:
    """Malformed JSON is answered 400 invalid_json, and the delivery shows its very bytes."""
    body = rmm_webhook(secrets.token_urlsafe(24), slug=f"rmm-{secrets.token_hex(4)}")
    webhook_id = shared_stack.api.create_webhook(body)["inbound_webhook_id"]
    sender = shared_stack.sender(body["slug"], body["auth_config"]["secret"])

    answer = wait_for(lambda: sender.send(b'{"event": \xff'), lambda sent: sent.status_code != 401)

    assert answer.status_code == 400
    assert "invalid_json" in answer.text
    [kept] = shared_stack.fetch(
        "select request_body, dispatch_status from postern.deliveries"
        " where webhook_id = %s and auth_status = 'verified'",
        webhook_id,
    )
    assert bytes(kept["request_body"]) == b'{"event": \xff'
    assert kept["dispatch_status"] == "failed"
