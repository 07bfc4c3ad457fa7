"""What a target's answer means for the delivery; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from worker.outcome import Done, Outcome, Reject, Retry

#: How much of an answer's body is kept with the delivery, in bytes.
MAX_KEPT_BYTES = 4000
#: A target that asks for a longer pause gets this one.
LONGEST_PAUSE_SECONDS = 3600.0

_SHOWN_BYTES = 200
#: Statuses below 500 that may pass. Source: RFC 9110, section 15, RFC 8470, RFC 6585.
_PASSING = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A target's answer."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    #: As much of the body as was read.
    body: bytes
    #: Whether there was more.
    is_cut: bool = False

    def header(self, name: bytes) -> str | None:
        """Return the first header of a name, given in small letters."""
        values = (value for key, value in self.headers if key.lower() == name)
        value = next(values, None)
        return None if value is None else value.decode("latin-1")


def outcome_of(answer: Answer, now: datetime) -> Outcome:
    """Return what became of the attempt that got an answer."""
    if 200 <= answer.status < 300:
        return Done(_kept(answer))
    if answer.status in _PASSING or answer.status >= 500:
        return Retry(
            f"the target answered {answer.status}{_shown(answer)}",
            f"target_{answer.status}",
            pause_seconds(answer.header(b"retry-after"), now),
        )
    if 300 <= answer.status < 400:
        reason = f"the target answered {answer.status}; redirects are not followed"
    else:
        reason = f"the target answered {answer.status}{_shown(answer)}"
    return Reject(reason, "target_refused", _kept(answer))


def pause_seconds(value: str | None, now: datetime) -> float | None:
    """Return the pause that a Retry-After asks for, capped; None where it asks for none.

    Source: RFC 9110, section 10.2.3, https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        # No number of seconds is longer than its cap; one of a thousand digits is not parsed.
        return min(float(value[:9]), LONGEST_PAUSE_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = (aware - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS)


def _kept(answer: Answer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "content_type": answer.header(b"content-type"),
        "response": answer.body[:MAX_KEPT_BYTES].decode(errors="replace"),
        "response_is_cut": answer.is_cut or len(answer.body) > MAX_KEPT_BYTES,
    }


def _shown(answer: Answer) -> str:
    if not answer.body:
        return ""
    return f": {answer.body[:_SHOWN_BYTES].decode(errors='replace')!r}"
