"""The resource directory. Written by `make client` from docs/openapi.json."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call, new_idempotency_key
from postern.client.transport import AsyncHttp, Http


class Directory:
    """Calls of directory."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def create_client(
        self, body: bodies.ClientBody, *, idempotency_key: str | None = None
    ) -> models.ClientData:
        """Create a client.

        Needs the permission create.
        """
        call = Call(
            method="POST",
            template="/api/v1/clients",
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return self._http.fetch(call, models.ClientData)

    def list_clients(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.ClientPage:
        """List clients, newest first.

        Needs the permission read.
        """
        call = Call(
            method="GET", template="/api/v1/clients", query={"limit": limit, "cursor": cursor}
        )
        return self._http.fetch(call, models.ClientPage)

    def each_clients(self, *, limit: int | None = None) -> Iterator[models.Client]:
        """Yield what ``list_clients`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = self.list_clients(limit=limit, cursor=cursor)
            yield from page.data
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    def list_assets(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.AssetSummaryPage:
        """List assets with their client's name, newest first.

        Needs the permission read.
        """
        call = Call(
            method="GET", template="/api/v1/assets", query={"limit": limit, "cursor": cursor}
        )
        return self._http.fetch(call, models.AssetSummaryPage)

    def each_assets(self, *, limit: int | None = None) -> Iterator[models.AssetSummary]:
        """Yield what ``list_assets`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = self.list_assets(limit=limit, cursor=cursor)
            yield from page.data
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    def get_asset(self, asset_id: UUID | str) -> models.AssetData:
        """Get an asset with the snapshot that was last received for it.

        Needs the permission read.
        """
        call = Call(
            method="GET", template="/api/v1/assets/{asset_id}", path={"asset_id": asset_id}
        )
        return self._http.fetch(call, models.AssetData)


class AsyncDirectory:
    """Calls of directory."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def create_client(
        self, body: bodies.ClientBody, *, idempotency_key: str | None = None
    ) -> models.ClientData:
        """Create a client.

        Needs the permission create.
        """
        call = Call(
            method="POST",
            template="/api/v1/clients",
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return await self._http.fetch(call, models.ClientData)

    async def list_clients(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.ClientPage:
        """List clients, newest first.

        Needs the permission read.
        """
        call = Call(
            method="GET", template="/api/v1/clients", query={"limit": limit, "cursor": cursor}
        )
        return await self._http.fetch(call, models.ClientPage)

    async def each_clients(self, *, limit: int | None = None) -> AsyncIterator[models.Client]:
        """Yield what ``list_clients`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = await self.list_clients(limit=limit, cursor=cursor)
            for item in page.data:
                yield item
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    async def list_assets(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.AssetSummaryPage:
        """List assets with their client's name, newest first.

        Needs the permission read.
        """
        call = Call(
            method="GET", template="/api/v1/assets", query={"limit": limit, "cursor": cursor}
        )
        return await self._http.fetch(call, models.AssetSummaryPage)

    async def each_assets(self, *, limit: int | None = None) -> AsyncIterator[models.AssetSummary]:
        """Yield what ``list_assets`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = await self.list_assets(limit=limit, cursor=cursor)
            for item in page.data:
                yield item
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    async def get_asset(self, asset_id: UUID | str) -> models.AssetData:
        """Get an asset with the snapshot that was last received for it.

        Needs the permission read.
        """
        call = Call(
            method="GET", template="/api/v1/assets/{asset_id}", path={"asset_id": asset_id}
        )
        return await self._http.fetch(call, models.AssetData)
