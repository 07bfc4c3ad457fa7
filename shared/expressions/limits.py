"""What can be said against an expression's text before it is parsed."""

from shared.errors import ExpressionError

#: Longest expression that is compiled, in bytes of UTF-8; the parser is quadratic.
MAX_EXPRESSION_BYTES = 16 * 1024


def refusal(text: str) -> ExpressionError | None:
    """Return why a text is not even parsed, None if it may be."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        message = "The expression contains half of a surrogate pair"
        return ExpressionError(message, expression=text, position=error.start, reason="syntax")
    if size > MAX_EXPRESSION_BYTES:
        message = f"The expression is longer than {MAX_EXPRESSION_BYTES} bytes"
        return ExpressionError(message, expression=text, position=0, reason="too_long")
    return None
