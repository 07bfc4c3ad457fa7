"""Where a tail stands, as an opaque text that goes into an event's id."""

import base64
import binascii
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from shared.ledger.delivery_tail import Moment, Stretch

_LONGEST = 65_536


@dataclass(frozen=True, slots=True)
class TailCursor:
    """Everything up to a moment was sent, and what follows it as far as ``rest`` is gone."""

    seen: Moment
    #: What is left of the stretch that is being sent.
    rest: Stretch | None = None

    def encode(self) -> str:
        """Return the text."""
        parts = [self.seen.snapshot, str(self.seen.at_ms)]
        if self.rest is not None:
            until = self.rest.until
            parts += [until.snapshot, str(until.at_ms), self.rest.after.hex]
        return base64.urlsafe_b64encode("|".join(parts).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the cursor in a text.

        Raises:
            ValueError: It is none of ours.
        """
        if len(text) > _LONGEST:
            raise ValueError("too long")
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except binascii.Error as error:
            raise ValueError("not base64") from error
        match raw.decode("ascii").split("|"):
            case [snapshot, at_ms]:
                return cls(Moment.parse(snapshot, int(at_ms)))
            case [snapshot, at_ms, until, until_ms, after]:
                seen = Moment.parse(snapshot, int(at_ms))
                rest = Stretch(seen, Moment.parse(until, int(until_ms)), UUID(hex=after))
                return cls(seen, rest)
            case _:
                raise ValueError("of another form")
