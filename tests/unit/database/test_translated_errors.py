"""Which faults of the database may pass, and which will not."""

import asyncpg
import pytest

from shared.database.pool import translated_errors
from shared.errors import DatabaseUnavailable


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.exceptions.CannotConnectNowError("starting"),
        asyncpg.exceptions.AdminShutdownError("shutdown"),
        asyncpg.exceptions.TooManyConnectionsError("full"),
        asyncpg.exceptions.DiskFullError("full"),
        asyncpg.exceptions.SerializationError("again"),
        asyncpg.exceptions.DeadlockDetectedError("again"),
        asyncpg.exceptions.LockNotAvailableError("busy"),
        asyncpg.exceptions.ReadOnlySQLTransactionError("failed over"),
        asyncpg.exceptions.ConnectionDoesNotExistError("gone"),
        asyncpg.InterfaceError("closed"),
        asyncpg.InternalClientError("confused"),
        ConnectionRefusedError("refused"),
        TimeoutError("late"),
    ],
)
def test_passing_faults_are_translated(error: Exception) -> None:
    """What may succeed when tried again is DatabaseUnavailable, with its cause."""
    with pytest.raises(DatabaseUnavailable) as caught, translated_errors():
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.exceptions.UniqueViolationError("twice"),
        asyncpg.exceptions.CharacterNotInRepertoireError("NUL"),
        asyncpg.exceptions.UndefinedColumnError("typo"),
        asyncpg.exceptions.InsufficientPrivilegeError("no"),
        KeyError("ours"),
    ],
)
def test_lasting_faults_pass_through(error: Exception) -> None:
    """What trying again would not change stays what it is."""
    with pytest.raises(type(error)), translated_errors():
        raise error
