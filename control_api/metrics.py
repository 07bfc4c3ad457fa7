"""The control API's metrics."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "postern_control_api_requests_total",
    "Answered requests by route template, method and status.",
    ["route", "method", "status"],
)
LATENCY = Histogram(
    "postern_control_api_request_seconds",
    "Time from request to last byte of the answer, by route template and method.",
    ["route", "method"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
STREAMS = Gauge(
    "postern_control_api_streams",
    "Open streams by kind: tail, export.",
    ["kind"],
)
