"""Simultaneous twins of one event, through gateways and a worker as processes: one effect each.

Run as ``python -m tests.benchmark.twins``; exits with 1 unless effects and answers are exact.
Effects are counted by a trigger in the database, so that a second run of the handler would show
even though it would leave the asset as it is.
"""

import argparse
import asyncio
import base64
import secrets
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle

import httpx
import orjson
import psycopg
import uvloop

from deploy.local.control import ControlApi, wait_for
from deploy.local.demo_tenant import bootstrap
from deploy.local.examples import (
    CLIENT_EXTERNAL_ID,
    CLIENT_NAME,
    TENANT_SLUG,
    device_event,
    rmm_webhook,
    signature,
)
from deploy.local.stack import Plan, Stack
from tests.benchmark.generator import HOST, Answer, Connection, all_at_once, open_connections
from tests.benchmark.report import print_machine, print_table
from tests.benchmark.rig import benchmark_directory

_SLUG = "rmm-device-updates"
_COUNT_EFFECTS = """
create table public.effects (asset_name text not null);
create function public.note_effect() returns trigger language plpgsql security definer as $$
begin
    insert into public.effects values (new.name);
    return new;
end
$$;
create trigger note_effect after insert or update on psa.assets
    for each row execute function public.note_effect();
"""
_EFFECTS = "select asset_name, count(*) from public.effects group by asset_name"
_PENDING = "select count(*) from postern.deliveries where dispatch_status = 'pending'"


@dataclass(slots=True)
class Tally:
    """What the answers were."""

    answers: int = 0
    refused: int = 0
    #: Events whose answers named more than one delivery.
    split: int = 0
    #: Answers without ``duplicate``; one an event.
    firsts: int = 0
    names: set[str] = field(default_factory=set)

    def add(self, answers: Sequence[Answer]) -> None:
        """Count the answers to one event."""
        self.answers += len(answers)
        good = [orjson.loads(answer.body) for answer in answers if 200 <= answer.status < 300]
        self.refused += len(answers) - len(good)
        self.split += len({answer["delivery_id"] for answer in good}) != 1
        self.firsts += sum("duplicate" not in answer for answer in good)


def main(argv: Sequence[str] | None = None) -> int:
    """Send, count and print; return 0 when everything is exact."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.twins", description=__doc__)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--twins", type=int, default=200, help="of each event")
    parser.add_argument("--gateways", type=int, default=2, help="that the twins are spread over")
    parser.add_argument("--kafka", action="store_true", help="publish to a real broker")
    arguments = parser.parse_args(argv)
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    with benchmark_directory() as directory:
        plan = Plan(
            directory=directory,
            master_keys=f"benchmark-1:{key}",
            kafka=arguments.kafka,
            gateways=arguments.gateways,
        )
        with Stack(plan) as stack:
            print_machine(directory)
            return _measure(stack, arguments)


def _measure(stack: Stack, arguments: argparse.Namespace) -> int:
    secret = _create_webhook(stack)
    ports = [
        int(program.environment["POSTERN_GATEWAY_PORT"])
        for name, program in stack.programs.items()
        if name.startswith("gateway")
    ]
    for port in ports:
        _wait_until_known(port, secret)
    with psycopg.connect(stack.database_url, autocommit=True) as ledger:
        ledger.execute(_COUNT_EFFECTS)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            tally = runner.run(_send(ports, secret, arguments))
        wait_for(
            lambda: ledger.execute(_PENDING).fetchone(),
            lambda row: row == (0,),
            timeout_seconds=60,
        )
        effects: Counter[str] = Counter(dict(ledger.execute(_EFFECTS).fetchall()))
    total = arguments.events * arguments.twins
    rows = [
        ("answers", tally.answers, total),
        ("answers other than 2xx", tally.refused, 0),
        ("events with more than one delivery id", tally.split, 0),
        ("answers that are no duplicate", tally.firsts, arguments.events),
        ("effects", effects.total(), arguments.events),
        ("events with an effect", len(effects.keys() & tally.names), arguments.events),
    ]
    print_table(
        f"{arguments.twins} twins of {arguments.events} events, {arguments.gateways} gateways, "
        f"{'with' if arguments.kafka else 'without'} Kafka",
        [(name, str(count), f"exactly {wanted}") for name, count, wanted in rows],
        result="result",
    )
    exact = all(count == wanted for _, count, wanted in rows)
    print("exact" if exact else "NOT EXACT")
    return 0 if exact else 1


def _create_webhook(stack: Stack) -> str:
    secret = secrets.token_urlsafe(32)
    with ControlApi(stack.control_api_url, bootstrap(stack)) as api:
        body = rmm_webhook(secret, slug=_SLUG) | {"rate_limit_per_minute": 60_000}
        webhook_id = api.create_webhook(body)["inbound_webhook_id"]
        client_id = api.ensure_client(CLIENT_NAME)
        api.map_client(webhook_id, external_id=CLIENT_EXTERNAL_ID, client_id=client_id)
    return secret


def _wait_until_known(port: int, secret: str) -> None:
    """Wait until a gateway answers for the webhook: 400 to what is signed but no JSON."""
    url = f"http://{HOST}:{port}/api/inbound/{TENANT_SLUG}/{_SLUG}"
    headers = {"x-rmm-signature": signature(secret, b"?")}
    wait_for(
        lambda: httpx.post(url, content=b"?", headers=headers).status_code,
        lambda status: status == 400,
    )


async def _send(ports: Sequence[int], secret: str, arguments: argparse.Namespace) -> Tally:
    connections: list[Connection] = []
    for _, port in zip(range(arguments.twins), cycle(ports)):
        connections += await open_connections(port, 1)
    tally = Tally()
    for number in range(arguments.events):
        name = f"ws-{number}"
        tally.names.add(name)
        event = device_event(hostname=name, device_id=f"device-{number}")
        tally.add(await all_at_once(connections, _request(event, secret)))
    for connection in connections:
        connection.close()
    return tally


def _request(body: bytes, secret: str) -> bytes:
    return (
        f"POST /api/inbound/{TENANT_SLUG}/{_SLUG} HTTP/1.1\r\nhost: {HOST}\r\n"
        f"content-type: application/json\r\nx-rmm-signature: {signature(secret, body)}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body


if __name__ == "__main__":
    sys.exit(main())
