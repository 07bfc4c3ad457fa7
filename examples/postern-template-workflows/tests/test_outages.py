"""Runs of the workflow, step by step as an engine carries them on."""

from collections.abc import Iterator

import asyncpg
import pytest
from postern_template_workflows.outages import report_outage

from postern.testing import ledger, run


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with ledger() as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """As workers have it."""
    monkeypatch.setenv("POSTERN_DATABASE_URL", postgres_url)
    return postgres_url


async def _pages(database_url: str, numbers: list[int]) -> list[str]:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "select person from outages.pages where page_number = any ($1) order by page_number",
            numbers,
        )
    finally:
        await connection.close()
    return [row["person"] for row in rows]


async def test_short_outage_pages_who_is_on_call(database_url: str) -> None:
    """And nobody else."""
    result = await run(report_outage, {"site": "Ghent", "minutes": 5})
    assert await _pages(database_url, result["pages"]) == [result["on_call"]]


async def test_long_outage_pages_the_lead_too(database_url: str) -> None:
    """After whoever is on call."""
    result = await run(report_outage, {"site": "Ghent", "minutes": 45})
    assert await _pages(database_url, result["pages"]) == [result["on_call"], "barbara"]


async def test_step_that_is_called_again_pages_once(database_url: str) -> None:
    """As after the death of a worker between a step's effect and the note of its result."""
    result = await run(report_outage, {"site": "Ghent", "minutes": 45}, calls=2)
    assert len(set(result["pages"])) == 2
    connection = await asyncpg.connect(database_url)
    try:
        count = await connection.fetchval(
            "select count(*) from outages.pages where page_number >= $1", min(result["pages"])
        )
    finally:
        await connection.close()
    assert count == 2


async def test_body_that_is_no_outage_starts_nothing() -> None:
    """Its delivery would fail as ``envelope_invalid``."""
    with pytest.raises(ValueError, match="minutes"):
        await run(report_outage, {"site": "Ghent"})
