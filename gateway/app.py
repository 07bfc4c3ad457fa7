"""The gateway's composition root: builds every part and runs them until told to stop."""

import asyncio
import contextlib
from contextlib import AsyncExitStack
from dataclasses import dataclass

import uvicorn
from starlette.routing import BaseRoute, Match, Router
from starlette.types import Receive, Scope, Send

from gateway.health import Draining, readiness
from gateway.idempotency import KeyReader
from gateway.ledger_connection import LedgerConnection
from gateway.protocol import ReceiveDeadlineProtocol, watch_receiving
from gateway.publisher import Publisher
from gateway.rate_limit import RateLimiter
from gateway.receiver import Receiver
from gateway.recorder import Recorder
from gateway.refusals import Refusals
from gateway.secret_uses import SecretUses
from gateway.settings import GatewaySettings
from gateway.snapshot import Snapshot, SnapshotKeeper
from gateway.token_leases import TokenLeases
from gateway.topic_watch import watch_topic
from shared.crypto.keyring import parse_keyring
from shared.database.pool import SYSTEM_ROLE, DirectConnection, connect, create_pool
from shared.domain.identifiers import uuid7
from shared.expressions.evaluator import Evaluator
from shared.expressions.sandbox import Sandbox
from shared.observability.operations import operations_app, operations_config
from shared.observability.serving import serve
from shared.queue.connect import connect_producer
from shared.queue.security import security_of
from shared.queue.topics import topic_of

RECEIVER_PREFIX = "/api/inbound/"
_APPLICATION = "postern-gateway"
_PUBLISH_DRAIN_SECONDS = 2.0


class ReceiverRoute(BaseRoute):
    """Everything under the receiver's prefix, without taking the path apart."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match by prefix."""
        if scope["type"] == "http" and scope["path"].startswith(RECEIVER_PREFIX):
            return Match.FULL, {}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over to the receiver."""
        await self._receiver(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What has a loop of its own."""

    snapshot: Snapshot
    keeper: SnapshotKeeper
    recorder: Recorder
    refusals: Refusals
    secret_uses: SecretUses
    #: None where workers read the outbox themselves.
    publisher: Publisher | None

    @property
    def are_idle(self) -> bool:
        return (
            self.recorder.is_idle
            and self.refusals.is_idle
            and (self.publisher is None or self.publisher.is_idle)
        )


class _Ledgers:
    """Hands out connections to the ledger, and cuts them at the end."""

    def __init__(self, settings: GatewaySettings, stack: AsyncExitStack) -> None:
        self._dsn = settings.database_url.reveal()
        self._stack = stack

    async def open(self) -> DirectConnection:
        return await connect(self._dsn, role=SYSTEM_ROLE, application_name=_APPLICATION)

    def named(self, name: str) -> LedgerConnection:
        connection = LedgerConnection(self.open, name=name)
        self._stack.callback(connection.terminate)
        return connection


async def run(settings: GatewaySettings, stop: asyncio.Event) -> None:
    """Run the gateway until ``stop`` is set, then drain."""
    async with AsyncExitStack() as stack:
        ledgers = _Ledgers(settings, stack)
        sandbox = await stack.enter_async_context(
            Sandbox(size=settings.sandbox_size, queue_seconds=0.1)
        )
        parts = await _parts(settings, stack, ledgers)
        draining = Draining()
        operations = operations_config(
            operations_app(readiness(parts.snapshot, parts.publisher, draining)),
            host=settings.operations_host,
            port=settings.operations_port,
        )
        async with asyncio.TaskGroup() as group:
            loops = _start_loops(settings, parts, group)
            receiver = Receiver(
                settings=settings,
                snapshot=parts.snapshot,
                limiter=RateLimiter(
                    TokenLeases(ledgers.named("lease"), uuid7(), settings).lease,
                    group,
                    lease_seconds=settings.lease_seconds,
                ),
                key_reader=KeyReader(
                    Evaluator(sandbox), timeout_seconds=settings.expression_timeout_seconds
                ),
                recorder=parts.recorder,
                refusals=parts.refusals,
                secret_uses=parts.secret_uses,
            )
            drained = asyncio.Event()
            group.create_task(serve(operations, drained), name="operations")
            await serve(_server_config(settings, receiver), stop)
            draining.started = True
            await _drain(parts, settings.deadline_seconds + _PUBLISH_DRAIN_SECONDS)
            for loop in loops:
                loop.cancel()
            await parts.secret_uses.write()
            drained.set()


async def _parts(settings: GatewaySettings, stack: AsyncExitStack, ledgers: _Ledgers) -> _Parts:
    snapshot = Snapshot(parse_keyring(settings.master_keys.reveal()))
    publisher = await _publisher(settings, stack, ledgers)
    return _Parts(
        snapshot=snapshot,
        keeper=SnapshotKeeper(snapshot, ledgers.open, poll_seconds=settings.poll_seconds),
        recorder=Recorder(
            [ledgers.named("record") for _ in range(settings.writer_count)],
            publisher.committed if publisher else lambda _: None,
            outbox_delay_seconds=settings.publish_grace_seconds if publisher else 0.0,
            max_batch_rows=settings.max_batch_rows,
        ),
        refusals=Refusals(
            ledgers.named("refuse"),
            per_minute=settings.refused_per_minute,
            burst=settings.refused_burst,
        ),
        secret_uses=SecretUses(
            ledgers.named("secret-uses"), every_seconds=settings.secret_use_seconds
        ),
        publisher=publisher,
    )


async def _publisher(
    settings: GatewaySettings, stack: AsyncExitStack, ledgers: _Ledgers
) -> Publisher | None:
    pool = await create_pool(
        settings.database_url.reveal(), role=SYSTEM_ROLE, application_name=_APPLICATION, size=1
    )
    stack.callback(pool.terminate)
    producer = connect_producer(
        settings.queue_url,
        topic=settings.kafka_topic,
        pool=pool,
        security=security_of(settings),
    )
    if producer.reads_outbox:
        return None
    stack.push_async_callback(producer.close)
    return Publisher(producer, ledgers.named("clear"))


def _start_loops(
    settings: GatewaySettings, parts: _Parts, group: asyncio.TaskGroup
) -> list[asyncio.Task[None]]:
    loops = [
        group.create_task(parts.keeper.run(), name="snapshot"),
        group.create_task(parts.recorder.run(), name="recorder"),
        group.create_task(parts.refusals.run(), name="refusals"),
        group.create_task(parts.secret_uses.run(), name="secret-uses"),
        group.create_task(
            watch_receiving(settings.receive_timeout_seconds), name="watch-receiving"
        ),
    ]
    if parts.publisher is not None:
        loops.append(group.create_task(parts.publisher.run(), name="publisher"))
    if (topic := topic_of(settings)) is not None:
        loops.append(group.create_task(watch_topic(topic), name="watch-topic"))
    return loops


async def _drain(parts: _Parts, timeout_seconds: float) -> None:
    """Let what is under way end; the outbox holds what does not."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_seconds):
            # Three parts, each idle in its own way: a few looks at the end of a life will do.
            while not parts.are_idle:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def _server_config(settings: GatewaySettings, receiver: Receiver) -> uvicorn.Config:
    ReceiveDeadlineProtocol.max_header_bytes = 4 * settings.max_header_bytes
    return uvicorn.Config(
        Router(routes=[ReceiverRoute(receiver)], redirect_slashes=False),
        host=settings.host,
        port=settings.port,
        # The strict parser; h11 lets request smuggling forms through.
        http=ReceiveDeadlineProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        # The source address is found in gateway/request.py, by an explicit list.
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
