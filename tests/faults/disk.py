"""A small disk of its own, which can be full: real ENOSPC for whoever writes to it.

It is a tmpfs, so it takes memory for what it holds and not for its size.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.embedded.processes import wait_until

#: Ample for a broker with a million deliveries of half a kilobyte, each sent three times.
SIZE_BYTES = 2 << 30
_PROGRAM_SECONDS = 20


class DiskUnavailable(Exception):
    """No disk can be mounted here, most often for want of the right to."""


class SmallDisk:
    """A disk mounted at a directory from entering to leaving, and empty at first.

    What an earlier run that ended badly left mounted there is unmounted first.
    """

    def __init__(self, directory: Path, *, size_bytes: int = SIZE_BYTES) -> None:
        self.directory = directory.resolve()
        self.size_bytes = size_bytes

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._unmount()
        self._mount("rw", self.size_bytes)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._unmount()

    @property
    def used_bytes(self) -> int:
        """What the disk holds, in whole blocks."""
        shape = os.statvfs(self.directory)
        return (shape.f_blocks - shape.f_bfree) * shape.f_frsize

    @property
    def free_bytes(self) -> int:
        """What can still be written."""
        shape = os.statvfs(self.directory)
        return shape.f_bavail * shape.f_frsize

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Take away all free space within the block; what the disk holds stays readable."""
        self._fill()
        try:
            yield
        finally:
            self._mount("remount", self.size_bytes)

    def _fill(self) -> None:
        # Shrunk and not stuffed with ballast, which would be memory. The kernel refuses a size
        # below what is used, so a writer that was quicker is a reason to try again.
        def shrunk() -> bool:
            try:
                self._mount("remount", max(self.used_bytes, 1))
            except DiskUnavailable:
                return False
            return self.free_bytes == 0

        if not wait_until(shrunk, timeout_seconds=_PROGRAM_SECONDS):
            self._mount("remount", self.size_bytes)
            raise TimeoutError(f"{self.directory} has {self.free_bytes} bytes free, and not none")

    def _mount(self, how: str, size_bytes: int) -> None:
        options = f"{how},size={size_bytes}"
        failure = _run("mount", "-t", "tmpfs", "-o", options, "postern-faults", self.directory)
        if failure:
            raise DiskUnavailable(failure)

    def _unmount(self) -> None:
        # One above another, if a run did not know of the one before it.
        while self.directory.is_mount():
            if not _run("umount", self.directory):
                continue
            # Somebody still has a file open: the place is free at once, the memory when they end.
            if failure := _run("umount", "--lazy", self.directory):
                raise DiskUnavailable(failure)


def _run(*command: str | Path) -> str:
    """Run a program; return what it said against it, or nothing."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PROGRAM_SECONDS, check=False
        )
    except FileNotFoundError as error:
        return f"{command[0]} is missing: {error}"
    return f"{command[0]}: {done.stderr.strip() or done.returncode}" if done.returncode else ""
