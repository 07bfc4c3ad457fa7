"""What the server holds DBOS's connections to."""

from sqlalchemy import create_engine, text

from worker.workflows.dbos_engine import _as_system


def test_connection_has_its_role_and_gives_locks_back(database_url: str) -> None:
    """It acts as the system role, and the locks of a frozen worker are free after a while."""
    engine = create_engine(_as_system(f"{database_url}&options=-cwork_mem%3D1MB"))
    settings = ("role", "idle_in_transaction_session_timeout", "work_mem")
    with engine.connect() as connection:
        found = [connection.scalar(text(f"select current_setting('{name}')")) for name in settings]
    engine.dispose()
    assert found == ["postern_system", "30s", "1MB"]
