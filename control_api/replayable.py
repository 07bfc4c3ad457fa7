"""Which deliveries may be replayed."""

from shared.domain.delivery import AuthStatus, DispatchStatus
from shared.errors import Conflict
from shared.ledger.deliveries import DeliverySummary


def check_replayable(source: DeliverySummary) -> None:
    """Raise Conflict for a delivery that must not, or could not, be handled."""
    if source.auth_status != AuthStatus.VERIFIED:
        raise Conflict(f"the request was never authenticated ({source.auth_status})")
    if source.dispatch_status == DispatchStatus.PENDING:
        raise Conflict("the delivery is still being handled")
    if source.dispatch_status == DispatchStatus.DUPLICATE:
        raise Conflict(f"this repeats delivery {source.duplicate_of}; replay that one")
    if source.response_status == 400:
        raise Conflict("the body is not valid JSON; no handler could read it")
