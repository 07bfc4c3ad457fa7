"""Tokens for OAUTHBEARER: from a file, and from an authorization server over HTTP."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import orjson
import pytest
from aiokafka.errors import KafkaConnectionError

from shared.embedded.ports import free_port
from shared.queue.tokens import ClientCredentials, TokenFile
from shared.settings import Secret


@dataclass
class AuthorizationServer:
    """Answers token requests, and keeps what it was asked."""

    url: str = ""
    answer: bytes = b"{}"
    status: int = 200
    asked: list[dict[str, list[str]]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    """A server on a free port."""
    state = AuthorizationServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.asked.append(parse_qs(body.decode()))
            self.send_response(state.status)
            self.end_headers()
            self.wfile.write(state.answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        state.url = f"http://127.0.0.1:{listening.server_port}/token"
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield state
        listening.shutdown()
        thread.join()


def _credentials(url: str) -> ClientCredentials:
    return ClientCredentials(
        url, client_id="postern", client_secret=Secret("hush-hush"), scope="kafka"
    )


async def test_a_token_is_kept_for_most_of_its_life(server: AuthorizationServer) -> None:
    """The server is asked once, with the client's credentials and scope."""
    server.answer = orjson.dumps({"access_token": "abc", "expires_in": 600})
    provider = _credentials(server.url)
    assert [await provider.token() for _ in range(3)] == ["abc"] * 3
    assert server.asked == [
        {
            "grant_type": ["client_credentials"],
            "client_id": ["postern"],
            "client_secret": ["hush-hush"],
            "scope": ["kafka"],
        }
    ]


async def test_a_token_that_has_run_out_is_renewed(server: AuthorizationServer) -> None:
    """A life of nothing asks each time."""
    server.answer = orjson.dumps({"access_token": "abc", "expires_in": 0})
    provider = _credentials(server.url)
    await provider.token()
    await provider.token()
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("status", "answer"),
    [(401, b"{}"), (200, b"{}"), (200, b"<html>"), (200, b"[]"), (500, b"")],
)
async def test_no_token_is_an_outage_that_shows_no_secret(
    server: AuthorizationServer, status: int, answer: bytes
) -> None:
    """Whatever the server answers, Kafka counts as unreachable and the secret stays ours."""
    server.status, server.answer = status, answer
    with pytest.raises(KafkaConnectionError) as raised:
        await _credentials(server.url).token()
    assert "hush" not in repr(raised.value)


async def test_an_absent_server_is_an_outage() -> None:
    """Nobody listens."""
    with pytest.raises(KafkaConnectionError):
        await _credentials(f"http://127.0.0.1:{free_port()}").token()


async def test_a_token_file_is_read_each_time(tmp_path: Path) -> None:
    """Somebody else renews it; a missing one is an outage."""
    path = tmp_path / "token"
    provider = TokenFile(str(path))
    with pytest.raises(KafkaConnectionError):
        await provider.token()
    path.write_text("first\n")
    assert await provider.token() == "first"
    path.write_text("second")
    assert await provider.token() == "second"
