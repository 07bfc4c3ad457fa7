"""The webhooks in memory, as changes come in."""

import itertools
from uuid import UUID

import pytest

from gateway.snapshot import Snapshot
from shared.crypto.keyring import Keyring
from shared.domain.identifiers import WebhookId, uuid7
from tests.unit.gateway.webhooks import TENANT_ID, refreshed, webhook_row


def _at(snapshot: Snapshot, slug: str = "hook") -> UUID | None:
    return snapshot.find(f"/api/inbound/acme/{slug}".encode()).webhook_id


async def test_refresh_when_slug_passes_to_another_webhook(keyring: Keyring) -> None:
    """The new holder keeps the path, whichever of the two changes comes first."""
    for order in itertools.permutations(range(2)):
        snapshot = Snapshot(keyring)
        old, new = uuid7(), uuid7()
        await refreshed(snapshot, webhook_row(old))
        changes = [webhook_row(old, is_active=False), webhook_row(new)]
        await refreshed(snapshot, *(changes[place] for place in order))
        assert _at(snapshot) == new
        await refreshed(snapshot, webhook_row(old, is_active=False))
        assert _at(snapshot) == new
        await refreshed(snapshot, webhook_row(new, is_active=False))
        assert _at(snapshot) is None


async def test_refresh_when_two_webhooks_swap_slugs(keyring: Keyring) -> None:
    """Both are found at their new paths, whichever change comes first."""
    for order in itertools.permutations(range(2)):
        snapshot = Snapshot(keyring)
        one, other = uuid7(), uuid7()
        await refreshed(snapshot, webhook_row(one, "a"), webhook_row(other, "b"))
        changes = [webhook_row(one, "b"), webhook_row(other, "a")]
        await refreshed(snapshot, *(changes[place] for place in order))
        assert (_at(snapshot, "a"), _at(snapshot, "b")) == (other, one)


async def test_find_when_path_is_not_exact(keyring: Keyring) -> None:
    """Only the very bytes of the path are the webhook's."""
    snapshot = Snapshot(keyring)
    webhook_id = uuid7()
    await refreshed(snapshot, webhook_row(webhook_id))
    assert _at(snapshot) == webhook_id
    for path in (
        *(b"", b"/", b"/api/inbound/acme/hook/", b"/api/inbound/acme/HOOK", b"/api/inbound/acme"),
        *(b"/api/inbound/acme/h%6fok", b"/api/inbound//acme/hook", b"\xff"),
    ):
        assert snapshot.find(path).webhook_id is None


@pytest.mark.parametrize(
    ("path", "is_known"),
    [
        (b"/api/inbound/acme/other", True),
        (b"/api/inbound/acme", True),
        (b"/api/inbound/acme/a/b/c", True),
        (b"/api/inbound/nobody/hook", False),
        (b"/api/inbound/", False),
        (b"/", False),
    ],
)
async def test_tenant_of(keyring: Keyring, path: bytes, *, is_known: bool) -> None:
    """A path names its tenant where that one has ever had a webhook."""
    snapshot = Snapshot(keyring)
    await refreshed(snapshot, webhook_row(uuid7(), is_active=False))
    assert (snapshot.tenant_of(path) == TENANT_ID) is is_known


async def test_lease_when_configuration_changes(keyring: Keyring) -> None:
    """Tokens at hand stay at hand; a denial of the old limit does not."""
    snapshot = Snapshot(keyring)
    webhook_id = uuid7()
    await refreshed(snapshot, webhook_row(webhook_id))
    lease = snapshot.find(b"/api/inbound/acme/hook").bucket.lease
    lease.tokens, lease.denied_until = 5, 1e12
    await refreshed(snapshot, webhook_row(webhook_id, version=2, rate_limit_per_minute=600))
    changed = snapshot.find(b"/api/inbound/acme/hook")
    assert changed.bucket.lease is lease
    assert (lease.tokens, lease.denied_until) == (5, 0.0)
    assert changed.bucket.per_minute == 600


async def test_origin_when_senders_are_many(keyring: Keyring) -> None:
    """Requests alike share one, and what is kept of others is bounded."""
    snapshot = Snapshot(keyring)
    await refreshed(snapshot, webhook_row(WebhookId(uuid7())))
    endpoint = snapshot.find(b"/api/inbound/acme/hook")
    first = endpoint.origin("POST", "/p", "192.0.2.1", None)
    assert endpoint.origin("POST", "/p", "192.0.2.1", None) is first
    for number in range(1000):
        origin = endpoint.origin("POST", "/p", str(number), None)
        assert origin.source_address == str(number)
    assert len(endpoint.origins) <= 64
