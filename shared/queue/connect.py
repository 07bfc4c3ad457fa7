"""Opens the queue that the settings name: the only place that knows which adapters exist."""

from dataclasses import dataclass

from shared.database.pool import Pool
from shared.queue.claims import FairClaims, RunClaims
from shared.queue.kafka.backlog import KafkaBacklog
from shared.queue.kafka.consumer import KafkaConsumer
from shared.queue.kafka.membership import Membership
from shared.queue.kafka.producer import KafkaProducer
from shared.queue.port import Backlog, Consumer, Producer
from shared.queue.postgres import PostgresBacklog, PostgresConsumer, PostgresProducer
from shared.queue.security import KafkaSecurity
from shared.queue.topics import KAFKA_SCHEME, bootstrap_of

#: The address of the queue that needs nothing but the ledger.
POSTGRES_QUEUE_URL = "postgres:"

#: How much waits in a worker for each one that it may handle at a time: released deliveries, and
#: ordered ones behind an earlier one of their key.
_WAITING_PER_HANDLED = 10
_NO_SECURITY = KafkaSecurity()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """As whom a worker joins the other workers, where the queue is Kafka's."""

    group_id: str = "postern-workers"
    #: A name that this worker keeps over restarts, see ``Membership``.
    instance_id: str | None = None
    #: After so long without a sign of life its partitions go to others.
    session_seconds: float = 30.0
    security: KafkaSecurity = _NO_SECURITY


_ANY_WORKER = GroupMember()


def connect_producer(
    queue_url: str, *, topic: str, pool: Pool, security: KafkaSecurity = _NO_SECURITY
) -> Producer:
    """Return a producer; it connects when first used, so that a program starts without its queue.

    ``pool`` is a pool of the system role.
    """
    if queue_url.startswith(KAFKA_SCHEME):
        return KafkaProducer(bootstrap_of(queue_url), topic=topic, security=security)
    return PostgresProducer(pool)


def connect_consumer(
    queue_url: str,
    *,
    topic: str,
    pool: Pool,
    lease_seconds: float = 30.0,
    concurrency: int = 100,
    member: GroupMember = _ANY_WORKER,
) -> Consumer:
    """Return a consumer; it connects when first used.

    ``pool`` is a pool of the system role. Without Kafka ``lease_seconds`` bounds how long an
    unfinished delivery of a dead worker stays away. Of the ``concurrency`` deliveries that are
    handled at a time, a part is kept for others than a tenant that crowds: a quarter without
    Kafka, half with it.
    """
    if queue_url.startswith(KAFKA_SCHEME):
        return KafkaConsumer(
            _membership(queue_url, topic, member),
            max_in_flight=concurrency * _WAITING_PER_HANDLED,
            max_crowded=max(1, concurrency // 2),
        )
    return PostgresConsumer(
        pool,
        lease_seconds=lease_seconds,
        claims=FairClaims(max_of_tenant=max(1, concurrency * 3 // 4)),
        deletes_late=True,
    )


def connect_outbox(pool: Pool, *, lease_seconds: float = 30.0) -> Consumer:
    """Return the outbox as a relay reads it, over a pool of the system role."""
    return PostgresConsumer(pool, lease_seconds=lease_seconds, claims=RunClaims())


def connect_backlog(queue_url: str, *, topic: str, member: GroupMember = _ANY_WORKER) -> Backlog:
    """Return what tells how far a group of workers has come; it connects when asked."""
    if queue_url.startswith(KAFKA_SCHEME):
        return KafkaBacklog(_membership(queue_url, topic, member))
    return PostgresBacklog()


def _membership(queue_url: str, topic: str, member: GroupMember) -> Membership:
    return Membership(
        bootstrap=bootstrap_of(queue_url),
        topic=topic,
        group_id=member.group_id,
        instance_id=member.instance_id,
        session_seconds=member.session_seconds,
        security=member.security,
    )
