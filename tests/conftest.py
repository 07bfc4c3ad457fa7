"""The fixtures and rules of every test: clean environment, no network in unit tests, real servers.

``TEST_DATABASE_URL`` (a superuser's) and ``TEST_KAFKA_BOOTSTRAP`` point the suite at servers of
your own; without them it starts an embedded PostgreSQL and a real Apache Kafka broker.
"""

import base64
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import hypothesis
import psycopg
import pytest
from psycopg import sql

from shared.crypto.keyring import Keyring, parse_keyring
from shared.database.migrate import migrate, migrate_workflow_engine
from shared.embedded.kafka import EmbeddedKafka
from shared.embedded.postgres import EmbeddedPostgres
from shared.embedded.temporal import EmbeddedTemporal
from shared.settings import PREFIX
from tests.house import ROOT
from tests.scheduling import ScopeScheduling
from tests.servers import ENVIRONMENT, broker_in_use, database_in_use, jars_of, temporal_in_use

_MEMORY = Path("/dev/shm")
#: What has to be free there: the largest test fills a third of it.
_MEMORY_BYTES = 6 * 1024**3
#: Promises about lost power are tested in tests/e2e, on servers that flush.
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
_MASTER_KEYS = "test-1:" + base64.b64encode(bytes(range(32))).decode()

hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True)
hypothesis.settings.register_profile("long", max_examples=5000, deadline=None)
hypothesis.settings.load_profile(
    ENVIRONMENT.get("HYPOTHESIS_PROFILE", "ci" if ENVIRONMENT.get("CI") else "dev")
)


def pytest_configure() -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in ENVIRONMENT:
        if name.startswith(PREFIX):
            del os.environ[name]  # noqa: TID251 - as in tests/servers.py


def pytest_report_header() -> list[str]:
    """Name the servers that this run uses."""
    return [
        f"database: {database_in_use()}",
        f"broker: {broker_in_use()}",
        f"workflows: {temporal_in_use()}",
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by directory, so that -m selects a layer; benchmarks run only when asked for.

    Where several processes share the tests, the longest begin first.
    """
    for item in items:
        layer = _layer(item)
        if layer in {"integration", "e2e", "benchmark"}:
            item.add_marker(layer)
    if "PYTEST_XDIST_WORKER" in ENVIRONMENT:
        items.sort(key=lambda item: _layer(item) != "e2e")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ScopeScheduling:
    """Return what shares the tests out among processes."""
    return ScopeScheduling(config, log)


def _layer(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT / "tests").parts[0]


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a unit test that opens a connection or a port."""
    if (ROOT / "tests" / "unit") not in request.path.parents:
        return

    def refuse(*_: object) -> None:
        pytest.fail("unit tests use no network: this belongs into tests/integration")

    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    """A keyring with one fixed key."""
    return parse_keyring(_MASTER_KEYS)


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The superuser's address of the PostgreSQL server of this run."""
    if given := ENVIRONMENT.get("TEST_DATABASE_URL"):
        yield given
        return
    directory = _roomy_memory() or tmp_path_factory.mktemp("postgres")
    with EmbeddedPostgres(directory / "data", settings=_FAST) as server:
        yield server.dsn()
    shutil.rmtree(directory, ignore_errors=True)


def _roomy_memory() -> Path | None:
    """Return a directory of its own on a file system in memory, where there is room.

    Databases come and go by the thousand, of hundreds of files each. Soon after others were
    deleted, ext4 without a journal takes half a second to create those.
    """
    if not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _MEMORY_BYTES:
        return None
    return Path(tempfile.mkdtemp(prefix="postern-tests-", dir=_MEMORY))


@pytest.fixture(scope="session")
def template_database(server_url: str) -> Iterator[str]:
    """The name of a migrated database that others are cloned from."""
    name = f"postern_template_{uuid4().hex}"
    _run(server_url, "create database {}", name)
    migrate(in_database(server_url, name))
    yield name
    _run(server_url, "drop database {} with (force)", name)


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """The address of a database without any schema, for this test alone."""
    with _database(server_url) as url:
        yield url


@pytest.fixture
def database_url(server_url: str, template_database: str) -> Iterator[str]:
    """The superuser's address of a migrated database, for this test alone."""
    with _database(server_url, template_database) as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(server_url: str, template_database: str) -> Iterator[str]:
    """The superuser's address of a migrated database, for the tests of one file."""
    with _database(server_url, template_database) as url:
        yield url


@pytest.fixture(scope="session")
def workflow_template_database(server_url: str, template_database: str) -> Iterator[str]:
    """The name of a migrated database with the workflow engine's schema, likewise."""
    name = f"postern_template_{uuid4().hex}"
    _run(server_url, "create database {} template {}", name, template_database)
    migrate_workflow_engine(in_database(server_url, name))
    yield name
    _run(server_url, "drop database {} with (force)", name)


@pytest.fixture
def workflow_database_url(server_url: str, workflow_template_database: str) -> Iterator[str]:
    """The superuser's address of such a database, for this test alone."""
    with _database(server_url, workflow_template_database) as url:
        yield url


@pytest.fixture(scope="session")
def read_only_database_url(server_url: str, template_database: str) -> Iterator[str]:
    """The superuser's address of a migrated database that every test leaves as it was."""
    with _database(server_url, template_database) as url:
        yield url


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Apache Kafka broker; topics and groups need names of their own."""
    if given := ENVIRONMENT.get("TEST_KAFKA_BOOTSTRAP"):
        yield given
        return
    directory = tmp_path_factory.mktemp("kafka")
    with EmbeddedKafka(directory / "data", jars_of("kafka")) as broker:
        yield broker.bootstrap
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def temporal_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Temporal test server; task queues need names of their own."""
    log_path = tmp_path_factory.mktemp("temporal") / "server.log"
    with EmbeddedTemporal(jars_of("temporal"), log_path) as server:
        yield server.address


def in_database(url: str, name: str) -> str:
    """Return the address of another database of the same server."""
    head, separator, query = url.partition("?")
    return head.rpartition("/")[0] + f"/{name}" + separator + query


@contextmanager
def _database(server_url: str, template: str = "template1") -> Iterator[str]:
    name = f"postern_test_{uuid4().hex}"
    # In memory copying files takes 25 ms for a schema of this size, copying through the log 45.
    _run(server_url, "create database {} template {} strategy file_copy", name, template)
    yield in_database(server_url, name)
    _run(server_url, "drop database {} with (force)", name)


def _run(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
