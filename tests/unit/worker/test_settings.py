"""The worker's settings and the rules between them."""

import pytest

from shared.errors import ConfigurationError
from shared.settings import load
from worker.settings import WorkerSettings

_NEEDED = {"POSTERN_DATABASE_URL": "postgresql:///x", "POSTERN_MASTER_KEYS": "k:AA=="}


def _faults(**environ: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        load(WorkerSettings, {**_NEEDED, **environ})
    return str(raised.value)


def test_defaults_work() -> None:
    """Nothing but the address and the keys has to be set."""
    assert load(WorkerSettings, _NEEDED).concurrency == 64


def test_handler_may_take_what_the_lease_leaves_it() -> None:
    """No limit but the lease's: its transaction lasts as long."""
    environ = {
        "POSTERN_WORKER_HANDLER_TIMEOUT_SECONDS": "40",
        "POSTERN_WORKER_LEASE_SECONDS": "90",
    }
    assert load(WorkerSettings, {**_NEEDED, **environ}).handler_timeout_seconds == 40


@pytest.mark.parametrize(
    ("environ", "part"),
    [
        ({"POSTERN_WORKER_CONCURRENCY": "65"}, "DATABASE_POOL_SIZE: smaller than CONCURRENCY"),
        ({"POSTERN_WORKER_CONCURRENCY": "0"}, "CONCURRENCY: must be 1 or more"),
        ({"POSTERN_WORKER_LEASE_SECONDS": "24"}, "LEASE_SECONDS: 24 s is not longer"),
        ({"POSTERN_WORKER_HANDLER_TIMEOUT_SECONDS": "0"}, "must be more than 0"),
        ({"POSTERN_WORKER_RETRY_FIRST_SECONDS": "4000"}, "longer than RETRY_LONGEST_SECONDS"),
        ({"POSTERN_WORKER_RETENTION_DAYS": "0"}, "RETENTION_DAYS: must be 1 or more"),
        ({"POSTERN_WORKER_FORWARD_PORTS": "70000"}, "FORWARD_PORTS: '70000' is no range"),
        ({"POSTERN_WORKER_FORWARD_ALLOWED_NETWORKS": "10.0.0.1/8"}, "ALLOWED_NETWORKS: 10.0.0.1"),
        ({"POSTERN_WORKER_FORWARD_SIGNING_SECRET": "whsec_!"}, "SIGNING_SECRET: is no base64"),
        ({"POSTERN_WORKER_WORKFLOW_ENGINE": "airflow"}, "'airflow' is neither dbos nor temporal"),
        ({"POSTERN_WORKER_WORKFLOW_CONCURRENCY": "0"}, "WORKFLOW_CONCURRENCY: must be 1 or more"),
        ({"POSTERN_WORKER_TEMPORAL_API_KEY": "k"}, "TEMPORAL_API_KEY: without"),
        (
            {
                "POSTERN_WORKER_TEMPORAL_TLS": "true",
                "POSTERN_WORKER_TEMPORAL_KEY_FILE": "/key.pem",
            },
            "one without the other",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(environ: dict[str, str], part: str) -> None:
    """The fault names the variable and what is wrong with it."""
    assert part in _faults(**environ)


def test_all_faults_are_told_at_once() -> None:
    """One start shows everything that has to be mended."""
    faults = _faults(POSTERN_WORKER_SANDBOX_SIZE="0", POSTERN_WORKER_MAX_ATTEMPTS="0")
    assert "SANDBOX_SIZE" in faults
    assert "MAX_ATTEMPTS" in faults
