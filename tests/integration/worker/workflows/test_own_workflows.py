"""A package with a workflow of its own, installed as its author would, and a worker process."""

import asyncio
import base64
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from deploy.local.program import Program
from shared.embedded.ports import free_port
from tests.distribution import install
from tests.house import ROOT
from tests.integration.worker.world import Ledger, until

_TEMPLATE = ROOT / "examples" / "postern-template-workflows"
_WORKFLOW = "report-outage"


@pytest.fixture(scope="module")
def site_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the template package installed."""
    return install(_TEMPLATE, tmp_path_factory.mktemp("installed"))


@pytest.fixture
def worker(database_url: str, site_packages: Path, tmp_path: Path) -> Iterator[Program]:
    """A worker process that has the package beside what Postern brings."""
    environment = {
        "PYTHONPATH": f"{ROOT}:{site_packages}",
        "POSTERN_DATABASE_URL": database_url,
        "POSTERN_MASTER_KEYS": "k:" + base64.b64encode(bytes(32)).decode(),
        "POSTERN_WORKER_OPERATIONS_PORT": str(free_port()),
    }
    program = Program("worker", module="worker", environment=environment, log_dir=tmp_path)
    program.start()
    try:
        program.wait_ready()
        yield program
    finally:
        program.stop()


async def test_installed_workflow_is_announced_and_carried_on(
    ledger: Ledger, worker: Program
) -> None:
    """Nothing of Postern changes: the catalogue has the workflow, and a run ends as it should."""
    definition = await ledger.pool.fetchval(
        "select definition from postern.workflow_catalog where name = $1", _WORKFLOW
    )
    assert orjson.loads(definition)["body_schema"]["required"] == ["site", "minutes"]
    await ledger.pool.execute(
        "update postern.webhooks set version = version + 1, handler_config = $1",
        orjson.dumps({"workflow": _WORKFLOW}).decode(),
    )
    queued = await ledger.record({"site": "Ghent", "minutes": 45})

    async def has_ended() -> bool:
        worker.check()
        return bool(
            await ledger.pool.fetchval(
                "select ended_at is not null from postern.workflow_runs where delivery_id = $1",
                queued.delivery_id,
            )
        )

    await until(has_ended, seconds=60)
    run = await ledger.pool.fetchrow("select * from postern.workflow_runs")
    assert run is not None
    assert run["status"] == "succeeded", run["error"]
    result = orjson.loads(run["result"])
    pages = await ledger.pool.fetch("select * from outages.pages order by page_number")
    assert [row["page_number"] for row in pages] == result["pages"]
    assert [row["person"] for row in pages] == [result["on_call"], "barbara"]
    assert [row["key"] for row in pages] == [f"{run['run_id']}:{number}" for number in (2, 3)]


async def test_template_keeps_its_own_tests(site_packages: Path, tmp_path: Path) -> None:
    """What the template shows of testing works as it stands."""
    tests = tmp_path / "template"
    shutil.copytree(_TEMPLATE, tests, ignore=shutil.ignore_patterns("src"))
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tests,
        env={"PYTHONPATH": f"{ROOT}:{site_packages}", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()
    assert b"4 passed" in told
