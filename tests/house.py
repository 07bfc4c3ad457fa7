"""The project's own files, as the tests of house rules see them."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROGRAMS = ("gateway", "worker", "control_api")
SOURCES = (*PROGRAMS, "shared", "postern")


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


def project_files() -> list[Path]:
    """Return every text file of the project, without what .gitignore leaves out."""
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()} | {
        ".git"
    }
    return sorted(path for path in _walk(ROOT, ignored) if path.suffix not in {".pyc", ".bak"})


def _walk(directory: Path, ignored: set[str]) -> Iterator[Path]:
    for entry in directory.iterdir():
        if any(entry.match(pattern) for pattern in ignored if pattern):
            continue
        if entry.is_dir():
            yield from _walk(entry, ignored)
        else:
            yield entry
