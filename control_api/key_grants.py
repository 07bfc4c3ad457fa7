"""What a key may be given: never more than whoever gives it has."""

from datetime import datetime

from control_api.access_schemas import ApiKeyBody
from control_api.authentication import Caller
from control_api.faults import summary
from shared.errors import Conflict, Fault, Forbidden, InvalidInput
from shared.ledger.api_keys import ApiKeys, KeyGrant, StoredApiKey


class LastAdministrator(Conflict):
    """Without this key nobody could manage the tenant's keys any more."""

    code = "last_admin_key"


def grant_of(body: ApiKeyBody) -> KeyGrant:
    """Return what a body asks for, each permission once."""
    return KeyGrant(
        name=body.name,
        permissions=list(dict.fromkeys(body.permissions)),
        expires_at=body.expires_at,
        rate_limit_per_minute=body.rate_limit_per_minute,
    )


def check_grant(
    caller: Caller, wanted: KeyGrant, *, now: datetime, before: KeyGrant | None = None
) -> None:
    """Check that the caller may give what is wanted; what a key has already may stay.

    Raises:
        Forbidden: It is more than the caller has: in permissions, time or requests a minute.
        InvalidInput: It would have expired already.
    """
    has = frozenset(caller.permissions) | frozenset(before.permissions if before else ())
    if more := [name for name in wanted.permissions if name not in has]:
        raise Forbidden(f"a key cannot grant {more[0]!r}, which its maker does not have")
    if before is None or wanted.expires_at != before.expires_at:
        _check_expiry(caller, wanted.expires_at, now)
    if before is None or wanted.rate_limit_per_minute != before.rate_limit_per_minute:
        _check_rate_limit(caller, wanted.rate_limit_per_minute)


def _check_expiry(caller: Caller, expires_at: datetime | None, now: datetime) -> None:
    latest = caller.expires_at
    if latest is not None and (expires_at is None or expires_at > latest):
        raise Forbidden("expires_at: a key cannot outlast the key that makes it")
    if expires_at is not None and expires_at <= now:
        fault = Fault("expires_at", "future", "Use a time that is yet to come", expires_at)
        raise InvalidInput(summary([fault]), faults=[fault])


def _check_rate_limit(caller: Caller, per_minute: int | None) -> None:
    most = caller.rate_limit_per_minute
    if most is not None and (per_minute is None or per_minute > most):
        raise Forbidden(
            f"rate_limit_per_minute: a key cannot have more than the {most} of its maker"
        )


async def check_administrator_remains(
    keys: ApiKeys, caller: Caller, key: StoredApiKey, *, is_agreed: bool
) -> None:
    """Check that some other key can manage keys, unless the caller agrees that none can.

    Call it before anything else is locked.

    Raises:
        LastAdministrator: This is the last one, and the caller has not agreed.
    """
    if await keys.lock_administrators(caller.tenant_id) == [key.api_key_id] and not is_agreed:
        raise LastAdministrator(
            "this is the last key with the permission admin; without one, only an operator can "
            "make a new key: send allow_no_admin=true if that is meant"
        )
