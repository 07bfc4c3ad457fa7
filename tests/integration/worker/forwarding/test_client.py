"""Requests to real targets that are slow, large, broken or somebody else."""

import asyncio
import ssl
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from shared.domain.identifiers import uuid7
from tests.integration.worker.forwarding.certificates import Authority, make_authority
from tests.integration.worker.forwarding.target_server import (
    Script,
    TargetServer,
    answer,
    babble,
    break_off,
    drip,
    endless_headers,
    endless_hints,
    flood,
    hang,
    hang_up,
    reset,
    target_server,
)
from tests.integration.worker.world import build_forwarder
from worker.forwarding.addresses import Address, parse_address
from worker.forwarding.client import Forwarder, OutboundRequest
from worker.forwarding.connecting import tls_context
from worker.forwarding.target import parse_target
from worker.outcome import Done, Outcome, Retry


def request_to(url: str, *, timeout_seconds: float | None = None) -> OutboundRequest:
    return OutboundRequest(
        tenant_id=uuid7(),
        webhook_id=uuid7(),
        message_id="message",
        method="POST",
        target=parse_target(url),
        headers=[("content-type", "application/json")],
        body=b"{}",
        timeout_seconds=timeout_seconds,
    )


async def loopback(_host: str, _port: int) -> Sequence[Address]:
    return [parse_address("127.0.0.1")]


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("postern_worker_forward_total", {"result": result}) or 0.0


@pytest.mark.parametrize("script", [hang, drip, endless_hints])
async def test_time_is_for_the_whole_attempt(script: Script) -> None:
    """Neither silence nor a byte now and then lasts longer than the mapping allows."""
    async with target_server(script) as target:
        outcome = await build_forwarder().send(request_to(target.url, timeout_seconds=0.2))
    assert outcome == Retry("the target took longer than 0.2 s", "target_timeout")


async def test_mapping_cannot_ask_for_more_time_than_there_is() -> None:
    """The policy's time is the longest."""
    async with target_server(hang) as target:
        forwarder = build_forwarder(longest_seconds=0.1)
        outcome = await forwarder.send(request_to(target.url, timeout_seconds=60.0))
    assert outcome == Retry("the target took longer than 0.1 s", "target_timeout")


async def test_answer_without_end() -> None:
    """What is beyond 64 KiB is not waited for; the answer counts."""
    async with target_server(flood) as target:
        outcome = await build_forwarder().send(request_to(target.url))
    assert isinstance(outcome, Done)
    assert outcome.result["response"] == "x" * 4000
    assert outcome.result["response_is_cut"] is True


async def test_compressed_answer_is_not_unpacked() -> None:
    """A bomb stays as small as it came."""
    bomb = zlib.compress(bytes(50_000_000), 9)
    async with target_server(answer(200, bomb, Content_Encoding="deflate")) as target:
        outcome = await build_forwarder().send(request_to(target.url))
    assert isinstance(outcome, Done)
    assert outcome.result["response"] == bomb[:4000].decode(errors="replace")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (hang_up, "Server disconnected without sending a response."),
        (reset, "it broke the connection off"),
        (break_off, "peer closed connection without sending complete message body"),
        (babble, "illegal status line"),
        (endless_headers, "Receive buffer too long"),
    ],
)
async def test_no_answer(script: Script, reason: str) -> None:
    """A target that breaks off, or speaks something else, is tried again."""
    async with target_server(script) as target:
        outcome = await build_forwarder().send(request_to(target.url))
    assert isinstance(outcome, Retry)
    assert outcome.code == "target_unreachable"
    assert reason in outcome.reason


async def test_closed_port() -> None:
    """The reason tells no address."""
    async with target_server(hang) as target:
        url = target.url
    outcome = await build_forwarder(resolver=loopback).send(
        request_to(url.replace("127.0.0.1", "closed.example"))
    )
    assert outcome == Retry(
        "no answer from the target: it takes no connection", "target_unreachable"
    )


