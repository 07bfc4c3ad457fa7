"""A program's own wall clock, which can jump while it runs: libfaketime, preloaded into it.

Only the wall clock jumps; the monotonic clock, and with it timers and time-outs, go on.
"""

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.house import ROOT

_PACKAGE = "libfaketime"
#: The one for programs with threads.
_LIBRARY = "libfaketimeMT.so.1"
_SITE = Path(__file__).parent / "faketime"
_DOWNLOAD_SECONDS = 120
#: How long a program goes by what it last read of its clock's file; reading takes 70 microseconds.
_READ_AGAIN_SECONDS = 1
#: After a jump the program may go on for so long on the old time: whole seconds are compared.
NOTICED_SECONDS = _READ_AGAIN_SECONDS + 1


class WallClockUnavailable(Exception):
    """libfaketime could not be had."""


class WallClock:
    """The wall clock of the programs that are started with its environment."""

    def __init__(self, path: Path, *, root: Path = ROOT) -> None:
        self._path = path.resolve()
        self._root = root
        self.jump(0)

    def environment(self) -> dict[str, str]:
        """Return what a program's environment must have.

        Raises:
            WallClockUnavailable: libfaketime is neither there nor to be had.
        """
        return {
            "LD_PRELOAD": str(prepare_library(self._root)),
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            "FAKETIME_CACHE_DURATION": str(_READ_AGAIN_SECONDS),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # time.sleep would fail without what is there.
            "PYTHONPATH": f"{_SITE}:{ROOT}",
            # Files keep their true times.
            "NO_FAKE_STAT": "1",
        }

    def jump(self, seconds: float) -> None:
        """Set the clock so far ahead of the machine's, or behind it; 0 sets it right.

        Noticed within NOTICED_SECONDS.
        """
        # Renamed into place: a program that reads a half-written file would have no time at all.
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.write_text(f"{seconds:+.3f}s\n")
        fresh.rename(self._path)

    @contextmanager
    def jumped(self, seconds: float) -> Iterator[None]:
        """Jump, and jump back with the end of the block."""
        self.jump(seconds)
        try:
            yield
        finally:
            self.jump(0)


def prepare_library(root: Path) -> Path:
    """Return the library's path, fetched below ``.postern`` on first use and not installed.

    Raises:
        WallClockUnavailable: It cannot be fetched here; with the reason.
    """
    directory = root / ".postern" / "faketime"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unpacked = directory / "package"
        if not unpacked.exists():
            _fetch(unpacked)
    found = next(unpacked.rglob(_LIBRARY), None)
    if found is None:
        raise WallClockUnavailable(f"{unpacked} has no {_LIBRARY}")
    return found


def _fetch(unpacked: Path) -> None:
    fresh = unpacked.with_name(unpacked.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        try:
            _run(directory, "apt-get", "download", _PACKAGE)
        except WallClockUnavailable:
            # The list of packages may be missing, or name a version that is gone.
            _run(directory, "apt-get", "update")
            _run(directory, "apt-get", "download", _PACKAGE)
        (package,) = directory.glob("*.deb")
        _run(directory, "dpkg", "-x", str(package), str(fresh))
    fresh.rename(unpacked)


def _run(directory: Path, *command: str) -> None:
    try:
        subprocess.run(
            command,
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=_DOWNLOAD_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise WallClockUnavailable(f"{' '.join(command)}: {error.stderr.strip()}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WallClockUnavailable(f"{' '.join(command)}: {error}") from error
