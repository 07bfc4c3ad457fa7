"""Requests as the verifiers see them."""

from collections.abc import Sequence
from uuid import UUID

from gateway.authentication import LiveSecret, Presented
from shared.domain.identifiers import uuid7

NOW = 1_800_000_000.0
SECRET = b"replace-with-shared-secret"


def live_secret(
    value: bytes = SECRET, *, valid_from: float = 0.0, valid_until: float = float("inf")
) -> LiveSecret:
    """Return a secret that counts, unless told else."""
    return LiveSecret(UUID(int=uuid7().int), value, valid_from, valid_until)


def presented(
    *headers: tuple[bytes, bytes],
    query: bytes = b"",
    body: bytes = b"{}",
    source: str = "192.0.2.1",
    now: float = NOW,
    method: str = "POST",
) -> Presented:
    """Return what is presented by a request with these headers."""
    sent: Sequence[tuple[bytes, bytes]] = [(b"host", b"hooks.example.com"), *headers]
    return Presented(sent, dict(sent), query, body, source, now, method)
