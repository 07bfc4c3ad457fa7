"""The whole system as processes, with one tenant whose webhooks are ready to be sent to."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.local.control import ControlApi, wait_for
from deploy.local.demo_tenant import bootstrap
from deploy.local.examples import CLIENT_EXTERNAL_ID, CLIENT_NAME, TENANT_SLUG, rmm_webhook
from deploy.local.program import Program
from deploy.local.stack import Stack
from tests.benchmark.events import Target
from tests.benchmark.rig import running_servers

#: Enough that 60000 a minute for each is out of reach.
_WEBHOOK_COUNT = 20
_PER_MINUTE = 60_000


@dataclass(frozen=True, kw_only=True)
class Hook:
    """A webhook as the control API has it."""

    webhook_id: str
    target: Target
    #: As it was created.
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class System:
    """The running system; its programs are gateway-1, worker-1 and so on, and control-api."""

    stack: Stack
    api: ControlApi
    #: Webhooks whose deliveries are handled in any order.
    plain: Sequence[Hook]
    #: Webhooks whose deliveries are handled in order for each device.
    ordered: Sequence[Hook]

    def programs(self, module: str) -> list[Program]:
        """Return the programs of a kind."""
        return [one for one in self.stack.programs.values() if one.module == module]

    @property
    def gateway_ports(self) -> list[int]:
        """The ports that receive."""
        return [int(one.environment["POSTERN_GATEWAY_PORT"]) for one in self.programs("gateway")]

    def total(self, module: str, series: str) -> float:
        """Return the sum of a series over the programs of a kind."""
        return sum(_value(program.operations_url, series) for program in self.programs(module))


@contextmanager
def running_system(
    *, kafka: bool, gateways: int = 1, workers: int = 1, ordered_count: int = 0
) -> Iterator[System]:
    """Run everything; ``ordered_count`` of the webhooks have an ordering key.

    An event's id becomes the name of an asset, and its device the asset.
    """
    with running_servers(kafka=kafka, gateways=gateways, workers=workers) as stack:
        stack.start_programs()
        with ControlApi(stack.control_api_url, bootstrap(stack)) as api:
            client_id = api.ensure_client(CLIENT_NAME)
            hooks = [
                _create(api, client_id, f"rmm-{number}", is_ordered=number < ordered_count)
                for number in range(_WEBHOOK_COUNT)
            ]
            for gateway in stack.programs.values():
                if gateway.module == "gateway":
                    _wait_until_known(gateway)
            yield System(
                stack=stack, api=api, plain=hooks[ordered_count:], ordered=hooks[:ordered_count]
            )
        stack.check()


def _create(api: ControlApi, client_id: str, slug: str, *, is_ordered: bool) -> Hook:
    secret = secrets.token_urlsafe(32)
    body = rmm_webhook(secret, slug=slug) | {"rate_limit_per_minute": _PER_MINUTE}
    body["handler_config"]["field_mapping"]["name"] = "event.id"
    if is_ordered:
        body["ordering"] = {"type": "key", "source": {"type": "jsonata", "value": "device.id"}}
    webhook_id = api.create_webhook(body)["inbound_webhook_id"]
    api.map_client(webhook_id, external_id=CLIENT_EXTERNAL_ID, client_id=client_id)
    target = Target(f"/api/inbound/{TENANT_SLUG}/{slug}", secret.encode())
    return Hook(webhook_id=webhook_id, target=target, body=body)


def _wait_until_known(gateway: Program) -> None:
    wait_for(
        lambda: _value(gateway.operations_url, "postern_gateway_snapshot_webhooks"),
        lambda known: known >= _WEBHOOK_COUNT,
    )


def _value(operations_url: str, series: str) -> float:
    lines = httpx.get(f"{operations_url}/metrics", timeout=10).text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"{series} ")), 0.0)
