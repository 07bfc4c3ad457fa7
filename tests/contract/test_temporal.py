"""Temporal keeps the contract of workflow engines, on its real test server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client

from shared.embedded.ports import free_port
from shared.errors import ConfigurationError
from shared.settings import Secret
from tests.contract.tls_terminator import TlsTerminator, server_context
from tests.contract.workflow_contract import (
    WorkflowContract,
    WorkflowsUnderTest,
    open_ledger,
    workers,
)
from tests.integration.worker.forwarding.certificates import Authority, make_authority
from tests.integration.worker.world import until
from worker.outcome import Reject, Retry
from worker.workflows.port import RunStart
from worker.workflows.temporal_address import TemporalAddress
from worker.workflows.temporal_engine import TemporalEngine


class TestTemporal(WorkflowContract):
    """The contract, on workers that share a task queue."""

    #: One death is enough: the test server gives work to dead workers' open requests, and each
    #: such loss is found out by a time-out.
    killed_in = (2,)

    @pytest.fixture
    async def workflows(
        self, database_url: str, temporal_address: str, tmp_path: Path
    ) -> AsyncIterator[WorkflowsUnderTest]:
        """Workers with a task queue of their own."""
        client = await Client.connect(temporal_address)

        async def cancel(run_id: str) -> None:
            await client.get_workflow_handle(run_id).cancel()

        environment = {
            "POSTERN_WORKER_WORKFLOW_ENGINE": "temporal",
            "POSTERN_WORKER_TEMPORAL_ADDRESS": temporal_address,
            "POSTERN_WORKER_TEMPORAL_TASK_QUEUE": f"test-{uuid4().hex}",
        }
        async with open_ledger(database_url) as ledger:
            with workers(database_url, tmp_path, environment) as start_worker:
                yield WorkflowsUnderTest(ledger, start_worker, cancel)

    async def test_start_is_tried_again_while_temporal_is_away(self) -> None:
        """A launch that fails uses up an attempt and not the delivery."""
        outcome = await _launch(
            TemporalAddress(
                address=f"127.0.0.1:{free_port()}", namespace="default", task_queue="none"
            )
        )
        assert isinstance(outcome, Retry)
        assert outcome.code == "engine_unavailable"

    def test_certificate_that_cannot_be_read_is_told(self) -> None:
        """At the start, with the file's name."""
        address = TemporalAddress(
            address="x:1", namespace="n", task_queue="q", uses_tls=True, ca_file="/no/such/file"
        )
        with pytest.raises(ConfigurationError, match="/no/such/file"):
            TemporalEngine([], address=address, concurrency=1, drain_seconds=1)


_API_KEY = "aceiost012"


class TestTemporalBehindTls:
    """Workers reach a Temporal that asks for TLS, and tell why where they do not."""

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        """Signs the server's certificate and the clients'."""
        return make_authority(tmp_path)

    @pytest.mark.parametrize("way", ["certificate", "api_key"])
    async def test_run_ends_over_tls(
        self,
        way: str,
        database_url: str,
        temporal_address: str,
        authority: Authority,
        tmp_path: Path,
    ) -> None:
        """A delivery's run goes all the way through it, and who comes is known."""
        clients_of = authority.ca_file if way == "certificate" else None
        context = server_context(authority.issue("localhost"), clients_of=clients_of)
        with TlsTerminator(temporal_address, context).running() as terminator:
            prefix = "POSTERN_WORKER_TEMPORAL_"
            pair = str(authority.issue("postern"))
            access = {
                "certificate": {f"{prefix}CERTIFICATE_FILE": pair, f"{prefix}KEY_FILE": pair},
                "api_key": {f"{prefix}API_KEY": _API_KEY},
            }[way]
            environment = {
                "POSTERN_WORKER_WORKFLOW_ENGINE": "temporal",
                f"{prefix}ADDRESS": f"localhost:{terminator.port}",
                f"{prefix}TASK_QUEUE": f"test-{uuid4().hex}",
                f"{prefix}TLS": "true",
                f"{prefix}CA_FILE": str(authority.ca_file),
                **access,
            }
            async with open_ledger(database_url) as ledger:
                with workers(database_url, tmp_path, environment) as start_worker:
                    start_worker()
                    workflows = WorkflowsUnderTest(ledger, start_worker, _nothing_to_cancel)
                    await workflows.open(1, 2, 3)
                    queued = await ledger.record({"severity": 1})
                    await workflows.assert_done_once(queued, twice=())
        if way == "certificate":
            assert set(terminator.clients) == {"postern"}
        else:
            sent = _as_header(f"Bearer {_API_KEY}")
            assert all(sent in received for received in terminator.received)

    async def test_untrusted_server_is_told(
        self, temporal_address: str, authority: Authority, tmp_path: Path
    ) -> None:
        """Nothing is sent to a server whose certificate another authority has signed."""
        (tmp_path / "other").mkdir()
        other = make_authority(tmp_path / "other")
        context = server_context(authority.issue("localhost"))
        with TlsTerminator(temporal_address, context).running() as terminator:
            address = TemporalAddress(
                address=f"localhost:{terminator.port}",
                namespace="default",
                task_queue="none",
                uses_tls=True,
                ca_file=str(other.ca_file),
                api_key=Secret(_API_KEY),
            )
            outcome = await _launch(address)
        assert isinstance(outcome, Retry)
        assert outcome.code == "engine_unavailable"
        assert "InvalidCertificate" in outcome.reason
        assert not any(terminator.received)

    async def test_without_a_certificate_that_is_asked_for_nothing_starts(
        self, temporal_address: str, authority: Authority
    ) -> None:
        """Which is told as well."""
        context = server_context(authority.issue("localhost"), clients_of=authority.ca_file)
        with TlsTerminator(temporal_address, context).running() as terminator:
            address = TemporalAddress(
                address=f"localhost:{terminator.port}",
                namespace="default",
                task_queue="none",
                uses_tls=True,
                ca_file=str(authority.ca_file),
            )
            outcome = await _launch(address)
        assert isinstance(outcome, Retry)
        assert outcome.code == "engine_unavailable"
        assert not terminator.clients


async def _launch(address: TemporalAddress) -> Retry | Reject | None:
    """Start a run once a connection was tried."""
    engine = TemporalEngine([], address=address, concurrency=1, drain_seconds=1)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(engine.run(stop))

        async def has_tried() -> bool:
            return engine.fault != "not started"

        await until(has_tried)
        outcome = await engine.launch(RunStart(run_id="r", workflow="triage", envelope="{}"))
        stop.set()
    return outcome


async def _nothing_to_cancel(run_id: str) -> None:
    raise AssertionError(run_id)


#: Source: https://www.rfc-editor.org/rfc/rfc7541#appendix-B
_CODES = {"B": "1011101", "r": "101100", " ": "010100"} | {
    character: format(number, "05b") for number, character in enumerate("012aceiost")
}


def _as_header(value: str) -> bytes:
    """Return a header's value as HTTP/2 has it on the wire: length and Huffman code."""
    bits = "".join(_CODES[character] for character in value)
    bits += "1" * (-len(bits) % 8)
    code = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return bytes([0x80 | len(code)]) + code
