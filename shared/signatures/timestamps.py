"""Times as senders write them; strict, so that no two readings of one text are possible."""

import re
from datetime import datetime

import orjson

from shared.signatures.scheme import TimestampForm

#: Source: RFC 3339 section 5.6, https://www.rfc-editor.org/rfc/rfc3339#section-5.6
_RFC3339 = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")
#: Digits of a number that a float holds to the millisecond.
_MOST_DIGITS = 15


def seconds_of(text: bytes, form: TimestampForm) -> float | None:
    """Return the Unix time that a text tells, None where it has not the form."""
    if form is TimestampForm.RFC3339:
        return _of_rfc3339(text)
    # isdigit: of bytes, ASCII digits alone; int() would take signs, blanks and underscores.
    if not text.isdigit() or len(text) > _MOST_DIGITS:
        return None
    return _scaled(int(text), form)


def seconds_in_body(body: bytes, name: str, form: TimestampForm) -> float | None:
    """Return the Unix time that a member of the body's outermost object tells, None for none."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    value = document.get(name) if isinstance(document, dict) else None
    if isinstance(value, bool) or not isinstance(value, int) or form is TimestampForm.RFC3339:
        return None
    return _scaled(value, form)


def _scaled(number: int, form: TimestampForm) -> float:
    return number / 1000 if form is TimestampForm.UNIX_MS else float(number)


def _of_rfc3339(text: bytes) -> float | None:
    if _RFC3339.fullmatch(text) is None:
        return None
    try:
        # Digits of the fraction beyond the sixth are cut off.
        return datetime.fromisoformat(text.decode("ascii")).timestamp()
    except (ValueError, OverflowError):
        return None
