"""Rules of the house that no linter knows."""

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import prometheus_client
import pytest

import control_api.metrics
import gateway.metrics
import worker.metrics
from deploy.example_env import EXAMPLE, render
from shared.database.queries import Queries
from shared.domain.delivery import AuthStatus, DispatchStatus
from shared.observability.histogram import LocalHistogram
from tests.house import ROOT, SOURCES, project_files, python_files, sql_files

_STATEMENT = re.compile(
    r"\s*(select\s|insert\s+into\s|update\s+\w+(\.\w+)?\s+set\s|delete\s+from\s|with\s+\w+\s+as\s*\("
    r"|create\s+(table|index|role|schema)\s|drop\s+(table|schema)\s|truncate\s|notify\s|listen\s)",
    re.IGNORECASE,
)
#: In pieces, so that this file does not break the rule that it keeps.
_ADDRESSES = "|".join(
    [
        "pypi" + r"\.org",
        "python" + "hosted",
        "repo1?" + r"\.maven",
        "maven" + r"\.org",
        "index" + "-url",
    ]
)
_MACHINE = r"(?<![\w.$}>*])/(work|root|home|Users)/(?!\w*\$)|\.\." + "/shared/"
_SECRETS = r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bpst_[A-Za-z0-9_-]{43}\b"
_VAGUE_NAMES = {"utils", "helpers", "common", "manager", "base", "impl", "misc"}


def _strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the string constants of a module that are no docstrings."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                yield node.lineno, text


def test_no_sql_outside_sql_files() -> None:
    """Statements stand in .sql files, where a test plans each of them."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text[:50]!r}"
        for path in python_files(*SOURCES)
        for line, text in _strings(path)
        if _STATEMENT.match(text)
    ]
    assert found == []


@pytest.mark.parametrize("statement", ["SELECT 1", "update a.b set x = 1", "with x as (select"])
def test_statements_are_recognised(statement: str) -> None:
    """The rule above can fail."""
    assert _STATEMENT.match(statement)


@pytest.mark.parametrize("path", sql_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_query_is_used_exactly_once(path: Path) -> None:
    """A query belongs to one method of the module beside it; an unused one is deleted."""
    modules = [
        module for module in path.parent.glob("*.py") if f'"{path.name}"' in module.read_text()
    ]
    strings = Counter(text for module in modules for _, text in _strings(module))
    uses = {name: strings[name] for name in _queries(path).names()}
    assert {name: count for name, count in uses.items() if count != 1} == {}


@pytest.mark.parametrize("path", sql_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_query_is_explained(path: Path) -> None:
    """A sentence says what the query is for, and its parameters are named."""
    queries = _queries(path)
    for name in queries.names():
        lines = queries[name].splitlines()
        comment = "\n".join(line for line in lines if line.startswith("--"))
        statement = "\n".join(line for line in lines if not line.startswith("--"))
        assert lines[0].startswith("-- "), f"{path.name}: {name} has no sentence"
        unnamed = set(re.findall(r"\$\d+", statement)) - set(_named_parameters(comment))
        same_as_another = " as for " in comment
        assert same_as_another or not unnamed, (
            f"{path.name}: {name} does not name {sorted(unnamed)}"
        )


def _queries(path: Path) -> Queries:
    return Queries(".".join(path.relative_to(ROOT).parts[:-1]), path.name)


def _named_parameters(comment: str) -> Iterator[str]:
    """Yield $1, $2 ... of a comment; a range such as ``$3 .. $9`` names all of it."""
    stands = [int(number) for number in re.findall(r"\$(\d+)", comment)]
    yield from (f"${number}" for number in stands)
    for first, last in re.findall(r"\$(\d+)\s*(?:\.\.+|-|to)\s*\$(\d+)", comment):
        yield from (f"${number}" for number in range(int(first), int(last) + 1))


def test_example_env_is_current() -> None:
    """deploy/example.env has every setting with its default; `make settings` mends it."""
    assert EXAMPLE.read_text() == render()


def _series(module: ModuleType) -> set[str]:
    metrics = [
        item
        for item in vars(module).values()
        if isinstance(item, prometheus_client.metrics.MetricWrapperBase | LocalHistogram)
    ]
    return {
        family.name + ("_total" if family.type == "counter" else "")
        for metric in metrics
        for family in metric.collect()
    }


def test_metrics_are_documented() -> None:
    """docs/metrics.md names every series of ours, and none that is not there."""
    programs = (gateway.metrics, worker.metrics, control_api.metrics)
    series = set().union(*map(_series, programs))
    documented = set(re.findall(r"^\| `(postern_\w+)", _text("docs/metrics.md"), re.MULTILINE))
    assert documented == series


@pytest.mark.parametrize(
    ("column", "states"), [("dispatch_status", DispatchStatus), ("auth_status", AuthStatus)]
)
def test_states_are_those_of_the_schema(
    column: str, states: type[DispatchStatus | AuthStatus]
) -> None:
    """The states in Python and the ones that PostgreSQL admits are the same."""
    schema = _text("shared/database/schema.sql")
    constraint = re.search(rf"deliveries_{column}_check CHECK \((.*)\)", schema)
    assert constraint
    assert set(re.findall(r"'(\w+)'", constraint[1])) == set(states)


def test_migrations_are_numbered_and_depend_backwards() -> None:
    """Each migration has a number of its own, and depends on earlier ones alone."""
    names = sorted(path.stem for path in (ROOT / "shared/database/migrations").glob("*.sql"))
    numbers = [name[:5] for name in names]
    assert all(re.fullmatch(r"\d{4}\.", number) for number in numbers)
    assert len(set(numbers)) == len(numbers)
    for position, name in enumerate(names[1:], start=1):
        text = _text(f"shared/database/migrations/{name}.sql")
        depends = re.search(r"^-- depends: (.+)$", text, re.MULTILINE)
        assert depends, name
        assert set(depends[1].split()) <= set(names[:position]), name


def test_no_file_names_a_machine_or_a_registry() -> None:
    """The project stands alone: no path of one machine, no address of a package registry."""
    found = [
        f"{path.relative_to(ROOT)}: {hit[0]}"
        for path in project_files()
        if (hit := re.search(f"{_ADDRESSES}|{_MACHINE}", path.read_text(errors="replace")))
    ]
    assert found == []


def test_no_file_holds_a_secret() -> None:
    """No private key, cloud key or API key of ours is in the project."""
    found = [
        str(path.relative_to(ROOT))
        for path in project_files()
        if re.search(_SECRETS, path.read_text(errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize("name", ["requirements.lock", "deploy/bootstrap.lock"])
def test_lock_pins_with_hashes_and_names_no_place(name: str) -> None:
    """Every entry of a lock is one version with its hashes, wherever it is fetched from."""
    entries = re.findall(r"^\w.*\n.*", _text(name), re.MULTILINE)
    pinned = re.compile(r"[\w.-]+==\S+( ;.*)? \\\n +--hash=sha256:")
    assert entries
    assert [entry for entry in entries if not pinned.match(entry)] == []
    assert "://" not in _text(name)


def test_lock_covers_every_dependency() -> None:
    """A dependency of pyproject.toml that the lock lacks was added without `make lock`."""
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in wanted}
    locked = set(re.findall(r"^([\w.-]+)==", _text("requirements.lock"), re.MULTILINE))
    assert names - locked == set()


def test_no_module_has_a_vague_name() -> None:
    """A file is named for what is in it."""
    found = [path for path in python_files(*SOURCES, "deploy") if path.stem in _VAGUE_NAMES]
    assert found == []


def _text(name: str) -> str:
    return (ROOT / name).read_text()
