"""Problem details, the form of every error answer. Source: RFC 9457."""

from typing import Any

from pydantic import Field

from control_api.contents.envelope import Content

MEDIA_TYPE = "application/problem+json"


class ProblemFault(Content):
    """One thing that is wrong with a request."""

    field: str = Field(
        description="Path of the field, its parts joined by dots; empty for the whole body.",
        examples=["handler_config.action"],
    )
    rule: str = Field(description="Stable name of the broken rule.", examples=["unknown_action"])
    message: str = Field(examples=["No worker runs this action; known: upsertTicket"])
    value: Any = Field(
        description="What was given, where it is plain and can be no secret.", examples=["upsert"]
    )


class Problem(Content):
    """Why a request was not served."""

    type: str = Field(
        description="The code as a URI: the kind of problem.",
        examples=["urn:postern:problem:not_found"],
    )
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(description="The status of the answer.", examples=[404])
    detail: str = Field(description="What happened, for people.", examples=["there is no webhook"])
    code: str = Field(description="Stable name of the kind of problem.", examples=["not_found"])
    errors: list[ProblemFault] = Field(
        description="Everything that is wrong with the request; empty for other problems."
    )
