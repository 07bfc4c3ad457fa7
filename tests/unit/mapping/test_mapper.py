"""Expectations on the way from a body to fields, where no expression needs a sandbox."""

from shared.expressions.evaluator import Evaluator
from shared.expressions.plain import MISSING
from shared.expressions.sandbox import Sandbox
from shared.mapping.fields import ActionFields, ExternalId, Integer
from shared.mapping.mapper import Mapper


class Port(ActionFields):
    """A required field and one that is not."""

    external_id: ExternalId
    number: Integer | None = None


def _mapper() -> Mapper:
    return Mapper(Evaluator(Sandbox(size=1, queue_seconds=0)), timeout_seconds=1.0)


async def test_a_body_becomes_fields() -> None:
    """Expressions of fields that the model lacks are not even looked at."""
    mapped = await _mapper().map(
        Port,
        {"external_id": "device.id", "number": "device.port", "nmae": "1 + 1"},
        document={"device": {"id": "a"}},
        body=b'{"device":{"id":"a"}}',
    )

    assert mapped.results == {"external_id": "a", "number": MISSING}
    assert mapped.filling.fields == Port(external_id="a")
    assert mapped.passing is None


async def test_a_sandbox_that_is_busy_is_told_from_a_fault() -> None:
    """It has faults as any other, and is known to be about the moment."""
    mapped = await _mapper().map(
        Port, {"external_id": "1 + 1", "number": "'many'"}, document=None, body=b""
    )

    assert mapped.passing is not None
    assert mapped.passing.reason == "busy"
    assert [fault.rule for fault in mapped.filling.faults] == ["busy", "int_parsing"]
