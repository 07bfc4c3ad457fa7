"""The TCP proxy: each fault that it promises, on real sockets and a real PostgreSQL."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from shared.embedded.ports import free_port
from shared.embedded.processes import is_alive, wait_until
from tests.faults.proxy import Link, Proxy, dsn_through, postgres_link
from tests.house import ROOT
from tests.stopwatch import Stopwatch

_HOST = "127.0.0.1"
_SECONDS = 5.0


@dataclass
class Server:
    """Says back what it hears, or only keeps it; and tells how much that was."""

    port: int
    echoes: bool = True
    reads: threading.Event = field(default_factory=threading.Event)
    heard: bytearray = field(default_factory=bytearray)
    #: What was heard last on each connection that has ended.
    ended: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reads.set()
        self.listener = socket.create_server((_HOST, self.port))

    def serve(self) -> None:
        """Serve each connection in a thread, until the listener is closed."""
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _answer(self, client: socket.socket) -> None:
        said = b""
        with client:
            try:
                while self.reads.wait() and (chunk := client.recv(1 << 16)):
                    self.heard += chunk
                    said = chunk
                    if self.echoes:
                        client.sendall(chunk)
            except OSError:
                pass
            self.ended.append(said)


@contextmanager
def serving(port: int, *, echoes: bool = True) -> Iterator[Server]:
    """Run a server."""
    server = Server(port, echoes)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.reads.set()
        server.close()
        thread.join()


@dataclass
class Site:
    """A server and the proxy before it."""

    proxy: Proxy
    server: Server
    link: Link
    stack: ExitStack

    def connect(self, *, check: bool = True) -> socket.socket:
        """Return a connection through the proxy; checked to be carried."""
        client = socket.create_connection((_HOST, self.link.port), timeout=_SECONDS)
        self.stack.enter_context(client)
        if check:
            assert ask(client, b"hello") == b"hello"
        return client


@pytest.fixture
def site() -> Iterator[Site]:
    """An echo server behind a proxy."""
    link = Link("echo", free_port(), f"{_HOST}:{free_port()}")
    target_port = int(link.target.rpartition(":")[2])
    with Proxy([link]) as proxy, serving(target_port) as server, ExitStack() as stack:
        yield Site(proxy, server, link, stack)


def ask(client: socket.socket, words: bytes) -> bytes:
    """Send and return as much as was sent."""
    client.sendall(words)
    answer = b""
    while len(answer) < len(words):
        chunk = client.recv(len(words) - len(answer))
        if not chunk:
            raise EOFError
        answer += chunk
    return answer


def is_reset(client: socket.socket) -> bool:
    """Return whether the connection ends with RST; raise if it does not end."""
    client.settimeout(_SECONDS)
    try:
        assert client.recv(1) == b""
    except ConnectionResetError:
        return True
    return False


def is_silent(client: socket.socket, seconds: float = 0.3) -> bool:
    """Return whether nothing comes, not even an end."""
    client.settimeout(seconds)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    return False


def test_cut_resets_all_and_the_next_connection_works(site: Site) -> None:
    """A cut is an RST on each connection; a new one is carried at once."""
    clients = [site.connect() for _ in range(3)]
    assert site.proxy.counts() == {"echo": 3}
    assert site.proxy.cut("echo") == 3
    assert site.proxy.counts() == {"echo": 0}
    assert [is_reset(client) for client in clients] == [True] * 3
    assert ask(site.connect(), b"again") == b"again"


def test_cut_of_a_share_takes_every_kth(site: Site) -> None:
    """A third of nine is each third connection, in the order in which they were made."""
    clients = [site.connect() for _ in range(9)]
    assert site.proxy.cut("echo", 1 / 3) == 3
    cut = [clients.pop(place) for place in (8, 5, 2)]
    assert all(is_reset(client) for client in cut)
    assert [ask(client, b"alive") for client in clients] == [b"alive"] * 6


def send_in_pieces(client: socket.socket, words: bytes, size: int) -> None:
    """Send in many small writes."""
    for place in range(0, len(words), size):
        client.sendall(words[place : place + size])


def test_delay_keeps_order_and_throughput(site: Site) -> None:
    """4,000 chunks arrive in order, late by both ways, and not one delay after the other."""
    client = site.connect()
    words = b"".join(b"%07d\n" % number for number in range(4_000))
    with site.proxy.delayed("echo", 0.2):
        watch = Stopwatch()
        sender = threading.Thread(target=send_in_pieces, args=(client, words, 8))
        sender.start()
        answer = client.recv(8)
        first, first_passed = watch.seconds, watch.passed_seconds
        while len(answer) < len(words):
            answer += client.recv(1 << 16)
        last = watch.seconds
        sender.join()
    assert answer == words
    assert first_passed >= 0.4
    assert first < 0.8
    assert last < 2


def test_delay_ends_without_overtaking(site: Site) -> None:
    """What is sent after a delay ended comes behind what is still under way, then is quick."""
    client = site.connect()
    with site.proxy.delayed("echo", 0.3):
        client.sendall(b"slow")
        assert is_silent(client, 0.1)
    client.settimeout(_SECONDS)
    assert ask(client, b"fast")[:4] == b"slow"
    assert client.recv(4) == b"fast"
    watch = Stopwatch()
    ask(client, b"quick")
    assert watch.seconds < 0.25


def test_swallowed_bytes_are_never_delivered(site: Site) -> None:
    """A black hole keeps old and new connections open and silent, and ends them by RST."""
    old = site.connect()
    heard = len(site.server.heard)
    with site.proxy.swallowed("echo"):
        new = site.connect(check=False)
        old.sendall(b"swallowed")
        new.sendall(b"swallowed")
        assert is_silent(old)
        assert is_silent(new)
        assert wait_until(lambda: site.proxy.counts() == {"echo": 2}, timeout_seconds=_SECONDS)
    assert is_reset(old)
    assert is_reset(new)
    assert ask(site.connect(), b"passes") == b"passes"
    assert bytes(site.server.heard[heard:]) == b"hellopasses"


def test_swallow_takes_what_a_delay_held(site: Site) -> None:
    """What was under way when the black hole came is lost too."""
    client = site.connect()
    heard = len(site.server.heard)
    with site.proxy.delayed("echo", 0.2):
        client.sendall(b"under way")
        assert is_silent(client, 0.1)
        with site.proxy.swallowed("echo"):
            assert is_silent(client, 0.4)
    assert is_reset(client)
    assert len(site.server.heard) == heard


def test_a_black_hole_hides_the_end_of_a_connection(site: Site) -> None:
    """The server does not learn that a client has left, until the end."""
    client = site.connect()
    with site.proxy.swallowed("echo"):
        client.close()
        # By its words: another process may try a port that was its server's a moment ago.
        assert not wait_until(lambda: b"hello" in site.server.ended, timeout_seconds=0.3)
    assert wait_until(lambda: b"hello" in site.server.ended, timeout_seconds=_SECONDS)
    assert site.proxy.counts() == {"echo": 0}


def test_refuse_closes_and_refuses_then_takes_again(site: Site) -> None:
    """Connections end and the kernel refuses new ones, until the block ends."""
    client = site.connect()
    with site.proxy.refused("echo"):
        assert not is_reset(client)
        with pytest.raises(ConnectionRefusedError):
            site.connect(check=False)
    assert ask(site.connect(), b"again") == b"again"


def test_a_port_that_refuses_is_nobody_elses(site: Site) -> None:
    """While connections are refused, no other server can take the port."""
    with (
        site.proxy.refused("echo"),
        pytest.raises(OSError, match="in use"),
        socket.create_server((_HOST, site.link.port)),
    ):
        pass


def test_a_client_is_reset_while_the_target_is_down() -> None:
    """The proxy starts before its target; connections work once that listens."""
    target_port = free_port()
    link = Link("late", free_port(), f"{_HOST}:{target_port}")
    with Proxy([link]) as proxy:
        with socket.create_connection((_HOST, link.port), timeout=_SECONDS) as client:
            assert is_reset(client)
        assert proxy.counts() == {"late": 0}
        with (
            serving(target_port),
            socket.create_connection((_HOST, link.port), timeout=_SECONDS) as client,
        ):
            assert ask(client, b"up") == b"up"


def test_the_end_of_a_stream_comes_behind_its_bytes(site: Site) -> None:
    """A client that sends and leaves is heard in full, in spite of a delay."""
    client = site.connect()
    heard = len(site.server.heard)
    with site.proxy.delayed("echo", 0.1):
        client.sendall(b"last words")
        client.close()
        assert wait_until(lambda: site.proxy.counts() == {"echo": 0}, timeout_seconds=_SECONDS)
        assert wait_until(
            lambda: bytes(site.server.heard[heard:]) == b"last words", timeout_seconds=_SECONDS
        )


@pytest.mark.parametrize("delay_seconds", [0, 0.05])
def test_a_slow_reader_stops_the_sender(delay_seconds: float) -> None:
    """A server that reads nothing lets the sender wait, and the proxy stays small."""
    target_port = free_port()
    link = Link("slow", free_port(), f"{_HOST}:{target_port}")
    with serving(target_port, echoes=False) as server, Proxy([link]) as proxy:
        proxy.delay("slow", delay_seconds)
        server.reads.clear()
        with socket.create_connection((_HOST, link.port), timeout=0.5) as client:
            sent = sent_until_it_blocks(client, limit_bytes=200 << 20)
            assert sent < 200 << 20
            assert resident_bytes(proxy.pid) < 80 << 20
            server.reads.set()
            assert wait_until(lambda: len(server.heard) >= sent, timeout_seconds=_SECONDS)
            assert len(server.heard) == sent


def sent_until_it_blocks(client: socket.socket, *, limit_bytes: int) -> int:
    """Send until nothing more is taken for as long as the socket's time-out."""
    sent = 0
    try:
        while sent < limit_bytes:
            sent += client.send(bytes(1 << 20))
    except TimeoutError:
        pass
    return sent


