"""Samples in answers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from control_api.contents.envelope import Content
from control_api.contents.expressions import JsonType
from control_api.contents.webhooks import Sample


class SampleSummary(Content):
    """A sample without its contents."""

    sample_id: UUID
    name: str | None = Field(
        description="null: the next capture without a name replaces it.", examples=["offline"]
    )
    delivery_id: UUID
    captured_at: datetime
    body_bytes: int = Field(examples=[512])


class NamedSample(Sample):
    """A sample with its headers and body."""

    sample_id: UUID
    name: str | None = Field(examples=["offline"])


class SampleNode(Content):
    """One value of a sample, or what all items of an array have in its place."""

    path: str = Field(description="JSONata, for a mapping.", examples=["device.`serial no`"])
    types: list[JsonType] = Field(examples=[["string"]])
    item_types: list[JsonType] = Field(
        description="Of the items, where it is an array.", examples=[[]]
    )
    example: Any = Field(description="A scalar that was met there.", examples=["SN-1"])
    children: list[Any] = Field(
        description="The members, each with its name and all of the above.",
        examples=[
            [
                {
                    "name": "id",
                    "path": "device.id",
                    "types": ["string"],
                    "item_types": [],
                    "example": "d-17",
                    "children": [],
                }
            ]
        ],
    )


class SampleTree(Content):
    """What a sample holds."""

    root: SampleNode
    is_truncated: bool = Field(description="Whether something was left out for its size.")
