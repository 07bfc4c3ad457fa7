"""Previews of expressions in answers."""

from typing import Any, Literal

from pydantic import Field

from control_api.contents.envelope import Content

JsonType = Literal["boolean", "number", "string", "object", "array", "null", "undefined"]


class ExpressionFault(Content):
    """What is wrong with an expression."""

    reason: str = Field(examples=["syntax"])
    message: str = Field(examples=["Syntax error"])
    position: int | None = Field(
        description="Zero-based character offset, where it is known.", examples=[8]
    )


class Evaluation(Content):
    """What an expression gives."""

    expression: str = Field(examples=["device.id"])
    result: Any = Field(examples=["d-17"])
    result_type: JsonType | None = Field(
        description="undefined: nothing was found; null: there is a fault.", examples=["string"]
    )
    is_plain: bool = Field(
        description="Whether it is looked up at once, without the engine.", examples=[True]
    )
    duration_ms: float = Field(examples=[0.012])
    fault: ExpressionFault | None