def resident_bytes(pid: int) -> int:
    """Return the memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_the_proxy_ends_with_its_owner() -> None:
    """An owner that is killed leaves no proxy behind."""
    code = (
        "import time\n"
        "from tests.faults.proxy import Link, Proxy\n"
        f"with Proxy([Link('x', {free_port()}, '{_HOST}:1')]) as proxy:\n"
        "    print(proxy.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert is_alive(pid)
        owner.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not is_alive(pid), timeout_seconds=_SECONDS)


def test_a_port_in_use_is_refused_by_name() -> None:
    """A link whose port is taken raises, and leaves no process."""
    with socket.create_server((_HOST, free_port())) as taken:
        proxy = Proxy([Link("taken", taken.getsockname()[1], f"{_HOST}:1")])
        with pytest.raises(OSError, match="taken"):
            proxy.__enter__()
        with pytest.raises(RuntimeError, match="does not run"):
            proxy.counts()


def test_threads_share_a_proxy(site: Site) -> None:
    """Commands of eight threads at once each get their own answer."""
    wrong: list[object] = []

    def command() -> None:
        for _ in range(50):
            answers = (site.proxy.counts(), site.proxy.cut("echo"))
            if answers != ({"echo": 0}, 0):
                wrong.append(answers)

    threads = [threading.Thread(target=command) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_postgres_is_reached_and_cut(server_url: str) -> None:
    """The server's Unix socket is reached by TCP; a cut breaks a session, the next one works."""
    if not urlsplit(server_url).query.startswith("host="):
        pytest.skip("this server listens on TCP")
    link = postgres_link("postgres", free_port(), server_url)
    url = dsn_through(link, server_url)
    with Proxy([link]) as proxy:
        with psycopg.connect(url, autocommit=True) as session:
            assert session.execute("select 1").fetchone() == (1,)
            proxy.cut("postgres")
            with pytest.raises(psycopg.OperationalError):
                session.execute("select 1")
        with psycopg.connect(url) as session:
            assert session.execute("select 2").fetchone() == (2,)
