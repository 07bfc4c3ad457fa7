"""Takes a key of a request, for de-duplication or for order, from a header or from its body."""

import hashlib
import json
from collections.abc import Hashable
from typing import NamedTuple

from shared.domain.webhook import HeaderKey
from shared.errors import ExpressionError
from shared.expressions.evaluator import Evaluator
from shared.expressions.plain import MISSING, UNDECIDED, Expression

#: Longer keys are represented by their digest: any length works, and none fills the ledger.
MAX_KEY_LENGTH = 512


class Key(NamedTuple):
    """The key, or none; and why none could be taken where the expression failed."""

    value: str | None
    fault: str | None = None


NO_KEY = Key(None)


class KeyReader:
    """Evaluates key sources."""

    def __init__(self, evaluator: Evaluator, *, timeout_seconds: float) -> None:
        self._evaluator = evaluator
        self._timeout_seconds = timeout_seconds

    @staticmethod
    def read_at_once(
        source: HeaderKey | Expression, names: dict[bytes, bytes], document: object
    ) -> Key | None:
        """Return the key where it needs no engine, else None: then ``evaluate``."""
        if isinstance(source, HeaderKey):
            header = names.get(source.header.encode(), b"")
            return Key(_bounded(header.decode("latin-1").strip()))
        found = source.lookup(document)
        return None if found is UNDECIDED else Key(key_text(found))

    async def evaluate(
        self, expression: Expression, document: object, body: bytes, *, owner: Hashable
    ) -> Key:
        """Return the key that an expression gives; its failure never fails the request.

        Args:
            expression: The expression of a webhook.
            document: The body as parsed by orjson.
            body: The same body as it came.
            owner: The tenant, in whose turn it is evaluated.
        """
        try:
            results = await self._evaluator.evaluate(
                {"key": expression},
                document,
                body,
                timeout_seconds=self._timeout_seconds,
                owner=owner,
            )
            found = results["key"]
            if isinstance(found, ExpressionError):
                return _no_key(f"{found.reason}: {found}")
            return Key(key_text(found))
        except (
            ValueError
        ) as error:  # a value that cannot be read or written, such as a huge number
            return _no_key(f"evaluation: {error}")


def key_text(found: object) -> str | None:
    """Return a found value as key text: trimmed, empty and null as none, others as JSON."""
    if found is MISSING or found is None:
        return None
    if isinstance(found, str):
        return _bounded(found.strip())
    # The standard library writes integers beyond 64 bits.
    return _bounded(json.dumps(found, sort_keys=True, ensure_ascii=False, separators=(",", ":")))


def _no_key(fault: str) -> Key:
    return Key(None, _storable(fault[:500]).decode())


def _bounded(key: str) -> str | None:
    if key.isascii() and len(key) <= MAX_KEY_LENGTH and "\0" not in key:
        return key or None  # nearly every key
    stored = _storable(key)
    if len(key) > MAX_KEY_LENGTH:
        return f"sha256:{hashlib.sha256(stored).hexdigest()}"
    return stored.decode() or None


def _storable(text: str) -> bytes:
    # PostgreSQL's text holds every character but NUL, and no half of a surrogate pair.
    return text.encode(errors="backslashreplace").replace(b"\0", b"\\u0000")
