"""Holds the short way against the full engine, on as many generated cases as one asks for."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import orjson

from shared.errors import ExpressionError
from shared.expressions.engine import Engine
from shared.expressions.plain import MISSING, UNDECIDED, parse_expression
from tests.unit.expressions.generated import draw_document, draw_text, draw_variant

#: Documents for each family of texts: compiling a text costs as much as evaluating it ten times.
_DOCUMENTS = 12
_TEXTS = 16


@dataclass(slots=True)
class Tally:
    """What became of a number of cases."""

    #: Cases that the short way decided, by the kind of what it found.
    decided: Counter[str] = field(default_factory=Counter)
    #: Cases that it left to the engine, which are no cases of agreement.
    undecided: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Add what became of other cases."""
        self.decided += other.decided
        self.undecided += other.undecided
        self.differences += other.differences


def compare(seed: str, case_count: int) -> Tally:
    """Return what became of at least so many decided cases, drawn from a seed."""
    random, engine, tally = Random(seed), Engine(), Tally()
    while tally.decided.total() < case_count:
        documents = list(_family(random))
        bodies = [orjson.dumps(document) for document in documents]
        for _ in range(_TEXTS):
            text = draw_text(random, random.choice(documents))
            expression = parse_expression(text)
            for document, body in zip(documents, bodies, strict=True):
                found = expression.lookup(document)
                if found is UNDECIDED:
                    tally.undecided += 1
                    continue
                tally.decided[_kind(found)] += 1
                if (short := encoded(found)) != (full := evaluated(engine, text, body)):
                    tally.differences.append(f"{text!r} over {body!r}: {short!r}, not {full!r}")
    return tally


def _family(random: Random) -> Iterator[object]:
    document = draw_document(random)
    yield document
    for _ in range(_DOCUMENTS - 1):
        yield draw_variant(random, document)


def _kind(found: object) -> str:
    return "missing" if found is MISSING else "null" if found is None else type(found).__name__


def encoded(value: object) -> bytes | None:
    """Return what was found as JSON, None for undefined."""
    return None if value is MISSING else orjson.dumps(value)


def evaluated(engine: Engine, text: str, body: bytes) -> bytes | str | None:
    """Return what the full engine finds, as JSON; its fault as text."""
    try:
        return engine.evaluate(text, body)
    except ExpressionError as error:
        return f"{error.reason}: {error}"
