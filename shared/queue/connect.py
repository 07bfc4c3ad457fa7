"""Opens the queue that the settings name: the only place that knows which adapters exist."""

from shared.database.pool import Pool
from shared.queue.kafka.consumer import KafkaConsumer
from shared.queue.kafka.producer import KafkaProducer
from shared.queue.port import Consumer, Producer
from shared.queue.postgres import PostgresConsumer, PostgresProducer

_KAFKA = "kafka://"

#: The address of the queue that needs nothing but the ledger.
POSTGRES_QUEUE_URL = "postgres:"


def connect_producer(queue_url: str, *, topic: str, pool: Pool) -> Producer:
    """Return a producer; it connects when first used, so that a program starts without its queue.

    ``pool`` is a pool of the system role.
    """
    if queue_url.startswith(_KAFKA):
        return KafkaProducer(_bootstrap(queue_url), topic=topic)
    return PostgresProducer(pool)


def connect_consumer(
    queue_url: str,
    *,
    topic: str,
    pool: Pool,
    lease_seconds: float = 30.0,
    group_id: str = "postern-workers",
    max_in_flight: int = 1000,
) -> Consumer:
    """Return a consumer; it connects when first used.

    ``pool`` is a pool of the system role. ``lease_seconds`` bounds how long an unfinished delivery
    of a dead worker stays away: as a lease on its row, or as Kafka's session time-out.
    """
    if queue_url.startswith(_KAFKA):
        return KafkaConsumer(
            _bootstrap(queue_url),
            topic=topic,
            group_id=group_id,
            session_seconds=lease_seconds,
            max_in_flight=max_in_flight,
        )
    return PostgresConsumer(pool, lease_seconds=lease_seconds)


def _bootstrap(queue_url: str) -> str:
    return queue_url.removeprefix(_KAFKA).rstrip("/")
