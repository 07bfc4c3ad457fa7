"""Places in the feed of events, as text that says nothing."""

import base64
import binascii
import struct

from shared.psa.events import EventCursor

_VERSION = 1
#: Version, transaction id, event number.
_FORM = struct.Struct(">BQQ")


def encode_event_cursor(cursor: EventCursor) -> str:
    """Return the text of a place."""
    packed = _FORM.pack(_VERSION, cursor.transaction_id, cursor.event_number)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode_event_cursor(text: str) -> EventCursor:
    """Return the place of a text.

    Raises:
        ValueError: The text is none of ours.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, transaction_id, event_number = _FORM.unpack(raw)
    except (binascii.Error, struct.error, ValueError) as error:
        raise ValueError("no cursor") from error
    if version != _VERSION or event_number >= 2**63:
        raise ValueError("of another form")
    return EventCursor(transaction_id, event_number)
