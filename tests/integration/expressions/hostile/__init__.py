"""Expressions and bodies that are made to do harm, each with the ending that it has to have."""

from tests.integration.expressions.hostile import (
    escapes,
    memory,
    numbers,
    parser,
    payloads,
    recursion,
    regexes,
    texts,
    work,
)
from tests.integration.expressions.hostile.case import Case

_TOPICS = (recursion, work, memory, regexes, numbers, texts, parser, escapes, payloads)

#: ``topic.name`` to case.
HOSTILE: dict[str, Case] = {
    f"{topic.__name__.rpartition('.')[2]}.{name}": case
    for topic in _TOPICS
    for name, case in topic.CASES.items()
}
