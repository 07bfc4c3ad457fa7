"""Says in plain sentences what became of a delivery, why, and what to do about it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from shared.domain.delivery import AuthStatus, DispatchStatus
from shared.ledger.deliveries import RecordedDelivery, Waiting


class Explanation(NamedTuple):
    """What is told about one thing."""

    #: ``delivery`` or ``idempotency_key``.
    about: str
    what_happened: str
    why: str
    what_to_do: str


_REPLAY = "Mend the cause, then replay the delivery."

_REFUSALS: Mapping[str, tuple[str, str]] = {
    AuthStatus.REJECTED_SIGNATURE: (
        "Its signature is missing, or fits neither the body nor any secret that is valid.",
        (
            "Compare the sender's secret with the webhook's, rotate it if need be, and see that "
            "nothing on the way changes the body. The sender has to send it again."
        ),
    ),
    AuthStatus.REJECTED_BEARER: (
        "It brought no token, or one that is not valid.",
        "Give the sender the webhook's current token; it has to send the request again.",
    ),
    AuthStatus.REJECTED_IP: (
        "It came from an address that is in none of the webhook's networks.",
        (
            "If the address is the sender's, add its network to ip_cidrs; behind a proxy, see "
            "that the gateway trusts the proxy."
        ),
    ),
    AuthStatus.REJECTED_NO_AUTH: (
        "It brought nothing by which its sender could be told.",
        "See that the sender signs its requests as the webhook expects.",
    ),
}
_UNKNOWN_WEBHOOK = (
    "The tenant has no active webhook at this path.",
    "Correct the address at the sender, or activate the webhook.",
)

#: Of faults that are found before a handler runs.
_UNREADABLE = (
    "The body is not JSON that can be handled: {error}.",
    "Correct the sender; a body like this cannot be replayed.",
)
_LIMITED = (
    "The webhook had more requests than its limit of {limit_per_minute} a minute.",
    (
        "Senders try again after Retry-After. Raise rate_limit_per_minute if so many are genuine; "
        "this one can be replayed."
    ),
)

#: By the code of an outcome.
_FAULTS: Mapping[str, str] = {
    "mapping_failed": "Correct the field mapping; the outcome names each field. Then replay.",
    "lookup_miss": "Make what was looked up, or its external mapping, known; then replay.",
    "validation_error": "Correct the field mapping or the sender's values, then replay.",
    "conflict": "Another entity has this already: change one of the two, then replay.",
    "unknown_action": "Install the action on the workers, or choose another one; then replay.",
    "unknown_workflow": "Install the workflow on the workers, or choose another; then replay.",
    "webhook_gone": "Nothing: its webhook was deleted before it could be handled.",
    "attempts_exhausted": "Mend what the last attempt met, or raise max_attempts; then replay.",
    "forward_loop": "Take the circle out of the forwards: this one came back again and again.",
    "target_refused": "See the target's answer in the outcome; mend either side, then replay.",
    "blocked_address": "Choose another target, or have the operator allow its network.",
    "blocked_port": "Choose another port, or have the operator allow this one.",
    "blocked_scheme": "Use https, or have the operator allow plain http.",
    "signing_secret_missing": "Have the operator set the secret that forwards are signed with.",
}


def explain(delivery: RecordedDelivery, waiting: Waiting) -> list[dict[str, str]]:
    """Return what there is to say about a delivery, the most important first."""
    told = [_of_delivery(delivery, waiting)]
    if delivery.idempotency_fault is not None:
        told.append(
            Explanation(
                "idempotency_key",
                "It was accepted without an idempotency key, so that a repeat is not recognised.",
                f"The key could not be taken: {delivery.idempotency_fault}.",
                "Correct the expression of idempotency_source.",
            )
        )
    return [one._asdict() for one in told]


def _of_delivery(delivery: RecordedDelivery, waiting: Waiting) -> Explanation:
    if delivery.auth_status != AuthStatus.VERIFIED:
        return _refused(delivery)
    match DispatchStatus(delivery.dispatch_status):
        case DispatchStatus.DUPLICATE:
            return Explanation(
                "delivery",
                "It was accepted and not handled: it repeats an earlier one.",
                f"Delivery {delivery.duplicate_of} holds the same idempotency key.",
                "Nothing. To handle it all the same, replay that delivery.",
            )
        case DispatchStatus.DISPATCHED:
            return _dispatched(delivery)
        case DispatchStatus.PENDING:
            return _pending(delivery, waiting)
        case _:
            return _failed(delivery)


def _refused(delivery: RecordedDelivery) -> Explanation:
    why, what_to_do = (
        _UNKNOWN_WEBHOOK if delivery.webhook_id is None else _REFUSALS[delivery.auth_status]
    )
    what = "It was refused with 401, its body was not kept, and it can never be replayed."
    return Explanation("delivery", what, why, what_to_do)


def _dispatched(delivery: RecordedDelivery) -> Explanation:
    attempts = delivery.retry_count + 1
    how = "at the first attempt" if attempts == 1 else f"at attempt {attempts}"
    message = _outcome(delivery).get("message")
    return Explanation(
        "delivery",
        f"It was handled {how}.",
        f"The handler reported: {message}." if message else "The handler reported success.",
        "Nothing.",
    )


def _pending(delivery: RecordedDelivery, waiting: Waiting) -> Explanation:
    if waiting.is_held:
        probe_at = waiting.breaker_probe_at
        return Explanation(
            "delivery",
            "It is held back; no attempt is used up meanwhile.",
            "The webhook's circuit breaker is open: several deliveries in a row have failed.",
            "See what the last failed deliveries met. One delivery tries it out "
            f"{'soon' if probe_at is None else f'at {probe_at.isoformat()}'}; "
            "when it succeeds, the others follow.",
        )
    if waiting.is_parked:
        return Explanation(
            "delivery",
            "It waits for its turn.",
            f"Deliveries of the ordering key {delivery.ordering_key!r} are handled one by one, "
            "and an earlier one is not finished.",
            "See what the earlier one waits for.",
        )
    if delivery.next_attempt_at is not None:
        return Explanation(
            "delivery",
            f"Attempt {delivery.retry_count} failed; another follows at "
            f"{delivery.next_attempt_at.isoformat()}.",
            "The fault may pass; the attempts tell what each of them met.",
            "Nothing, unless the same fault comes again and again.",
        )
    return Explanation(
        "delivery",
        "It is accepted and waits for a worker.",
        "It was recorded a moment ago, or workers are behind or away.",
        "If it stays so, see that workers run and reach PostgreSQL and the queue.",
    )


def _failed(delivery: RecordedDelivery) -> Explanation:
    outcome = _outcome(delivery)
    error = str(outcome.get("error") or "the outcome does not tell")
    if delivery.response_status in {400, 429}:
        why, what_to_do = _UNREADABLE if delivery.response_status == 400 else _LIMITED
        told = {
            "error": outcome.get("detail") or error,
            "limit_per_minute": outcome.get("limit_per_minute", "?"),
        }
        what = f"It was refused with {delivery.response_status}."
        return Explanation("delivery", what, why.format_map(told), what_to_do)
    code = str(outcome.get("code") or "")
    return Explanation(
        "delivery",
        "It was accepted, and handling it failed for good; nothing was written.",
        f"{error[:1].upper()}{error[1:]}" + (f" ({code})." if code else "."),
        _FAULTS.get(code, _REPLAY),
    )


def _outcome(delivery: RecordedDelivery) -> Mapping[str, Any]:
    parsed = orjson.loads(delivery.handler_outcome or "null")
    return parsed if isinstance(parsed, dict) else {}
