"""Every error that Postern raises on purpose.

PosternError
├── ConfigurationError       settings that cannot work, all faults at once
├── InvalidInput             a value that a caller sent, with one entry per fault
├── NotFound                 no such thing, or not this tenant's
├── Conflict                 the thing exists already, or changed meanwhile
├── Unauthorized             no valid credential
├── Forbidden                a valid credential without the permission
├── DecodeError              bytes that are not what they claim to be
├── ExpressionError          a JSONata expression that does not compile or evaluate
└── Transient                may succeed when tried again
    ├── DatabaseUnavailable
    │   └── DeliveryHeld     another worker holds the delivery; the database is well
    └── QueueUnavailable
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where, what was met, and the rule that it breaks."""

    #: Dotted path from the root of the input, such as ``handler_config.field_mapping.name``.
    field: str
    #: Stable name of the rule, such as ``required`` or ``max_length``.
    rule: str
    #: A sentence for the person who has to mend it.
    message: str
    #: The offending value, shortened; never a secret.
    value: object = None


class PosternError(Exception):
    """Something went wrong in Postern."""

    #: Stable name for API answers, logs and metrics.
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class ConfigurationError(PosternError):
    """The settings cannot work."""

    code = "configuration_error"

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class InvalidInput(PosternError):
    """The input breaks a rule."""

    code = "invalid_input"

    def __init__(self, message: str, *, faults: Sequence[Fault] = ()) -> None:
        self.faults = tuple(faults)
        super().__init__(message)


class NotFound(PosternError):
    """There is no such thing."""

    code = "not_found"


class Conflict(PosternError):
    """The change conflicts with what is there."""

    code = "conflict"


class Unauthorized(PosternError):
    """A valid credential is required."""

    code = "unauthorized"


class Forbidden(PosternError):
    """The credential lacks the permission."""

    code = "forbidden"


class DecodeError(PosternError):
    """The bytes are not what they claim to be."""

    code = "decode_error"

    def __init__(self, message: str, *, data: bytes = b"") -> None:
        self.data = data
        super().__init__(message)


class ExpressionError(PosternError):
    """The expression cannot be compiled or evaluated."""

    code = "expression_error"

    def __init__(
        self, message: str, *, expression: str = "", position: int | None = None, reason: str = ""
    ) -> None:
        self.expression = expression
        #: Zero-based character offset in the expression, where known.
        self.position = position
        #: Stable reason: ``syntax``, ``evaluation``, ``timeout``, ``memory``, ``result_size``, ...
        self.reason = reason
        super().__init__(message)


class Transient(PosternError):
    """A passing fault: the same call may succeed later."""

    code = "unavailable"


class DatabaseUnavailable(Transient):
    """PostgreSQL did not answer; whether a pending commit took effect is unknown."""

    code = "database_unavailable"


class DeliveryHeld(DatabaseUnavailable):
    """Another worker holds the delivery; the database itself is well."""

    code = "delivery_held"


class QueueUnavailable(Transient):
    """The queue did not acknowledge; whether the record arrived is unknown."""

    code = "queue_unavailable"
