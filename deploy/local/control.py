"""The calls to the control API that the demo and the end-to-end tests make."""

import time
from collections.abc import Callable
from typing import Any, Self, TypeVar

import httpx

T = TypeVar("T")


class ControlApi:
    """The control API as seen by one key."""

    def __init__(self, url: str, api_key: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"x-api-key": api_key}, timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def accepts_key(self) -> bool:
        """Return whether the key is valid."""
        return self.http.get("/api/v1/inbound-webhooks").status_code == 200

    def create_webhook(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create a webhook; return it."""
        return self._data("POST", "/api/v1/inbound-webhooks", body)

    def find_webhook(self, slug: str) -> dict[str, Any] | None:
        """Return a webhook of the first page by its slug."""
        listed = self._list("/api/v1/inbound-webhooks", limit=100)
        return next((item for item in listed if item["slug"] == slug), None)

    def delete_webhook(self, webhook_id: str) -> None:
        """Delete a webhook."""
        self.http.delete(f"/api/v1/inbound-webhooks/{webhook_id}").raise_for_status()

    def rotate_secret(self, webhook_id: str) -> str:
        """Give a webhook a new secret; return it."""
        answer = self.http.post(f"/api/v1/inbound-webhooks/{webhook_id}/rotate-secret", json={})
        secret: str = answer.raise_for_status().json()["secret"]
        return secret

    def ensure_client(self, name: str) -> str:
        """Return the id of the client of that name, made when missing."""
        listed = self._list("/api/v1/clients", limit=100)
        found = next((item for item in listed if item["name"] == name), None)
        client = found or self._data("POST", "/api/v1/clients", {"name": name})
        return str(client["client_id"])

    def map_client(self, webhook_id: str, *, external_id: str, client_id: str) -> None:
        """Let an external id stand for a client."""
        self._data(
            "PUT",
            f"/api/v1/inbound-webhooks/{webhook_id}/external-mappings",
            {"entity_type": "client", "external_id": external_id, "entity_id": client_id},
        )

    def assets(self) -> list[dict[str, Any]]:
        """Return the newest assets."""
        return self._list("/api/v1/assets", limit=100)

    def asset(self, asset_id: str) -> dict[str, Any]:
        """Return an asset with its snapshot."""
        return self._data("GET", f"/api/v1/assets/{asset_id}")

    def deliveries(self, webhook_id: str, **filters: str) -> list[dict[str, Any]]:
        """Return the newest deliveries of a webhook."""
        return self._list(
            f"/api/v1/inbound-webhooks/{webhook_id}/deliveries", limit=100, **filters
        )

    def delivery(self, delivery_id: str) -> dict[str, Any]:
        """Return a delivery with what was received."""
        return self._data("GET", f"/api/v1/deliveries/{delivery_id}")

    def replay(self, webhook_id: str, delivery_id: str) -> dict[str, Any]:
        """Run a delivery again; return the new one."""
        return self._data(
            "POST", f"/api/v1/inbound-webhooks/{webhook_id}/deliveries/{delivery_id}/replay"
        )

    def finished(self, delivery_id: str, *, timeout_seconds: float = 15) -> dict[str, Any]:
        """Wait until a delivery was handled; return it."""
        return wait_for(
            lambda: self.delivery(delivery_id),
            lambda delivery: delivery["dispatch_status"] != "pending",
            timeout_seconds=timeout_seconds,
        )

    def _list(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self._json("GET", path, params=query)["data"]
        return listed

    def _data(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        data: dict[str, Any] = self._json(method, path, json=body)["data"]
        return data

    def _json(self, method: str, path: str, **options: Any) -> Any:
        answer = self.http.request(method, path, **options)
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()


def wait_for(
    read: Callable[[], T], condition: Callable[[T], bool], *, timeout_seconds: float = 15
) -> T:
    """Read until the condition holds; return what was read.

    Raises:
        TimeoutError: It did not come to hold; with what was read last.
    """
    deadline = time.monotonic() + timeout_seconds
    while not condition(value := read()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still not so after {timeout_seconds} s: {value!r}")
        time.sleep(0.02)
    return value
