"""Schemathesis tries the API, as a process on a filled database, against its own document.

Every check and every phase is on; ``tests/schemathesis.toml`` has the configuration. ``make fuzz``
runs it longer, with other seeds.
"""

import asyncio
import sys
from pathlib import Path

import pytest

from shared.database.pool import Connection
from tests.house import ROOT
from tests.integration.control_api.isolation import build_side
from tests.integration.control_api.test_program import environment, served
from tests.servers import ENVIRONMENT

__all__ = ["environment"]

_SECONDS = int(ENVIRONMENT.get("POSTERN_FUZZ_SECONDS", "60"))
_SEED = ENVIRONMENT.get("POSTERN_FUZZ_SEED", "1")


@pytest.mark.timeout(_SECONDS * 4 + 120)
async def test_api_when_tried_by_schemathesis(
    environment: dict[str, str],
    superuser: Connection,
    tmp_path: Path,
) -> None:
    """No check of any phase fails."""
    tenant = await build_side(superuser, "tried", "tried")
    quiet = environment | {"POSTERN_LOG_LEVEL": "error"}  # nobody reads its output meanwhile
    async with served(quiet) as (_, api, _):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "schemathesis.cli",
            f"--config-file={ROOT / 'tests' / 'schemathesis.toml'}",
            "run",
            f"{api.base_url}/api/v1/openapi.json",
            f"--max-time={_SECONDS}",
            f"--seed={_SEED}",
            "--checks=all",
            "--no-color",
            f"--report-dir={tmp_path}",
            env=ENVIRONMENT
            | {"POSTERN_TRIED_URL": str(api.base_url), "POSTERN_TRIED_KEY": tenant.key},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
        )
        output = (await process.communicate())[0].decode()
    print(output[-20_000:])
    assert process.returncode == 0
    assert "Stateful" in output
