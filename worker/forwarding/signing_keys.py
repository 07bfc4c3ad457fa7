"""The keys by which a webhook's forwards are signed."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from shared.crypto.keyring import Keyring
from shared.database.pool import Pool, tenant_transaction
from shared.ledger.forward_secrets import ForwardSecrets
from worker.forwarding.signing import webhook_key

#: Returns the keys of a tenant's webhook, each of which signs; none where it has none.
KeySource = Callable[[UUID, UUID], Awaitable[Sequence[bytes]]]


def derived_keys(roots: Sequence[bytes], tenant_id: UUID, webhook_id: UUID) -> list[bytes]:
    """Return the keys that the workers' own secrets make for a webhook."""
    return [webhook_key(root, tenant_id, webhook_id) for root in roots]


class SigningKeys:
    """Reads a webhook's own secrets anew for each attempt: an exchanged one counts at once."""

    def __init__(self, pool: Pool, *, keyring: Keyring, roots: Sequence[bytes]) -> None:
        self._pool = pool
        self._keyring = keyring
        self._roots = roots

    async def find(self, tenant_id: UUID, webhook_id: UUID) -> Sequence[bytes]:
        """Return the keys that sign, newest first.

        Raises:
            DecodeError: A secret cannot be opened.
            DatabaseUnavailable: They are not known.
        """
        derived = derived_keys(self._roots, tenant_id, webhook_id)
        async with tenant_transaction(self._pool, tenant_id) as connection:
            stored = ForwardSecrets(connection, tenant_id=tenant_id, webhook_id=webhook_id)
            secrets = await stored.list_live()
        if not secrets:
            return derived
        keys: list[bytes] = []
        for secret in secrets:
            key = stored.opened(self._keyring, secret)
            keys += derived if key is None else [key]
        return keys
