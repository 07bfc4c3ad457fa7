"""The embedded PostgreSQL: keeps its data through kills, and belongs to one process at a time."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from shared.embedded.postgres import EmbeddedPostgres
from shared.embedded.processes import is_alive, wait_until
from tests.house import ROOT


def rows(server: EmbeddedPostgres) -> list[int]:
    """Return the numbers kept."""
    with psycopg.connect(server.dsn()) as connection:
        return [row[0] for row in connection.execute("select n from kept order by n").fetchall()]


def keep(server: EmbeddedPostgres, number: int) -> None:
    """Commit a number."""
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("create table if not exists kept (n integer)")
        connection.execute("insert into kept values (%s)", [number])


def test_data_survives_kill_and_every_kind_of_stop(tmp_path: Path) -> None:
    """What was committed is there after SIGKILL, an immediate stop and a fast one."""
    server = EmbeddedPostgres(tmp_path / "data")
    with server:
        keep(server, 1)
        server.kill()
        server.start()
        keep(server, 2)
        server.stop("immediate")
        server.start()
        keep(server, 3)
    with EmbeddedPostgres(tmp_path / "data") as again:
        assert rows(again) == [1, 2, 3]


def test_kill_leaves_no_process(tmp_path: Path) -> None:
    """After a kill even a server process with a client is gone at once."""
    with (
        EmbeddedPostgres(tmp_path / "data") as server,
        psycopg.connect(server.dsn()) as connection,
    ):
        backend = connection.info.backend_pid
        assert is_alive(backend)
        server.kill()
        assert not is_alive(backend)
        connection.close()


def test_flushes_as_in_production(tmp_path: Path) -> None:
    """Nothing that a promise rests on is switched off unless asked for."""
    with (
        EmbeddedPostgres(tmp_path / "data") as server,
        psycopg.connect(server.dsn()) as connection,
    ):
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"show {setting}".encode()).fetchone() == ("on",)


def test_a_long_path_still_has_a_socket(tmp_path: Path) -> None:
    """A directory whose socket address would be too long gets its socket elsewhere, for a time."""
    with EmbeddedPostgres(tmp_path / ("long-" * 20) / "data") as server:
        keep(server, 1)
        assert rows(server) == [1]
        elsewhere = Path(server.dsn().partition("?host=")[2])
        assert elsewhere.exists()
    assert not elsewhere.exists()


def test_second_owner_is_refused(tmp_path: Path) -> None:
    """Two processes cannot run one directory; the refusal names it."""
    with (
        EmbeddedPostgres(tmp_path / "data"),
        pytest.raises(RuntimeError, match="another process runs the database"),
    ):
        EmbeddedPostgres(tmp_path / "data").start()


def test_server_left_behind_by_a_killed_owner_is_taken_over(tmp_path: Path) -> None:
    """When its owner was killed, the server still runs; the next start ends it and goes on."""
    program = (
        "import sys, pathlib, time\n"
        "from shared.embedded.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(pathlib.Path(sys.argv[1])); server.start()\n"
        "print(server.pid, flush=True); time.sleep(60)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "data")], cwd=ROOT, stdout=subprocess.PIPE
    )
    with owner:
        assert owner.stdout is not None
        left_behind = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
    assert is_alive(left_behind)
    with EmbeddedPostgres(tmp_path / "data") as server:
        keep(server, 1)
        assert wait_until(lambda: not is_alive(left_behind), timeout_seconds=5)


def test_pid_file_of_an_unrelated_process_is_no_obstacle(tmp_path: Path) -> None:
    """After a crash another program may have the number in the pid file."""
    server = EmbeddedPostgres(tmp_path / "data")
    with server:
        server.kill()
        pid_file = tmp_path / "data" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join(["1", *lines[1:]]))
        server.start()
        keep(server, 1)


def test_unfinished_first_start_is_begun_again(tmp_path: Path) -> None:
    """A directory that initdb had not finished is made anew."""
    half_made = tmp_path / "data.new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path / "data") as server:
        keep(server, 1)


def test_data_of_another_version_is_left_alone(tmp_path: Path) -> None:
    """Data that this version cannot read is refused by name, not touched."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("15\n")
    with pytest.raises(RuntimeError, match="of PostgreSQL 15"):
        EmbeddedPostgres(data).start()
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_server_that_died_is_started_again(tmp_path: Path) -> None:
    """A server that somebody ended comes back with its data, by the object that started it."""
    with EmbeddedPostgres(tmp_path / "data") as server:
        keep(server, 1)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGQUIT)
        wait_until(lambda: server.exit_code is not None, timeout_seconds=20)
        server.start()
        assert rows(server) == [1]
