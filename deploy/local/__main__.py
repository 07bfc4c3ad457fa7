"""``python -m deploy.local``: runs everything until Ctrl-C, or walks through what runs already."""

import argparse
import base64
import secrets
import signal
import sys
import threading
from pathlib import Path

import httpx

from deploy.local import demo_tenant, demo_workflow
from deploy.local.announcement import announcement
from deploy.local.program import ROOT, ProgramDied
from deploy.local.stack import HOST, Plan, Ports, Stack
from deploy.local.walk import StepFailed, walk
from postern.client import NoAnswerError
from shared.embedded.jars import JarsUnavailable
from shared.embedded.ports import is_free


def main() -> int:
    """Run the command; return its exit status."""
    arguments = _arguments()
    if arguments.demo:
        return _demo(arguments.directory)
    ports = Ports(
        gateway=arguments.gateway_port,
        gateway_operations=arguments.gateway_operations_port,
        worker_operations=arguments.worker_operations_port,
        control_api=arguments.control_api_port,
        control_api_operations=arguments.control_api_operations_port,
    )
    if faults := _taken(ports):
        print("\n".join(faults), file=sys.stderr)
        return 1
    return _run(arguments.directory.resolve(), ports, kafka=arguments.kafka)


def _run(directory: Path, ports: Ports, *, kafka: bool) -> int:
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    plan = Plan(
        directory=directory,
        master_keys=_master_keys(directory),
        kafka=kafka,
        workflows=[demo_workflow.__name__],
        ports=ports,
    )
    stack = Stack(plan, cancelled=stop.is_set)
    try:
        print(f"starting PostgreSQL{', Kafka' if kafka else ''} and the programs ...", flush=True)
        stack.start()
        print(announcement(stack, demo_tenant.provide(stack)), flush=True)
        while not stop.wait(0.5):
            stack.check()
    except InterruptedError:
        pass
    except (ProgramDied, JarsUnavailable, RuntimeError, OSError, httpx.HTTPError) as error:
        # What a Ctrl-C cut short is no fault.
        if not stop.is_set():
            print(f"\n{error}", file=sys.stderr)
            return 1
    finally:
        print("draining and stopping ...", flush=True)
        stack.stop()
    print("stopped", flush=True)
    return 0


def _demo(directory: Path) -> int:
    demo = demo_tenant.load(directory)
    if demo is None:
        print("nothing runs here yet: make run", file=sys.stderr)
        return 1
    try:
        walk(demo.gateway_url, demo.control_api_url, demo.api_key, tell=print)
    except StepFailed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    except NoAnswerError as error:
        print(f"nothing runs here at the moment: make run ({error})", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="walk through a running system")
    parser.add_argument("--kafka", action="store_true", help="use a real Apache Kafka broker")
    parser.add_argument("--directory", type=Path, default=ROOT / ".postern", help="where data is")
    for name, default in {
        "gateway": 8080,
        "gateway-operations": 9101,
        "worker-operations": 9102,
        "control-api": 8081,
        "control-api-operations": 9103,
    }.items():
        parser.add_argument(f"--{name}-port", type=int, default=default, help=f"default {default}")
    return parser.parse_args()


def _taken(ports: Ports) -> list[str]:
    return [
        f"port {port} is in use; name another: make run {name.upper()}_PORT=..."
        for name, port in vars(ports).items()
        if not is_free(port, HOST)
    ]


def _master_keys(directory: Path) -> str:
    path = directory / "master.key"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        demo_tenant.write_private(path, f"local-1:{key}")
    return path.read_text().strip()


if __name__ == "__main__":
    sys.exit(main())
