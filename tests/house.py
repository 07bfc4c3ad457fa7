"""The project's own files, as the tests of house rules see them."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROGRAMS = ("gateway", "worker", "control_api")
SOURCES = (*PROGRAMS, "shared")


def sql_files() -> list[Path]:
    """Return the .sql files that hold named queries."""
    return sorted(
        path
        for source in SOURCES
        for path in (ROOT / source).rglob("*.sql")
        if "migrations" not in path.parts and path.name != "schema.sql"
    )


def python_files(*directories: str) -> list[Path]:
    """Return the Python files below some directories of the project."""
    return sorted(path for name in directories for path in (ROOT / name).rglob("*.py"))


def tracked_files() -> list[Path]:
    """Return every file that the project's repository holds, and every new one it would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
