"""The form of a .sql file of named queries."""

from shared.database.queries import Queries


def test_queries_are_found_by_name() -> None:
    """A heading names what follows it, comments included, up to the next heading."""
    queries = Queries("shared.database", "pool.sql")
    assert "enter_tenant" in queries.names()
    assert queries["enter_tenant"].startswith("-- Name the tenant")
    assert "set_config('postern.tenant_id', $1, true)" in queries["enter_tenant"]
