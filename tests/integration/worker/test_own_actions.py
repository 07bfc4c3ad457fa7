"""A package with an action of its own, installed as its author would, and a worker process."""

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

_TEMPLATE = ROOT / "examples" / "postern-template-actions"
_ACTION = "upsertLocationByExternalId"


@pytest.fixture(scope="module")
def site_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the template package installed, from entry points to type marker."""
    return install(_TEMPLATE, tmp_path_factory.mktemp("installed"))


def _program(database_url: str, site_packages: Path, log_dir: Path) -> Program:
    environment = {
        "PYTHONPATH": f"{ROOT}:{site_packages}",
        "POSTERN_DATABASE_URL": database_url,
        "POSTERN_MASTER_KEYS": "k:" + base64.b64encode(bytes(32)).decode(),
        "POSTERN_WORKER_OPERATIONS_PORT": str(free_port()),
    }
    return Program("worker", module="worker", environment=environment, log_dir=log_dir)


@pytest.fixture
def worker(database_url: str, site_packages: Path, tmp_path: Path) -> Iterator[Program]:
    """A worker process that has the package beside what Postern brings."""
    program = _program(database_url, site_packages, tmp_path)
    program.start()
    try:
        program.wait_ready()
        yield program
    finally:
        program.stop()


async def test_installed_action_is_announced_and_handled(ledger: Ledger, worker: Program) -> None:
    """Nothing of Postern changes: the catalogue has the action, and a delivery its effect."""
    definition = await ledger.pool.fetchval(
        "select definition from postern.action_catalog where name = $1", _ACTION
    )
    fields = orjson.loads(definition)["target_fields"]
    assert [item["name"] for item in fields if item["required"]] == [
        "external_id",
        "client_id",
        "name",
    ]
    client_id = await ledger.insert_client()
    mapping = {"external_id": "site.id", "client_id": "site.client", "name": "site.name"}
    await ledger.pool.execute(
        "update postern.webhooks set version = version + 1, handler_config = $1",
        orjson.dumps({"action": _ACTION, "field_mapping": mapping}).decode(),
    )
    site = {"id": 7, "client": str(client_id), "name": "HQ"}
    queued = await ledger.record({"site": site})

    async def is_finished() -> bool:
        worker.check()
        return bool((await ledger.delivery(queued))["dispatch_status"] != "pending")

    await until(is_finished)
    outcome = await ledger.outcome(queued)
    assert (outcome["action"], outcome["message"]) == (_ACTION, "location created")
    location = await ledger.pool.fetchrow("select * from psa.locations")
    assert location is not None
    assert (location["client_id"], location["name"]) == (client_id, "HQ")
    event = await ledger.pool.fetchrow("select * from psa.events")
    assert event is not None
    assert (event["event_name"], event["delivery_id"]) == ("location.created", queued.delivery_id)


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
    assert b"5 passed" in told


async def test_worker_says_which_package_it_cannot_load(
    database_url: str, site_packages: Path, tmp_path: Path
) -> None:
    """One that fails as it is imported, for whatever reason, ends the start with its name."""
    target = tmp_path / "site-packages"
    shutil.copytree(site_packages, target)
    (target / "postern_template_actions" / "locations.py").write_text("1 / 0\n")
    program = _program(database_url, target, tmp_path)
    program.start()
    await until(lambda: asyncio.to_thread(lambda: program.exit_code is not None))
    assert program.exit_code == 2
    assert "locations = postern_template_actions.locations: ZeroDivisionError" in (
        program.log_tail()
    )
