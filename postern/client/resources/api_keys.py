"""The resource api_keys. Written by `make client` from docs/openapi.json."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call, new_idempotency_key
from postern.client.transport import AsyncHttp, Http


class ApiKeys:
    """Calls of api_keys."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list_page(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.ApiKeyPage:
        """List keys, newest first, expired and revoked ones too.

        Needs the permission admin.
        """
        call = Call(
            method="GET", template="/api/v1/api-keys", query={"limit": limit, "cursor": cursor}
        )
        return self._http.fetch(call, models.ApiKeyPage)

    def each(self, *, limit: int | None = None) -> Iterator[models.ApiKey]:
        """Yield what ``list_page`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = self.list_page(limit=limit, cursor=cursor)
            yield from page.data
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    def create(
        self, body: bodies.ApiKeyBody, *, idempotency_key: str | None = None
    ) -> models.ApiKeyDataWithSecret:
        """Make a key; the answer is the only one that holds its text.

        Needs the permission admin.
        """
        call = Call(
            method="POST",
            template="/api/v1/api-keys",
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return self._http.fetch(call, models.ApiKeyDataWithSecret)

    def get(self, api_key_id: UUID | str) -> models.ApiKeyData:
        """Get a key.

        Needs the permission admin.
        """
        call = Call(
            method="GET", template="/api/v1/api-keys/{api_key_id}", path={"api_key_id": api_key_id}
        )
        return self._http.fetch(call, models.ApiKeyData)

    def replace(
        self,
        api_key_id: UUID | str,
        body: bodies.ApiKeyBody,
        *,
        allow_no_admin: bool | None = None,
    ) -> models.ApiKeyData:
        """Replace what may be set of a key; what the body leaves out gets its default.

        Needs the permission admin.
        """
        call = Call(
            method="PUT",
            template="/api/v1/api-keys/{api_key_id}",
            path={"api_key_id": api_key_id},
            query={"allow_no_admin": allow_no_admin},
            body=body,
        )
        return self._http.fetch(call, models.ApiKeyData)

    def revoke(self, api_key_id: UUID | str, *, allow_no_admin: bool | None = None) -> None:
        """Revoke a key at once and for good; its record stays. A key may revoke itself.

        Needs the permission admin.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/api-keys/{api_key_id}",
            path={"api_key_id": api_key_id},
            query={"allow_no_admin": allow_no_admin},
        )
        self._http.send(call)


class AsyncApiKeys:
    """Calls of api_keys."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list_page(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.ApiKeyPage:
        """List keys, newest first, expired and revoked ones too.

        Needs the permission admin.
        """
        call = Call(
            method="GET", template="/api/v1/api-keys", query={"limit": limit, "cursor": cursor}
        )
        return await self._http.fetch(call, models.ApiKeyPage)

    async def each(self, *, limit: int | None = None) -> AsyncIterator[models.ApiKey]:
        """Yield what ``list_page`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = await self.list_page(limit=limit, cursor=cursor)
            for item in page.data:
                yield item
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    async def create(
        self, body: bodies.ApiKeyBody, *, idempotency_key: str | None = None
    ) -> models.ApiKeyDataWithSecret:
        """Make a key; the answer is the only one that holds its text.

        Needs the permission admin.
        """
        call = Call(
            method="POST",
            template="/api/v1/api-keys",
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return await self._http.fetch(call, models.ApiKeyDataWithSecret)

    async def get(self, api_key_id: UUID | str) -> models.ApiKeyData:
        """Get a key.

        Needs the permission admin.
        """
        call = Call(
            method="GET", template="/api/v1/api-keys/{api_key_id}", path={"api_key_id": api_key_id}
        )
        return await self._http.fetch(call, models.ApiKeyData)

    async def replace(
        self,
        api_key_id: UUID | str,
        body: bodies.ApiKeyBody,
        *,
        allow_no_admin: bool | None = None,
    ) -> models.ApiKeyData:
        """Replace what may be set of a key; what the body leaves out gets its default.

        Needs the permission admin.
        """
        call = Call(
            method="PUT",
            template="/api/v1/api-keys/{api_key_id}",
            path={"api_key_id": api_key_id},
            query={"allow_no_admin": allow_no_admin},
            body=body,
        )
        return await self._http.fetch(call, models.ApiKeyData)

    async def revoke(self, api_key_id: UUID | str, *, allow_no_admin: bool | None = None) -> None:
        """Revoke a key at once and for good; its record stays. A key may revoke itself.

        Needs the permission admin.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/api-keys/{api_key_id}",
            path={"api_key_id": api_key_id},
            query={"allow_no_admin": allow_no_admin},
        )
        await self._http.send(call)
