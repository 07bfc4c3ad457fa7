"""What a mapping gives, as the outcome of a delivery."""

from collections.abc import Sequence

from shared.mapping.fields import ActionFields
from shared.mapping.filling import MappingFault
from shared.mapping.mapper import Mapped
from worker.outcome import Reject, Retry


def fields_or_outcome(mapped: Mapped) -> ActionFields | Reject | Retry:
    """Return the typed fields, or what the delivery ends with for want of them."""
    if (error := mapped.passing) is not None:
        return Retry(str(error), f"expression_{error.reason}")
    filling = mapped.filling
    return _mapping_failed(filling.faults) if filling.fields is None else filling.fields


def _mapping_failed(faults: Sequence[MappingFault]) -> Reject:
    first = faults[0].details()
    return Reject(
        reason="mapping failed: " + "; ".join(f"{fault.field} {fault.reason}" for fault in faults),
        code="mapping_failed",
        details={
            **{key: first[key] for key in ("field", "expression", "position") if key in first},
            "faults": [fault.details() for fault in faults],
        },
    )
