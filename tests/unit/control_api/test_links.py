"""Links of the OpenAPI document."""

from collections.abc import Iterator
from typing import Any

from tests.documented_answers import openapi_document

WEBHOOKS = "/api/v1/inbound-webhooks"


def links(method: str, path: str, status: str) -> dict[str, dict[str, str]]:
    answer = openapi_document()["paths"][path][method]["responses"][status]
    return {name: link["parameters"] for name, link in answer.get("links", {}).items()}


def operations() -> Iterator[dict[str, Any]]:
    for methods in openapi_document()["paths"].values():
        yield from methods.values()


def test_links_when_something_was_made() -> None:
    """An answer with a new webhook leads to all that can be done with it, and nowhere else."""
    found = links("post", WEBHOOKS, "201")
    everything = {
        operation["operationId"]
        for path, methods in openapi_document()["paths"].items()
        for operation in methods.values()
        if path.startswith(f"{WEBHOOKS}/{{webhook_id}}") and path.count("{") == 1
    }
    assert found.keys() == everything
    assert {"webhooks_get", "webhooks_delete", "secrets_rotate"} <= everything
    assert found["webhooks_get"] == {"webhook_id": "$response.body#/data/inbound_webhook_id"}
    assert links("post", f"{WEBHOOKS}/{{webhook_id}}/clone", "201") == found


def test_links_when_of_a_page() -> None:
    """A page leads to what stands below its list, for its first row, under the same webhook."""
    found = links("get", f"{WEBHOOKS}/{{webhook_id}}/deliveries", "200")
    assert found.keys() == {
        "deliveries_get_of_webhook",
        "delivery_bodies_get_of_webhook",
        "replays_replay",
    }
    assert found["replays_replay"] == {
        "webhook_id": "$request.path.webhook_id",
        "delivery_id": "$response.body#/data/0/delivery_id",
    }
    assert links("get", f"{WEBHOOKS}/{{webhook_id}}/forward-secret", "200") == {}


def test_links_when_of_operators() -> None:
    """A key that an operator has made is no operator's to read."""
    assert links("post", "/api/v1/tenants", "201").keys() == {
        "tenants_get",
        "tenants_change",
        "tenants_create_key",
    }
    assert links("post", "/api/v1/tenants/{tenant_id}/api-keys", "201") == {}
    assert "api_keys_revoke" in links("post", "/api/v1/api-keys", "201")


def test_links_when_all_are_followed() -> None:
    """Each names an operation and gives it every place of its path; most with ids are reached."""
    places = {
        operation["operationId"]: {
            one["name"] for one in operation.get("parameters", []) if one["in"] == "path"
        }
        for operation in operations()
    }
    reached = set()
    for operation in operations():
        for answer in operation["responses"].values():
            for name, link in answer.get("links", {}).items():
                assert link["operationId"] == name
                assert link["parameters"].keys() == places[name], name
                reached.add(name)
    assert {name for name, its in places.items() if its} - reached == set()
