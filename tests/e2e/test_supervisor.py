"""`make run`: prints what works when pasted, finds its data again, stops whole, says what died."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.control import ControlApi, wait_for
from shared.embedded.ports import free_port
from shared.embedded.processes import is_alive
from tests.house import ROOT

PORTS = ("gateway", "gateway-operations", "worker-operations", "control-api")


class Supervisor:
    """One run of the supervisor and what it has printed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.output = directory.with_name("output.txt")
        ports = [f"--{name}-port={free_port()}" for name in (*PORTS, "control-api-operations")]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy.local", f"--directory={directory}", *ports],
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )

    def printed(self) -> str:
        """Return what it has printed so far."""
        return self.output.read_text()

    def wait_until_up(self) -> str:
        """Wait for the announcement; return it."""
        return wait_for(
            self.printed,
            lambda text: "Where to look next" in text or self.process.poll() is not None,
            timeout_seconds=60,
        )

    def children(self) -> list[int]:
        """Return the processes below it."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(child) for child in path.read_text().split()]

    def end(self, signum: signal.Signals) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(signum)
        return self.process.wait(60)


@contextmanager
def supervised(directory: Path) -> Iterator[Supervisor]:
    """Run the supervisor; stop it in any case."""
    supervisor = Supervisor(directory)
    try:
        yield supervisor
    finally:
        if supervisor.process.poll() is None:
            supervisor.end(signal.SIGTERM)


def pasteable(printed: str, command: str) -> str:
    """Return the command that begins so, with its continued lines."""
    lines = printed[printed.index(command) :].splitlines()
    length = next(index for index, line in enumerate(lines) if not line.endswith("\\"))
    return "\n".join(lines[: length + 1])


def paste(command: str) -> str:
    """Run a command as a person at a shell would; return what it printed."""
    pasted = subprocess.run(
        ["bash", "-c", command], check=True, capture_output=True, text=True, timeout=20
    )
    return pasted.stdout


def test_printed_commands_work_and_data_is_found_again(tmp_path: Path) -> None:
    """Each curl works as printed; Ctrl-C ends everything; the next start knows key and asset."""
    with supervised(tmp_path / "state") as first:
        printed = first.wait_until_up()
        assert "200 OK" in paste(pasteable(printed, "curl -i"))
        assert '"duplicate":true' in paste(pasteable(printed, "curl -i"))
        assert "200 OK" in paste(pasteable(printed[printed.index("GitHub") :], "curl -i"))
        wait_for(
            lambda: json.loads(paste(pasteable(printed, "curl -s")))["data"],
            lambda assets: {asset["name"] for asset in assets} == {"ws-042", "northwind/shop"},
        )
        children = first.children()
        assert len(children) == 4
        assert first.end(signal.SIGINT) == 0
        assert not any(is_alive(child) for child in children)
    kept = tmp_path / "state" / "demo.json"
    assert [path.stat().st_mode & 0o777 for path in (kept, kept.with_name("master.key"))] == [
        0o600,
        0o600,
    ]
    with supervised(tmp_path / "state") as second:
        printed = second.wait_until_up()
        demo = json.loads(kept.read_text())
        assert demo["api_key"] in printed
        with ControlApi(demo["control_api_url"], demo["api_key"]) as api:
            assert len(api.assets()) == 2


def test_a_program_that_dies_is_named_and_ends_the_rest(tmp_path: Path) -> None:
    """When a child is gone the supervisor stops the others, says which it was, and fails."""
    with supervised(tmp_path / "state") as supervisor:
        supervisor.wait_until_up()
        children = supervisor.children()
        os.kill(child_of_module(children, "worker"), signal.SIGKILL)
        assert supervisor.process.wait(60) == 1
        assert "worker-1 ended with -9" in supervisor.printed()
        assert not any(is_alive(child) for child in children)


@pytest.mark.parametrize("flag", ["--gateway-port", "--control-api-operations-port"])
def test_a_port_in_use_is_named(tmp_path: Path, flag: str) -> None:
    """A taken port is reported with the flag that changes it, before anything starts."""
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        port = listener.getsockname()[1]
        second = subprocess.run(
            [
                *(sys.executable, "-m", "deploy.local"),
                *(f"--directory={tmp_path / 'state'}", f"{flag}={port}"),
            ],
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
        )
    assert second.returncode == 1
    assert f"port {port} is in use" in second.stderr
    assert flag.strip("-").upper().replace("-", "_") in second.stderr
    assert not (tmp_path / "state").exists()


def child_of_module(children: list[int], module: str) -> int:
    """Return the child that runs a module."""
    return next(
        child
        for child in children
        if Path(f"/proc/{child}/cmdline").read_bytes().rstrip(b"\0").endswith(module.encode())
    )
