"""Tells which of several secrets signed a request; prepared once, for many requests."""

from collections.abc import Sequence

from shared.signatures.keys import prepare_key
from shared.signatures.reading import SchemeReader, SignedRequest
from shared.signatures.scheme import Scheme


class SchemeVerifier:
    """Holds the keys of one receiver.

    Raises:
        ValueError: A secret has not the form that the scheme asks for; see ``prepare_key``.
    """

    def __init__(
        self, scheme: Scheme, secrets: Sequence[bytes], *, public_url: str | None = None
    ) -> None:
        self._reader = SchemeReader(scheme, public_url=public_url)
        self._keys = [prepare_key(scheme, secret) for secret in secrets]
        #: Names, in lower case, of the headers that signatures stand in.
        self.signature_headers = self._reader.signature_headers

    def signers(self, request: SignedRequest, *, now: float) -> Sequence[bool]:
        """Return for each secret whether it signed the request, about now (Unix seconds).

        Every secret is held against every signature, whether or not one before it was right. None
        counts where the request is stale, or where a header that must stand once does not.
        """
        reading = self._reader.read(request)
        found = [key.proves(reading.content, reading.candidates) for key in self._keys]
        if not any(found):
            return found
        if reading.is_whole and self._reader.is_timely(reading, request.body, now):
            return found
        return [False] * len(found)
