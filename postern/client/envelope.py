"""What every model of an answer has."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, PrivateAttr


class Model(BaseModel):
    """Something in an answer; fields that this version does not know are kept, too."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Envelope(Model):
    """A whole answer: its content, and what its headers say."""

    _etag: str | None = PrivateAttr(default=None)
    _request_id: str = PrivateAttr(default="")

    @property
    def etag(self) -> str | None:
        """Return the version of what was answered, for ``if_match``; None: it has none."""
        return self._etag

    @property
    def request_id(self) -> str:
        """Return what finds the request in the API's logs."""
        return self._request_id

    def _with_head(self, *, etag: str | None, request_id: str) -> None:
        self._etag = etag
        self._request_id = request_id


AnyEnvelope = TypeVar("AnyEnvelope", bound=Envelope)
OtherEnvelope = TypeVar("OtherEnvelope", bound=Envelope)
