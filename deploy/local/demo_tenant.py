"""The demo tenant: made on the first start, found again on the next."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deploy.local.control import ControlApi, wait_for
from deploy.local.examples import (
    CLIENT_EXTERNAL_ID,
    CLIENT_NAME,
    TENANT_SLUG,
    github_webhook,
    rmm_webhook,
)
from deploy.local.program import ROOT
from deploy.local.stack import Stack

_WEBHOOKS: dict[str, Callable[[str], dict[str, Any]]] = {
    "rmm-device-updates": rmm_webhook,
    "github-events": github_webhook,
}
_REFERENCE_DATA = Path(__file__).parent / "demo_reference_data.json"


@dataclass(kw_only=True)
class DemoTenant:
    """What a person needs to use the demo tenant; kept in a file that only its owner reads."""

    api_key: str
    gateway_url: str = ""
    control_api_url: str = ""
    #: By slug of the webhook.
    secrets: dict[str, str] = field(default_factory=dict)
    #: What field mappings refer to, by section and key of ``demo_reference_data.json``.
    reference_ids: dict[str, dict[str, str]] = field(default_factory=dict)

    def receiver_url(self, slug: str) -> str:
        """Return where senders reach a webhook."""
        return f"{self.gateway_url}/api/inbound/{TENANT_SLUG}/{slug}"


def path_of(directory: Path) -> Path:
    """Return where the demo tenant is kept."""
    return directory / "demo.json"


def load(directory: Path) -> DemoTenant | None:
    """Return the demo tenant of an earlier start."""
    try:
        return DemoTenant(**json.loads(path_of(directory).read_text()))
    except FileNotFoundError:
        return None


def provide(stack: Stack) -> DemoTenant:
    """Make what is missing of the demo tenant in a running stack, and keep it."""
    directory = stack.plan.directory
    demo = load(directory)
    if demo is None or not _is_current(stack, demo):
        demo = DemoTenant(api_key=bootstrap(stack))
    demo.gateway_url, demo.control_api_url = stack.gateway_url, stack.control_api_url
    with ControlApi(stack.control_api_url, demo.api_key) as api:
        client_id = api.ensure_client(CLIENT_NAME)
        for slug, body_of in _WEBHOOKS.items():
            _ensure_webhook(api, demo, slug, body_of, client_id=client_id)
    demo.reference_ids = seed(stack, reference_data(client_id))
    write_private(path_of(directory), json.dumps(asdict(demo), indent=2))
    _wait_until_known(stack)
    return demo


def bootstrap(stack: Stack, *, slug: str = TENANT_SLUG, name: str = "Demo") -> str:
    """Make a tenant unless it exists; return a new API key."""
    command = ("control_api.bootstrap", "--tenant-slug", slug, "--tenant-name", name)
    api_key: str = _run(stack, *command)["api_key"]
    return api_key


def bootstrap_operator(stack: Stack, *, name: str) -> str:
    """Make an operator; return the credential."""
    key: str = _run(stack, "control_api.bootstrap", "--operator-name", name)["operator_key"]
    return key


def seed(stack: Stack, document: dict[str, Any], *, slug: str = TENANT_SLUG) -> Any:
    """Fill a tenant's reference data; return the ids by section and key."""
    return _run(stack, "control_api.seed", "--tenant-slug", slug, "-", given=json.dumps(document))


def reference_data(client_id: str) -> dict[str, Any]:
    """Return the demo's reference data, with the client that it has already."""
    document: dict[str, Any] = json.loads(_REFERENCE_DATA.read_text())
    document["clients"][0]["id"] = client_id
    return document


def _run(stack: Stack, *command: str, given: str = "") -> Any:
    """Run a command of the project's own; return the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **stack.shared_environment()},
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        input=given,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")
    return json.loads(done.stdout)


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner alone."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - Path.open cannot set the mode
        file.write(text + "\n")
    fresh.rename(path)


def _is_current(stack: Stack, demo: DemoTenant) -> bool:
    with ControlApi(stack.control_api_url, demo.api_key) as api:
        return api.accepts_key()


def _ensure_webhook(
    api: ControlApi,
    demo: DemoTenant,
    slug: str,
    body_of: Callable[[str], dict[str, Any]],
    *,
    client_id: str,
) -> None:
    webhook = api.find_webhook(slug)
    if webhook is None:
        demo.secrets[slug] = secrets.token_urlsafe(24)
        webhook = api.create_webhook(body_of(demo.secrets[slug]))
    elif slug not in demo.secrets:
        demo.secrets[slug] = api.rotate_secret(webhook["inbound_webhook_id"])
    api.map_client(
        webhook["inbound_webhook_id"],
        external_id=CLIENT_EXTERNAL_ID,
        client_id=client_id,
    )


def _wait_until_known(stack: Stack) -> None:
    # A person who pastes the printed command at once must not be faster than the configuration.
    series = "postern_gateway_snapshot_webhooks"
    address = f"{stack.programs['gateway-1'].operations_url}/metrics"
    wait_for(
        lambda: next(
            line for line in httpx.get(address).text.splitlines() if line.startswith(series)
        ),
        lambda line: float(line.split()[1]) >= len(_WEBHOOKS),
        timeout_seconds=10,
    )