async def test_second_address_is_tried() -> None:
    """A name with one dead address is reached by its other."""

    async def both(_host: str, _port: int) -> Sequence[Address]:
        return [parse_address("127.0.0.9"), parse_address("127.0.0.1")]

    async with target_server(answer(200)) as target:
        url = target.url.replace("127.0.0.1", "two.example")
        assert isinstance(await build_forwarder(resolver=both).send(request_to(url)), Done)
    (request,) = target.requests
    assert request.headers["host"] == f"two.example:{target.port}"


async def test_ipv6_target() -> None:
    """An IPv6 address has its brackets in the Host header and none in the connection."""
    async with target_server(answer(200), host="::1") as target:
        url = f"http://[::1]:{target.port}/"
        assert isinstance(await build_forwarder().send(request_to(url)), Done)
    assert target.requests[0].headers["host"] == f"[::1]:{target.port}"


async def test_results_are_counted() -> None:
    """Each request counts once, by what came of it."""
    results = ("delivered", "retried", "refused", "blocked")
    before = {result: counted(result) for result in results}
    async with target_server(answer(200), answer(500), answer(404)) as target:
        for _ in range(3):
            await build_forwarder().send(request_to(target.url))
        await build_forwarder(allowed=()).send(request_to(target.url))
    assert {result: counted(result) - before[result] for result in results} == dict.fromkeys(
        results, 1.0
    )


class TestTls:
    """HTTPS with certificates of an authority of the tests."""

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return make_authority(tmp_path)

    @pytest.fixture
    def forwarder(self, authority: Authority) -> Forwarder:
        return build_forwarder(resolver=loopback, tls=tls_context(str(authority.ca_file)))

    async def _send(
        self, forwarder: Forwarder, certificate: Path, host: str
    ) -> tuple[Outcome, TargetServer, list[str | None]]:
        names: list[str | None] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _socket, name, _context: names.append(name)
        async with target_server(answer(200), tls=context) as target:
            request = request_to("https://x.example/")
            place = replace(request.target, host=host, port=target.port)
            return await forwarder.send(replace(request, target=place)), target, names

    async def test_name_is_what_tls_sees(self, authority: Authority, forwarder: Forwarder) -> None:
        """The connection goes to an address, the certificate and SNI to the name."""
        certificate = authority.issue("target.example")
        outcome, target, names = await self._send(forwarder, certificate, "target.example")
        assert isinstance(outcome, Done), outcome
        assert names == ["target.example"]
        assert target.requests[0].headers["host"] == f"target.example:{target.port}"

    @pytest.mark.parametrize(
        ("host", "days", "reason"),
        [
            ("other.example", 1, "Hostname mismatch"),
            ("127.0.0.1", 1, "IP address mismatch"),
            ("target.example", -1, "certificate has expired"),
        ],
    )
    async def test_certificates_that_prove_nothing(
        self, authority: Authority, forwarder: Forwarder, host: str, days: int, reason: str
    ) -> None:
        """Nothing is sent to a target with another's or an old certificate."""
        certificate = authority.issue("target.example", days=days)
        outcome, target, _ = await self._send(forwarder, certificate, host)
        assert isinstance(outcome, Retry), outcome
        assert outcome.code == "target_unreachable"
        assert f"its certificate is not valid: {reason}" in outcome.reason
        assert target.requests == []

    async def test_target_without_tls(self, forwarder: Forwarder) -> None:
        """A port that speaks something else than TLS is no target."""

        def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example ESMTP\r\n")
            writer.close()

        async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            outcome = await forwarder.send(request_to(f"https://target.example:{port}/"))
        assert outcome == Retry(
            "no answer from the target: TLS failed: WRONG_VERSION_NUMBER", "target_unreachable"
        )

    async def test_unknown_authority(self, authority: Authority) -> None:
        """The system's authorities count, and none that signs itself."""
        forwarder = build_forwarder(resolver=loopback, tls=tls_context())
        certificate = authority.issue("target.example")
        outcome, target, _ = await self._send(forwarder, certificate, "target.example")
        assert isinstance(outcome, Retry)
        assert "its certificate is not valid: unable to get local issuer" in outcome.reason
        assert target.requests == []
