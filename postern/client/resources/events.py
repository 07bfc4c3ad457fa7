"""The resource events. Written by `make client` from docs/openapi.json."""

from postern.client import models
from postern.client.calls import Call
from postern.client.transport import AsyncHttp, Http


class Events:
    """Calls of events."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list_events(
        self, *, after: str | None = None, limit: int | None = None
    ) -> models.EventPage:
        """List events in their order, from the oldest that is kept or from after a cursor.

        An event that is not listed yet comes after every cursor given so far, whatever
        transaction commits late. ``meta.next_cursor`` is where to go on, also where nothing is
        there yet.

        Needs the permission read.
        """
        call = Call(
            method="GET", template="/api/v1/psa/events", query={"after": after, "limit": limit}
        )
        return self._http.fetch(call, models.EventPage)


class AsyncEvents:
    """Calls of events."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list_events(
        self, *, after: str | None = None, limit: int | None = None
    ) -> models.EventPage:
        """List events in their order, from the oldest that is kept or from after a cursor.

        An event that is not listed yet comes after every cursor given so far, whatever
        transaction commits late. ``meta.next_cursor`` is where to go on, also where nothing is
        there yet.

        Needs the permission read.
        """
        call = Call(
            method="GET", template="/api/v1/psa/events", query={"after": after, "limit": limit}
        )
        return await self._http.fetch(call, models.EventPage)
