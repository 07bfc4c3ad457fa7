"""The webhooks in memory: built at start, patched on NOTIFY, compared with the ledger by poll.

The poll is the truth and the notification a hint: a lost one costs ``poll_seconds`` of staleness.
While PostgreSQL is away the last snapshot stays in force, and /readyz says so.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg

from gateway import metrics
from gateway.authentication import LiveSecret, Verifier, verifier_of
from gateway.ledger_connection import Connect
from gateway.rate_limit import Bucket, TokenLease
from gateway.request import Headers, carries_credential
from shared.crypto.keyring import Keyring
from shared.crypto.sealing import unseal
from shared.database.pool import CONNECTION_ERRORS, DirectConnection
from shared.domain.webhook import ExpressionKey, HeaderKey, HmacAuth
from shared.errors import DecodeError
from shared.expressions.plain import Expression, parse_expression
from shared.ledger.configuration import (
    UNREADABLE,
    Configuration,
    ConfiguredWebhook,
    UnreadableWebhook,
)
from shared.ledger.recording import Origin
from shared.observability.logging import get_logger

_log = get_logger("gateway.snapshot")
_CHANNEL = "postern_config"
_MAX_ORIGINS = 64
_MAX_HEADER_SETS = 16
_RECONNECT_SECONDS = 0.25
#: For all webhooks at the start, and for the changed ones later.
_FIRST_REFRESH_SECONDS = 30.0
_REFRESH_SECONDS = 3.0
#: Configuration older than this breaks the promise that changes arrive within 5 s.
MAX_AGE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Line:
    """Deliveries that are handled one after the other."""

    #: What tells the lines of one webhook apart; None: it has one.
    source: HeaderKey | Expression | None


@dataclass(slots=True, eq=False)
class Endpoint:
    """One receiver URL: what a request to it is held against."""

    #: None for the decoy that stands for every unknown path.
    tenant_id: UUID | None
    webhook_id: UUID | None
    version: int
    verifier: Verifier
    #: Lower-case header names that are not stored, besides those known by their names.
    private_headers: frozenset[bytes]
    idempotency: HeaderKey | Expression | None
    idempotency_window_seconds: int
    bucket: Bucket
    #: None: deliveries are handled in any order.
    ordering: Line | None = None
    #: For the header names of recent requests, in their order, which of them are stored.
    kept: dict[tuple[bytes, ...], tuple[bool, ...]] = field(default_factory=dict)
    origins: dict[tuple[str, str, str, UUID | None], Origin] = field(default_factory=dict)

    def kept_headers(self, names: Iterable[bytes], headers: Headers) -> Sequence[bool]:
        """Return for each header whether it is stored.

        A sender names the same headers every time, so the question is mostly answered already.
        """
        key = tuple(names)
        if len(key) != len(headers):
            key = tuple([name for name, _ in headers])
        found = self.kept.get(key)
        if found is None:
            if len(self.kept) >= _MAX_HEADER_SETS:
                self.kept.clear()
            found = self.kept[key] = tuple(
                name not in self.private_headers and not carries_credential(name) for name in key
            )
        return found

    def origin(self, method: str, path: str, source: str, secret_id: UUID | None) -> Origin:
        """Return the shared origin of requests like this one."""
        key = (method, path, source, secret_id)
        found = self.origins.get(key)
        if found is None:
            if self.tenant_id is None or self.webhook_id is None:
                raise AssertionError("the decoy accepts nothing")
            if len(self.origins) >= _MAX_ORIGINS:
                self.origins.clear()
            found = self.origins[key] = Origin(
                tenant_id=self.tenant_id,
                webhook_id=self.webhook_id,
                webhook_version=self.version,
                secret_id=secret_id,
                method=method,
                path=path,
                source_address=source,
                idempotency_window_seconds=self.idempotency_window_seconds,
            )
        return found


def decoy() -> Endpoint:
    """Return the endpoint of unknown paths: it does a signature's work and refuses everything."""
    secret = LiveSecret(uuid4(), uuid4().bytes + uuid4().bytes, 0.0, 0.0)
    return Endpoint(
        tenant_id=None,
        webhook_id=None,
        version=0,
        verifier=verifier_of(HmacAuth("x-signature"), [secret]),
        private_headers=frozenset(),
        idempotency=None,
        idempotency_window_seconds=1,
        bucket=Bucket(TokenLease(), uuid4(), uuid4(), 1),
    )


