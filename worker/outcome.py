"""What became of one attempt: a closed union."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Done:
    """The effect is there; ``result`` is kept on the delivery."""

    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry:
    """A passing fault: try again, no sooner than ``after_seconds`` where that is known."""

    reason: str
    code: str = "transient"
    after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A permanent fault: trying again would change nothing until someone mends the cause."""

    reason: str
    #: Stable name of the kind: ``mapping_failed``, ``lookup_miss``, ``validation_error``, ...
    code: str
    details: Mapping[str, Any] = field(default_factory=dict)


Outcome = Done | Retry | Reject
