"""Webhook configurations as this worker last read them."""

from collections import OrderedDict

from shared.database.pool import Pool, tenant_transaction
from shared.domain.identifiers import TenantId, WebhookId
from shared.domain.webhook import Webhook
from shared.ledger.configuration import Configuration


class WebhookCache:
    """Keeps the most recently used configurations.

    What it returns may be out of date. Whoever claims a delivery sees the current version there,
    and asks again after ``forget`` where the two differ.
    """

    def __init__(self, pool: Pool, *, capacity: int = 10_000) -> None:
        self._pool = pool
        self._capacity = capacity
        self._by_id: OrderedDict[tuple[TenantId, WebhookId], Webhook] = OrderedDict()

    async def find(self, tenant_id: TenantId, webhook_id: WebhookId) -> Webhook | None:
        """Return a webhook's configuration; None, always from the ledger, when it is gone."""
        key = (tenant_id, webhook_id)
        if key in self._by_id:
            self._by_id.move_to_end(key)
            return self._by_id[key]
        async with tenant_transaction(self._pool, tenant_id) as connection:
            webhook = await Configuration(connection).find_webhook(tenant_id, webhook_id)
        if webhook is not None:
            self._by_id[key] = webhook
        if len(self._by_id) > self._capacity:
            self._by_id.popitem(last=False)
        return webhook

    def forget(self, webhook: Webhook) -> None:
        """Drop a configuration that has turned out to be out of date; a newer one stays."""
        key = (webhook.tenant_id, webhook.webhook_id)
        if self._by_id.get(key) is webhook:
            del self._by_id[key]
