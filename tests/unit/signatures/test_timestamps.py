"""Times as senders write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.signatures.scheme import TimestampForm
from shared.signatures.timestamps import seconds_in_body, seconds_of

_UNIX, _MS, _RFC3339 = TimestampForm.UNIX, TimestampForm.UNIX_MS, TimestampForm.RFC3339


@pytest.mark.parametrize(
    ("text", "form", "seconds"),
    [
        (b"1700000000", _UNIX, 1_700_000_000),
        (b"0", _UNIX, 0),
        (b"1700000000123", _MS, 1_700_000_000.123),
        (b"2023-11-14T22:13:20Z", _RFC3339, 1_700_000_000),
        (b"2023-11-14T22:13:20.5Z", _RFC3339, 1_700_000_000.5),
        (b"2023-11-14T22:13:20.123456789Z", _RFC3339, 1_700_000_000.123456),
        (b"2023-11-15T00:43:20+02:30", _RFC3339, 1_700_000_000),
        (b"2023-11-14T15:13:20-07:00", _RFC3339, 1_700_000_000),
    ],
)
def test_seconds_when_well_written(text: bytes, form: TimestampForm, seconds: float) -> None:
    """Each form is read to the microsecond, in its zone."""
    assert seconds_of(text, form) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (b"", _UNIX),
        (b"-1", _UNIX),
        (b"+1", _UNIX),
        (b" 1", _UNIX),
        (b"1.5", _UNIX),
        (b"1_0", _UNIX),
        ("\u0661".encode(), _UNIX),
        (b"9" * 16, _MS),
        (b"", _RFC3339),
        (b"2023-11-14", _RFC3339),
        (b"2023-11-14T22:13:20", _RFC3339),
        (b"2023-11-14 22:13:20Z", _RFC3339),
        (b"20231114T221320Z", _RFC3339),
        (b"2023-11-14T22:13:20.Z", _RFC3339),
        (b"2023-11-14T22:13:20.1234567890Z", _RFC3339),
        (b"2023-02-30T22:13:20Z", _RFC3339),
        (b"2023-11-14T22:13:60Z", _RFC3339),
        (b"0000-11-14T22:13:20Z", _RFC3339),
        (b"2023-11-14T22:13:20+24:00", _RFC3339),
        (b"2023-11-14T22:13:20Z\n", _RFC3339),
        (b"1700000000", _RFC3339),
    ],
)
def test_seconds_when_written_otherwise(text: bytes, form: TimestampForm) -> None:
    """What could be read in two ways is not read."""
    assert seconds_of(text, form) is None


@given(st.binary(max_size=40), st.sampled_from(TimestampForm))
def test_seconds_when_anything(text: bytes, form: TimestampForm) -> None:
    """Any bytes are a time or none."""
    seconds = seconds_of(text, form)
    assert seconds is None or isinstance(seconds, float)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b'{"at": 1700000000123}', 1_700_000_000.123),
        (b'{"at": 1, "at": 1700000000000}', 1_700_000_000),
        (b'{"at": "1700000000123"}', None),
        (b'{"at": 1700000000123.0}', None),
        (b'{"at": true}', None),
        (b'{"at": null}', None),
        (b'{"data": {"at": 1}}', None),
        (b"[1]", None),
        (b"", None),
        (b"{", None),
    ],
)
def test_seconds_in_body(body: bytes, seconds: float | None) -> None:
    """A whole number in the outermost object is a time, and nothing else is."""
    assert seconds_in_body(body, "at", _MS) == seconds
