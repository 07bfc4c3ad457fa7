"""The worker's series."""

from prometheus_client import Counter, Gauge, Histogram

DELIVERIES = Counter(
    "postern_worker_deliveries",
    "Deliveries taken, by what became of them: dispatched, failed, retried, stale, parked, held.",
    ["outcome"],
)
GROUPS = Counter(
    "postern_worker_groups",
    "Transactions that several deliveries shared: committed, or broken and handled one by one.",
    ["outcome"],
)
GROUP_MEMBERS = Counter(
    "postern_worker_group_members",
    "Deliveries dispatched in a transaction that they shared.",
)
FAULTS = Counter(
    "postern_worker_faults",
    "Failed and retried attempts by the code of their fault.",
    ["code"],
)
FIELD_FAULTS = Counter(
    "postern_worker_field_faults",
    "Fields that a mapping could not fill, by the rule that was broken.",
    ["rule"],
)
UNEXPECTED_ERRORS = Counter(
    "postern_worker_unexpected_errors",
    "Exceptions that a handler or the worker itself did not foresee.",
)
DATABASE_ERRORS = Counter(
    "postern_worker_database_errors",
    "Deliveries given back, and duties put off, because PostgreSQL did not answer.",
)
HELD_DELIVERIES = Counter(
    "postern_worker_held_deliveries",
    "Deliveries put off because another worker held them, perhaps a frozen one.",
)
QUEUE_ERRORS = Counter(
    "postern_worker_queue_errors",
    "Calls to the queue that failed.",
)
POISON_RECORDS = Counter(
    "postern_worker_poison_records",
    "Records taken from the queue that are no deliveries.",
)
BREAKERS_OPENED = Counter(
    "postern_worker_breakers_opened",
    "Circuit breakers that opened because a webhook's attempts failed in a row.",
)
CONFIGURATION_RELOADS = Counter(
    "postern_worker_configuration_reloads",
    "Attempts begun again because the webhook's configuration had changed.",
)
IN_FLIGHT = Gauge(
    "postern_worker_in_flight",
    "Deliveries being handled at this moment.",
)
ATTEMPT_SECONDS = Histogram(
    "postern_worker_attempt_seconds",
    "Time from taking a delivery to the commit of its outcome.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
)
ACCEPT_TO_DONE_SECONDS = Histogram(
    "postern_worker_accept_to_done_seconds",
    "Time from the acceptance of a delivery to the commit of its effect.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600),
)
RECONCILED = Counter(
    "postern_worker_reconciled",
    "Deliveries that were neither finished nor queued, and were queued again.",
)
REPLAYED = Counter(
    "postern_worker_replays",
    "Deliveries of replay jobs: replayed, or skipped because their webhook is gone or off.",
    ["result"],
)
KEPT_HOUSE = Counter(
    "postern_worker_housekeeping",
    "What housekeeping did, by duty: partitions created and dropped, rows deleted.",
    ["duty"],
)
WORKFLOW_RUNS = Counter(
    "postern_worker_workflow_runs",
    "Runs of workflows found to have ended, by status: succeeded, failed, cancelled, lost.",
    ["status"],
)
WORKFLOW_RUNS_TAKEN_OVER = Counter(
    "postern_worker_workflow_runs_taken_over",
    "Runs of workers that died, queued again for others.",
)
FORWARDS = Counter(
    "postern_worker_forward",
    "Requests of the action forward by result: delivered, retried, refused, blocked.",
    ["result"],
)
FORWARD_SECONDS = Histogram(
    "postern_worker_forward_seconds",
    "Time of a request of the action forward, from resolving the name to the end of the answer.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25),
)
