"""The calls to the control API that the demo and the end-to-end tests make."""

import time
from collections.abc import Callable
from typing import Any, Self, TypeVar, cast

import httpx
from pydantic import BaseModel

from postern.client import Client, Unauthorized, bodies

T = TypeVar("T")


class ControlApi:
    """The control API as seen by one key; what it returns is JSON, for demos and checks."""

    def __init__(self, url: str, api_key: str) -> None:
        self._client = Client(url, api_key=api_key, timeout_seconds=10)
        #: For those who look at statuses and times alone.
        self.http = httpx.Client(base_url=url, headers={"x-api-key": api_key}, timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self.http.close()

    def accepts_key(self) -> bool:
        """Return whether the key is valid."""
        try:
            self._client.webhooks.list_page(limit=1)
        except Unauthorized:
            return False
        return True

    def create_webhook(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create a webhook; return it."""
        return _json(self._client.webhooks.create(cast("bodies.WebhookBody", body)).data)

    def find_webhook(self, slug: str) -> dict[str, Any] | None:
        """Return a webhook by its slug."""
        found = (one for one in self._client.webhooks.each(limit=100) if one.slug == slug)
        return next(map(_json, found), None)

    def delete_webhook(self, webhook_id: str) -> None:
        """Delete a webhook."""
        self._client.webhooks.delete(webhook_id)

    def rotate_secret(self, webhook_id: str) -> str:
        """Give a webhook a new secret; return it."""
        return self._client.secrets.rotate(webhook_id).secret or ""

    def ensure_client(self, name: str) -> str:
        """Return the id of the client of that name, made when missing."""
        clients = self._client.directory.each_clients(limit=100)
        found = next((one for one in clients if one.name == name), None)
        return str((found or self._client.directory.create_client({"name": name}).data).client_id)

    def map_client(self, webhook_id: str, *, external_id: str, client_id: str) -> None:
        """Let an external id stand for a client."""
        self._client.mappings.upsert(
            webhook_id,
            {"entity_type": "client", "external_id": external_id, "entity_id": client_id},
        )

    def assets(self) -> list[dict[str, Any]]:
        """Return the newest assets."""
        return [_json(asset) for asset in self._client.directory.list_assets(limit=100).data]

    def asset(self, asset_id: str) -> dict[str, Any]:
        """Return an asset with its snapshot."""
        return _json(self._client.directory.get_asset(asset_id).data)

    def deliveries(self, webhook_id: str, **filters: Any) -> list[dict[str, Any]]:
        """Return the newest deliveries of a webhook."""
        page = self._client.deliveries.list_by_webhook(webhook_id, limit=100, **filters)
        return [_json(delivery) for delivery in page.data]

    def delivery(self, delivery_id: str) -> dict[str, Any]:
        """Return a delivery with what was received."""
        return _json(self._client.deliveries.get(delivery_id).data)

    def replay(self, webhook_id: str, delivery_id: str) -> dict[str, Any]:
        """Run a delivery again; return the new one."""
        return _json(self._client.replays.replay(webhook_id, delivery_id).data)

    def finished(self, delivery_id: str, *, timeout_seconds: float = 15) -> dict[str, Any]:
        """Wait until a delivery was handled; return it."""
        return wait_for(
            lambda: self.delivery(delivery_id),
            lambda delivery: delivery["dispatch_status"] != "pending",
            timeout_seconds=timeout_seconds,
        )


def _json(model: BaseModel) -> dict[str, Any]:
    """Return the JSON that a model was read from."""
    return model.model_dump(mode="json", exclude_unset=True)


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
