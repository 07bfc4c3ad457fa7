"""No spelling of a target leads into a blocked network: proven where sockets connect."""

import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from shared.domain.identifiers import DeliveryId, TenantId, WebhookId, uuid7
from tests.integration.worker.forwarding.spellings import BLOCKED, NAMES, ODD
from tests.integration.worker.forwarding.target_server import TargetServer, answer, target_server
from tests.integration.worker.world import build_forwarder
from worker.actions.context import ActionResult, OutboundContext
from worker.actions.forward import Forward, forward
from worker.actions.registry import ActionOutcome
from worker.forwarding.addresses import Address, parse_address
from worker.forwarding.client import Forwarder
from worker.forwarding.connecting import BlockedAddressError, CheckedConnections
from worker.outcome import Reject, Retry

_AS_NUMBER = socket.AI_NUMERICHOST
_seen: list[object] = []


def _note_connect(event: str, arguments: tuple[object, ...]) -> None:
    """Note each connect of any socket of this process; Python calls this from inside connect."""
    if event == "socket.connect":
        _seen.append(arguments[1])


sys.addaudithook(_note_connect)


@pytest.fixture
def connects() -> Iterator[list[object]]:
    """Where sockets were connected to in this test."""
    _seen.clear()
    yield _seen
    _seen.clear()


@pytest.fixture
async def server() -> AsyncIterator[TargetServer]:
    """What stands for a service of the inside."""
    async with target_server(answer(200)) as target:
        yield target


async def lookup(host: str, _: int) -> Sequence[Address]:
    """Resolve names by the table, and odd numbers as leniently as the system does."""
    if host in NAMES:
        return [parse_address(text) for text in NAMES[host]]
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=_AS_NUMBER)
    return [parse_address(str(item[4][0])) for item in answers]


async def send(url: str, forwarder: Forwarder) -> ActionOutcome:
    context = OutboundContext(
        tenant_id=TenantId(uuid7()),
        webhook_id=WebhookId(uuid7()),
        delivery_id=DeliveryId(uuid7()),
        headers=[],
        body=b"{}",
        forwarder=forwarder,
    )
    outcome: ActionOutcome = await forward.run(context, Forward.model_validate({"url": url}))
    return outcome


def test_there_are_enough_spellings() -> None:
    """The tables hold more than 120, none twice."""
    assert len({*BLOCKED, *ODD}) == len(BLOCKED) + len(ODD) > 200


@pytest.mark.parametrize("spelling", BLOCKED)
async def test_blocked(spelling: str, server: TargetServer, connects: list[object]) -> None:
    """An address in a blocked network ends the delivery before any socket connects."""
    url = spelling.replace("PORT", str(server.port))
    outcome = await send(url, build_forwarder(allowed=(), resolver=lookup))
    assert isinstance(outcome, Reject)
    assert outcome.code == "blocked_address"
    assert connects == []
    assert server.connections == 0


@pytest.mark.parametrize("spelling", ODD)
@pytest.mark.parametrize("allowed", [(), ("127.0.0.0/8", "::1/128")])
async def test_odd(
    spelling: str, allowed: Sequence[str], server: TargetServer, connects: list[object]
) -> None:
    """What has two readings is refused for its text, even where one of them is allowed."""
    url = spelling.replace("PORT", str(server.port))
    outcome = await send(url, build_forwarder(allowed=allowed, resolver=lookup))
    assert isinstance(outcome, Reject)
    assert (outcome.code, outcome.details) == ("validation_error", {"field": "url"})
    assert "secret" not in outcome.reason
    assert connects == []
    assert server.connections == 0


@pytest.mark.parametrize(
    "host", ["0x7f.1", "2130706433", "017700000001", "127.1", "localhost", "loopback.example"]
)
async def test_the_second_lock(host: str, server: TargetServer, connects: list[object]) -> None:
    """Were an odd text let through, what it resolves to would still be blocked."""
    with pytest.raises(BlockedAddressError, match="loopback"):
        await CheckedConnections(resolver=lookup).connect_tcp(host, server.port)
    assert connects == []


@pytest.mark.parametrize("spelling", ["http://127.0.0.1:PORT/", "http://loopback.example:PORT/"])
async def test_connects_are_seen(
    spelling: str, server: TargetServer, connects: list[object]
) -> None:
    """The proof can fail: where the network is allowed, the same spellings do connect."""
    url = spelling.replace("PORT", str(server.port))
    outcome = await send(url, build_forwarder(resolver=lookup))
    assert isinstance(outcome, ActionResult)
    assert connects == [("127.0.0.1", server.port)]
    assert server.connections == 1


async def test_name_that_changes_its_address(server: TargetServer, connects: list[object]) -> None:
    """One answer is both checked and used; the next attempt checks the next answer."""
    answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "127.0.0.2"]]

    async def rebinding(_host: str, _port: int) -> Sequence[Address]:
        return [parse_address(text) for text in answers.pop(0)]

    forwarder = build_forwarder(allowed=["127.0.0.1/32"], resolver=rebinding)
    url = f"http://rebinding.example:{server.port}/"
    assert isinstance(await send(url, forwarder), ActionResult)
    assert len(answers) == 2, "resolved once"
    for _ in range(2):
        outcome = await send(url, forwarder)
        assert isinstance(outcome, Reject)
        assert outcome.code == "blocked_address"
    assert connects == [("127.0.0.1", server.port)]


async def test_redirect_into_the_inside(connects: list[object]) -> None:
    """A target cannot send us on."""
    async with (
        target_server(answer(200)) as inside,
        target_server(answer(307, Location=inside.url)) as target,
    ):
        outcome = await send(target.url, build_forwarder())
    assert isinstance(outcome, Reject)
    assert outcome.code == "target_refused"
    assert inside.connections == 0
    assert connects == [("127.0.0.1", target.port)]


async def test_proxies_of_the_environment_are_not_asked(
    server: TargetServer, connects: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would resolve the name by itself."""
    async with target_server(answer(200)) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert isinstance(await send(server.url, build_forwarder()), ActionResult)
    assert (proxy.connections, server.connections) == (0, 1)
    assert connects == [("127.0.0.1", server.port)]


@pytest.mark.parametrize("port", [1, 22, 25, 81, 444, 1023])
async def test_ports_of_other_services(port: int, connects: list[object]) -> None:
    """Ports that no web server has are refused by number."""
    outcome = await send(f"http://127.0.0.1:{port}/", build_forwarder())
    assert isinstance(outcome, Reject)
    assert outcome.code == "blocked_port"
    assert connects == []


async def test_name_without_an_address(connects: list[object]) -> None:
    """It may have one later."""

    async def unknown(_host: str, _port: int) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    outcome = await send("http://gone.example/", build_forwarder(resolver=unknown))
    assert outcome == Retry(
        "no answer from the target: its name does not resolve", "target_unreachable"
    )
    assert connects == []
