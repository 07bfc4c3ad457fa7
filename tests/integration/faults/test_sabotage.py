"""Protections are taken away and given back whatever the programs do meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg

from deploy.local.control import wait_for
from tests.faults.sabotage import execute_at_last

_DROP = "drop trigger sabotage on one; drop trigger sabotage on other"
_TABLES = """
create function skip() returns trigger language plpgsql as $$ begin return null; end $$;
create table one ();
create table other ();
create trigger sabotage before insert on one for each row execute function skip();
create trigger sabotage before insert on other for each row execute function skip();
"""
_WAITS = (
    "select exists (select from pg_stat_activity where query = %s and wait_event_type = 'Lock')"
)


def test_triggers_are_dropped_though_a_deadlock_is_in_the_way(empty_database_url: str) -> None:
    """The victim of the deadlock is who has waited the longest, and it tries again."""
    with (
        ThreadPoolExecutor() as threads,
        psycopg.connect(empty_database_url, autocommit=True) as watcher,
        psycopg.connect(empty_database_url) as program,
    ):
        watcher.execute(_TABLES)
        program.execute("lock table other in row exclusive mode")
        dropping = threads.submit(execute_at_last, empty_database_url, _DROP)
        wait_for(lambda: watcher.execute(_WAITS, (_DROP,)).fetchone(), lambda row: row == (True,))
        # Whoever is the victim now, the other one goes on.
        with suppress(psycopg.errors.DeadlockDetected):
            program.execute("lock table one in row exclusive mode")
        program.rollback()
        dropping.result(timeout=30)
        triggers = watcher.execute("select count(*) from pg_trigger where tgname = 'sabotage'")
        assert triggers.fetchone() == (0,)
