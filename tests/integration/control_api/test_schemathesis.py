"""Schemathesis tries the API, as a process on a filled database, against its own document.

Every check and every phase is on; ``tests/schemathesis.toml`` has the configuration. ``make fuzz``
runs it longer, with other seeds. How far it came is read from the API's own metrics.
"""

import asyncio
import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from control_api.bootstrap import bootstrap_operator, bootstrap_tenant
from shared.database.pool import Connection
from tests.documented_answers import openapi_document
from tests.house import ROOT
from tests.integration.control_api.isolation import build_side
from tests.integration.control_api.test_program import environment, served
from tests.servers import ENVIRONMENT

__all__ = ["environment"]

_SECONDS = int(ENVIRONMENT.get("POSTERN_FUZZ_SECONDS", "60"))
_SEED = ENVIRONMENT.get("POSTERN_FUZZ_SEED", "1")
#: Of each kind; half of them may be deleted in the run.
_THINGS = 80
_PLACES = (
    *("webhook_id", "delivery_id", "secret_id", "sample_id", "replay_job_id"),
    *("asset_id", "api_key_id"),
)
#: Streams do not end by themselves.
_UNTRIED = {
    "GET /api/v1/deliveries/tail",
    "GET /api/v1/inbound-webhooks/{webhook_id}/deliveries/tail",
}
#: The same in all operations, and in tests of their own: they follow from the server's state, from
#: the form of a request or from who asks.
_FAULTS_OF_ALL = {"400", "403", "408", "413", "415", "429", "500", "503"}
#: Of the documented answers; most runs see nine in ten.
_LEAST_SHARE = 0.7
_SAMPLE = re.compile(
    r'^postern_control_api_requests_total\{method="(\w+)",route="([^"]+)",status="(\d+)"\} ',
    re.MULTILINE,
)


@pytest.mark.timeout(_SECONDS * 4 + 120)
async def test_api_when_tried_by_schemathesis(
    environment: dict[str, str], superuser: Connection, tmp_path: Path
) -> None:
    """No check of any phase fails, and the run has seen nearly every answer of the document."""
    keys = await _prepare(superuser, tmp_path)
    quiet = environment | {"POSTERN_LOG_LEVEL": "error"}  # nobody reads its output meanwhile
    async with served(quiet) as (_, api, operations):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "schemathesis.cli",
            f"--config-file={tmp_path / 'schemathesis.toml'}",
            "run",
            f"{api.base_url}/api/v1/openapi.json",
            f"--max-time={_SECONDS}",
            f"--seed={_SEED}",
            "--checks=all",
            "--no-color",
            f"--report-dir={tmp_path}",
            env=ENVIRONMENT
            | keys
            | {"POSTERN_TRIED_URL": str(api.base_url), "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
        )
        output = (await process.communicate())[0].decode()
        seen = _seen_statuses((await operations.get("/metrics")).text)
    print(output[-20_000:])
    assert process.returncode == 0
    assert "Stateful" in output
    _check_reach(seen)


async def _prepare(superuser: Connection, directory: Path) -> dict[str, str]:
    """Make tenants with things, write their ids for the configuration, and return the keys."""
    tenant = await build_side(superuser, "tried", "tried")
    importing = await bootstrap_tenant(superuser, slug="imported", name="Imported")
    operator = await bootstrap_operator(superuser, name="tried")
    shutil.copy(ROOT / "tests" / "schemathesis.toml", directory)
    ids: dict[str, list[str]] = defaultdict(list)
    for number in range(_THINGS):
        # Each is made for itself: all that belongs to a webhook belongs to the same.
        for place in _PLACES:
            ids[place] += (await tenant.made([place], anew=True)).values()
        spare = await bootstrap_tenant(superuser, slug=f"spare-{number}", name="Spare")
        ids["tenant_id"].append(str(spare.tenant_id))
    spares = {place: values[_THINGS // 2 :] for place, values in ids.items()}
    kept = {place: values[: _THINGS // 2] for place, values in ids.items()}
    kept["webhook_with_all"] = [tenant.things["webhook_id"]]
    kept["webhook_id"] += kept["webhook_with_all"]
    kept["tenant_id"] += [str(tenant.tenant_id), str(importing.tenant_id)]
    kept["api_key_id"] += await superuser.fetchval(
        "select array_agg(api_key_id::text) from postern.api_keys"
        " where tenant_id in ($1, $2) and name = 'made by bootstrap'",
        tenant.tenant_id,
        importing.tenant_id,
    )
    for name, values in (kept | {f"spare_{place}": its for place, its in spares.items()}).items():
        (directory / name).write_text("\n".join(f'"{value}"' for value in values))
    return {
        "POSTERN_TRIED_KEY": tenant.key,
        "POSTERN_TRIED_OPERATOR_KEY": operator.operator_key,
        "POSTERN_TRIED_IMPORT_KEY": importing.api_key,
    }


def _seen_statuses(metrics: str) -> Mapping[str, set[str]]:
    """Return which statuses each operation answered, from the API's metrics."""
    seen: dict[str, set[str]] = defaultdict(set)
    for method, route, status in _SAMPLE.findall(metrics):
        seen[f"{method} {route}"].add(status)
    return seen


def _check_reach(seen: Mapping[str, set[str]]) -> None:
    """Check that every operation has succeeded, and most documented answers have been seen."""
    documented = {
        f"{method.upper()} {path}": {*operation["responses"]} - _FAULTS_OF_ALL
        for path, methods in openapi_document()["paths"].items()
        for method, operation in methods.items()
    }
    tried = documented.keys() - _UNTRIED
    unseen = {name: sorted(documented[name] - seen[name]) for name in tried}
    share = 1 - sum(map(len, unseen.values())) / sum(len(documented[name]) for name in tried)
    print(f"{share:.0%} of the documented answers seen; not seen:")
    for name in sorted(tried):
        if unseen[name]:
            print(f"  {name}: {', '.join(unseen[name])}")
    assert [name for name in tried if not any(one < "300" for one in seen[name])] == []
    assert share >= _LEAST_SHARE
