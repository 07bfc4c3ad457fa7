"""The gateway's metrics; docs/metrics.md explains each."""

from prometheus_client import Counter, Gauge

from shared.observability.histogram import LocalHistogram

REQUESTS = Counter(
    "postern_gateway_requests_total", "Requests answered, by what became of them.", ["result"]
)
ANSWER_SECONDS = LocalHistogram(
    "postern_gateway_answer_seconds",
    "Time from a received request to its answer, accepted requests only.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
BATCH_ROWS = LocalHistogram(
    "postern_gateway_batch_rows",
    "Requests recorded by one statement.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
REFUSED_UNRECORDED = Counter(
    "postern_gateway_refused_unrecorded_total", "Refused requests beyond the recording cap."
)
ORDERING_FAULTS = Counter(
    "postern_gateway_ordering_faults",
    "Deliveries put in line with the others without a key because their key expression failed.",
)
IDEMPOTENCY_FAULTS = Counter(
    "postern_gateway_idempotency_faults_total",
    "Deliveries accepted without de-duplication because their key expression failed.",
)
DATABASE_ERRORS = Counter(
    "postern_gateway_database_errors_total", "Failed database operations.", ["operation"]
)
DATABASE_UP = Gauge(
    "postern_gateway_database_up", "1 while the recording connections work, else 0."
)
PUBLISHED = Counter("postern_gateway_published_total", "Deliveries published to Kafka.")
LEFT_TO_RELAY = Counter(
    "postern_gateway_left_to_relay_total",
    "Deliveries that stay in the outbox for a worker's relay, because Kafka did not take them.",
)
SNAPSHOT_WEBHOOKS = Gauge("postern_gateway_snapshot_webhooks", "Webhooks in the snapshot.")
SNAPSHOT_AGE_SECONDS = Gauge(
    "postern_gateway_snapshot_age_seconds", "Time since the snapshot was compared with the ledger."
)
PENDING_BYTES = Gauge("postern_gateway_pending_bytes", "Bodies held by requests under way.")
TIMED_OUT_CONNECTIONS = Counter(
    "postern_gateway_timed_out_connections_total",
    "Connections closed because their request did not arrive in time.",
)
