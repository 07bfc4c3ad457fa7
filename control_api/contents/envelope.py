"""The forms that every answer has."""

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Content(BaseModel):
    """Something in an answer: closed, so that a field which is not documented is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Content, Generic[T]):
    """One thing."""

    data: T

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the name of the component in the document."""
        return f"{_name(params[0])}Data"


class DataWithSecret(Data[T], Generic[T]):
    """One thing, and beside it a secret in clear, which is shown this one time."""

    secret: str | None = Field(
        description="In clear, shown in this answer alone; null where there is no new one.",
        examples=["R0cM2mV3s1nTq8wKx5uYb7zA4dE6fG9h"],
    )

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the name of the component in the document."""
        return f"{_name(params[0])}DataWithSecret"


class PageMeta(Content):
    """Where the next page begins."""

    next_cursor: str | None = Field(
        description="Give it as cursor for the next page; null on the last one.",
        examples=["AQGOJ8vQAHAAgAAAAAAAAAE"],
    )
    limit: int = Field(examples=[25])


class Page(Content, Generic[T]):
    """Some things of a list, and where the list goes on."""

    data: list[T]
    meta: PageMeta

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the name of the component in the document."""
        return f"{_name(params[0])}Page"


def _name(kind: object) -> str:
    """Return the name of a type: of ``list[X]`` that of a list of X."""
    arguments = getattr(kind, "__args__", ())
    return f"{_name(arguments[0])}List" if arguments else getattr(kind, "__name__", str(kind))
