"""API keys: list, make, change, revoke. A key's text is shown once, when it is made."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from control_api.access import Admin, JsonBody, Provided
from control_api.access_schemas import ApiKeyBody
from control_api.answers import answer, data, data_with_secret, no_content
from control_api.auditing import audit
from control_api.contents import access as contents
from control_api.contents.envelope import Data, DataWithSecret
from control_api.contents.envelope import Page as PageOf
from control_api.credentials import key_digest, key_prefix, new_key
from control_api.documentation import documented
from control_api.faults import validated
from control_api.key_grants import check_administrator_remains, check_grant, grant_of
from control_api.pagination import Page, page_content
from shared.clock import SystemClock
from shared.domain.identifiers import uuid7
from shared.errors import Conflict
from shared.ledger.api_keys import ApiKeys, KeyGrant, NewApiKey, StoredApiKey
from shared.settings import Secret

router = APIRouter(prefix="/api/v1/api-keys", tags=["API keys"])

_CLOCK = SystemClock()
#: What an answer adds to a key: accepted and passed over, so that it can be sent back.
_READ_ONLY = frozenset(
    {"api_key_id", "key_prefix", "is_active", "created_by", "created_at", "last_used_at"}
) | {"revoked_at"}

_LAST = "it is the last key with the permission admin"
_CONFLICT = f"the key is revoked, or {_LAST}"

AllowNoAdmin = Annotated[
    bool, Query(description="Agree that no key with the permission admin may be left.")
]


@router.get("")
@documented(answer=PageOf[contents.ApiKey])
async def list_page(services: Provided, caller: Admin, page: Page) -> Response:
    """List keys, newest first, expired and revoked ones too."""
    async with services.transaction(caller) as connection:
        found = await ApiKeys(connection).list_page(
            caller.tenant_id, after=page.after, limit=page.probe
        )
    return answer(
        page_content(found, page, key=lambda key: key.api_key_id, present=api_key_content)
    )


@router.post("", status_code=201)
@documented(answer=DataWithSecret[contents.ApiKey], body=ApiKeyBody)
async def create(services: Provided, caller: Admin, body: JsonBody) -> Response:
    """Make a key; the answer is the only one that holds its text."""
    grant = grant_of(validated(ApiKeyBody, body))
    check_grant(caller, grant, now=_CLOCK.now())
    text, api_key_id = new_key(), uuid7()
    async with services.transaction(caller) as connection:
        keys = ApiKeys(connection)
        await keys.insert(
            NewApiKey(
                tenant_id=caller.tenant_id,
                api_key_id=api_key_id,
                key_digest=key_digest(text),
                key_prefix=key_prefix(text),
                created_by=caller.actor,
                grant=grant,
            )
        )
        await audit(
            connection, caller, "api_key.created", f"api_key:{api_key_id}", after=asdict(grant)
        )
        key = await keys.get(caller.tenant_id, api_key_id)
    return data_with_secret(api_key_content(key), Secret(text), status=201)


@router.get("/{api_key_id}")
@documented(answer=Data[contents.ApiKey])
async def get(services: Provided, caller: Admin, api_key_id: UUID) -> Response:
    """Get a key."""
    async with services.transaction(caller) as connection:
        key = await ApiKeys(connection).get(caller.tenant_id, api_key_id)
    return data(api_key_content(key))


@router.put("/{api_key_id}")
@documented(answer=Data[contents.ApiKey], body=ApiKeyBody, faults={409: _CONFLICT})
async def replace(
    services: Provided,
    caller: Admin,
    api_key_id: UUID,
    *,
    body: JsonBody,
    allow_no_admin: AllowNoAdmin = False,
) -> Response:
    """Replace what may be set of a key; what the body leaves out gets its default."""
    wanted = grant_of(validated(ApiKeyBody, _settable(body)))
    async with services.transaction(caller) as connection:
        keys = ApiKeys(connection)
        before = await keys.get(caller.tenant_id, api_key_id)
        if "admin" not in wanted.permissions:
            await check_administrator_remains(keys, caller, before, is_agreed=allow_no_admin)
        before = await keys.lock(caller.tenant_id, api_key_id)
        _check_changeable(before)
        check_grant(caller, wanted, now=_CLOCK.now(), before=before.grant)
        await keys.update(caller.tenant_id, api_key_id, wanted)
        await audit(
            connection,
            caller,
            "api_key.replaced",
            f"api_key:{api_key_id}",
            before=_comparable(before.grant),
            after=_comparable(wanted),
        )
        key = await keys.get(caller.tenant_id, api_key_id)
    return data(api_key_content(key))


@router.delete("/{api_key_id}", status_code=204)
@documented(answer=None, faults={409: _LAST})
async def revoke(
    services: Provided, caller: Admin, api_key_id: UUID, *, allow_no_admin: AllowNoAdmin = False
) -> Response:
    """Revoke a key at once and for good; its record stays. A key may revoke itself."""
    async with services.transaction(caller) as connection:
        keys = ApiKeys(connection)
        before = await keys.get(caller.tenant_id, api_key_id)
        await check_administrator_remains(keys, caller, before, is_agreed=allow_no_admin)
        before = await keys.lock(caller.tenant_id, api_key_id)
        if before.is_active:
            await keys.revoke(caller.tenant_id, api_key_id)
            await audit(
                connection,
                caller,
                "api_key.revoked",
                f"api_key:{api_key_id}",
                before={"is_active": True},
                after={"is_active": False},
            )
    return no_content()


def api_key_content(key: StoredApiKey) -> dict[str, Any]:
    """Return a key as it is answered: its text and digest are not in it."""
    return asdict(key)


def _settable(body: object) -> object:
    if not isinstance(body, dict):
        return body
    return {name: value for name, value in body.items() if name not in _READ_ONLY}


def _comparable(grant: KeyGrant) -> dict[str, Any]:
    """Return a grant for comparing: the order of permissions says nothing."""
    return asdict(grant) | {"permissions": sorted(grant.permissions)}


def _check_changeable(key: StoredApiKey) -> None:
    if not key.is_active:
        raise Conflict("the key is revoked; make a new one")