class Snapshot:
    """Receiver paths and what stands behind them."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._endpoints: dict[bytes, Endpoint] = {}
        self._path_of: dict[UUID, bytes] = {}
        #: Tenants by slug, so that requests for their unknown webhooks can be shown to them.
        self._tenants: dict[bytes, UUID] = {}
        self._leases: dict[UUID, TokenLease] = {}
        self._decoy = decoy()
        self._horizon = "0"
        self._compared_at: float | None = None

    def find(self, path: bytes) -> Endpoint:
        """Return the endpoint of a receiver path; the decoy where there is none."""
        return self._endpoints.get(path, self._decoy)

    def tenant_of(self, path: bytes) -> UUID | None:
        """Return the tenant that a receiver path names, if it has ever had a webhook."""
        parts = path.split(b"/")
        return self._tenants.get(parts[3]) if len(parts) > 3 else None

    @property
    def is_loaded(self) -> bool:
        """Whether it has been read at all: before that, an unknown path means nothing."""
        return self._compared_at is not None

    @property
    def is_stale(self) -> bool:
        """Whether webhooks and secrets may be valid by now that are unknown here."""
        age = self.age_seconds
        return age is None or age > MAX_AGE_SECONDS

    @property
    def age_seconds(self) -> float | None:
        """Time since the snapshot was known to be true; None before the first look."""
        return None if self._compared_at is None else time.monotonic() - self._compared_at

    async def refresh(self, connection: DirectConnection) -> None:
        """Take over what has changed since the last look."""
        started = time.monotonic()
        configuration = Configuration(connection)
        following = await configuration.horizon()
        async for configured in configuration.list_changed(self._horizon):
            self._apply(configured)
        self._horizon = following
        self._compared_at = started
        metrics.SNAPSHOT_WEBHOOKS.set(len(self._endpoints))

    def _apply(self, changed: ConfiguredWebhook | UnreadableWebhook) -> None:
        if isinstance(changed, UnreadableWebhook):
            self._drop(changed.webhook_id)
            _log.error("webhook_unreadable", webhook=str(changed.webhook_id), error=changed.reason)
            return
        webhook = changed.webhook
        self._drop(webhook.webhook_id)
        self._tenants[webhook.tenant_slug.encode()] = webhook.tenant_id
        if not webhook.is_active:
            self._leases.pop(webhook.webhook_id, None)
            return
        path = f"/api/inbound/{webhook.tenant_slug}/{webhook.slug}".encode()
        try:
            self._endpoints[path] = self._endpoint(changed)
        except UNREADABLE as error:
            # One faulty webhook is closed; it must not take the others down with it.
            _log.error("webhook_unreadable", webhook=str(webhook.webhook_id), error=repr(error))
            return
        self._path_of[webhook.webhook_id] = path

    def _drop(self, webhook_id: UUID) -> None:
        path = self._path_of.pop(webhook_id, None)
        # Changes come in any order: another webhook may have the path already.
        if path is not None and self.find(path).webhook_id == webhook_id:
            del self._endpoints[path]

    def _endpoint(self, configured: ConfiguredWebhook) -> Endpoint:
        webhook = configured.webhook
        verifier = verifier_of(webhook.auth, self._live_secrets(configured))
        # A change of configuration must not hand out the same tokens again.
        lease = self._leases.setdefault(webhook.webhook_id, TokenLease())
        # Told under the old limit, it may be far off under the new one.
        lease.denied_until = 0.0
        return Endpoint(
            tenant_id=webhook.tenant_id,
            webhook_id=webhook.webhook_id,
            version=webhook.version,
            verifier=verifier,
            private_headers=verifier.credential_headers,
            idempotency=_compiled(webhook.idempotency),
            idempotency_window_seconds=webhook.idempotency_window_seconds,
            bucket=Bucket(
                lease, webhook.tenant_id, webhook.webhook_id, webhook.rate_limit_per_minute
            ),
            ordering=(
                None if webhook.ordering is None else Line(_compiled(webhook.ordering.source))
            ),
        )

    def _live_secrets(self, configured: ConfiguredWebhook) -> Sequence[LiveSecret]:
        webhook = configured.webhook
        live = []
        for secret in configured.secrets:
            context = (webhook.tenant_id, webhook.webhook_id, secret.secret_id)
            try:
                value = unseal(self._keyring, secret.sealed, context=context)
            except DecodeError as error:
                # One unreadable secret must not take the other webhooks down with it.
                _log.error("secret_unreadable", webhook=str(webhook.webhook_id), error=str(error))
                continue
            until = secret.valid_until.timestamp() if secret.valid_until else float("inf")
            live.append(LiveSecret(secret.secret_id, value, secret.valid_from.timestamp(), until))
        return live


def _compiled(source: HeaderKey | ExpressionKey | None) -> HeaderKey | Expression | None:
    return parse_expression(source.expression) if isinstance(source, ExpressionKey) else source


class SnapshotKeeper:
    """Keeps a snapshot true on a connection of its own."""

    def __init__(self, snapshot: Snapshot, connect: Connect, *, poll_seconds: float) -> None:
        self._snapshot = snapshot
        self._connect = connect
        self._poll_seconds = poll_seconds
        self._hint = asyncio.Event()

    async def run(self) -> None:
        """Refresh on every hint and every ``poll_seconds``, until cancelled."""
        while True:
            try:
                await self._follow()
            except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                metrics.DATABASE_ERRORS.labels("snapshot").inc()
                _log.warning("snapshot_stale", age=self._snapshot.age_seconds, error=repr(error))
            except Exception:  # noqa: BLE001 - the last snapshot stays in force, whatever happens
                _log.exception("snapshot_failed", age=self._snapshot.age_seconds)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _follow(self) -> None:
        connection = await self._connect()
        try:
            with _cut_after(_FIRST_REFRESH_SECONDS, connection):
                # Listening before looking: what changes in between is hinted at, not missed.
                await connection.add_listener(_CHANNEL, self._on_notify)
                await self._snapshot.refresh(connection)
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hint.wait(), self._poll_seconds)
                self._hint.clear()
                with _cut_after(_REFRESH_SECONDS, connection):
                    await self._snapshot.refresh(connection)
        finally:
            connection.terminate()

    def _on_notify(self, *_: object) -> None:
        self._hint.set()


@contextlib.contextmanager
def _cut_after(seconds: float, connection: DirectConnection) -> Iterator[None]:
    # Cut, not cancelled: see gateway/ledger_connection.py.
    cut = asyncio.get_running_loop().call_later(seconds, connection.terminate)
    try:
        yield
    finally:
        cut.cancel()
